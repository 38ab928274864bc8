"""The roof: the lower of two limits, measured from what was really done."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnscratch.profiling import roof as module
from nnscratch.profiling.roof import Roof, arithmetic, copying, roof

REAL = module._measured  # the fixture of conftest.py puts another in its place


def test_the_lower_of_memory_and_arithmetic() -> None:
    one = Roof(100, 10, threads=1)
    assert [one.at(intensity) for intensity in (0, 5, 10, 1000)] == [0, 50, 100, 100]
    np.testing.assert_array_equal(one.at(np.array([5, 1000])), [50, 100])
    assert one.milliseconds(operations=200_000_000, moved=10_000_000) == (2.0, 1.0)
    assert str(one) == "100 GFLOP/s, 10 GB/s on 1 thread"


def test_rates_come_from_the_best_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(work: object) -> float:
        work()  # type: ignore[operator]
        return next(times)

    times = itertools.chain([5.0, 4.0, 2.0], itertools.repeat(4.0))
    monkeypatch.setattr(module, "milliseconds", timed)
    lanes = module.VECTOR_BYTES // 8
    assert arithmetic("float64", 1, rounds=1000) == pytest.approx(2 * 1000 * module.SUMS * lanes / 2e6)
    times = itertools.chain([5.0, 4.0, 2.0], itertools.repeat(4.0))
    assert copying(1, size=module._PARTS * 3_000_000) == pytest.approx(3.0)  # a part: 3 MB read, 3 MB written


def test_what_disturbs_one_measurement_does_not_lower_the_roof(monkeypatch: pytest.MonkeyPatch) -> None:
    for found in ([50.0, 80.0], [80.0, 50.0]):
        rates = iter(found)
        monkeypatch.setattr(module, "arithmetic", lambda *_, rates=rates: next(rates))
        monkeypatch.setattr(module, "copying", lambda *_: 10.0)
        REAL.cache_clear()
        assert REAL("float32", 2) == Roof(80.0, 10.0, 2)
    REAL.cache_clear()


def test_it_is_measured_once_for_each_number_of_threads_and_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_measured", REAL)
    monkeypatch.setattr(module, "_ROUNDS", 1000)
    monkeypatch.setattr(module, "_COPIED", 1 << 16)
    REAL.cache_clear()
    one, again, other = roof(threads=1), roof(threads=1), roof(np.float64, threads=1)
    REAL.cache_clear()
    assert one is again
    assert (one.dtype, other.dtype, one.threads) == ("float32", "float64", 1)
    assert min(one.gflops, other.gflops, one.gigabytes_per_second) > 0
