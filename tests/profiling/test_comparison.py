"""A comparison: what differs is an error, and what is equal is measured."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nnscratch.profiling.comparison import Arrays, Method, Operation, compare, difference, rounding
from nnscratch.profiling.roof import Roof

ROOF = Roof(gflops=100, gigabytes_per_second=10, threads=1)
X = np.arange(6.0).reshape(2, 3)


def operation(bounds: tuple[float, float] = (1e-6, 1e-6)) -> Operation:
    return Operation("doubling", (1000, 2000), ({"y": 2 * X}, {"dx": X}), bounds, ("a note",))


def method(name: str = "good", wrong: float = 0.0, calls: list[str] | None = None) -> Method:
    def forward() -> Arrays:
        if calls is not None:
            calls.append(f"{name} forward")
        return {"y": 2 * X + wrong}

    def backward() -> Arrays:
        if calls is not None:
            calls.append(f"{name} backward")
        return {"dx": X + wrong}

    return Method(name, "an idea", forward, backward, (500.0, 1000.0))


def test_rows_by_hand() -> None:
    result = compare(operation(), [method(), replace(method("other"), chosen=(False, True))], ROOF, seconds=0.0)
    assert [(row.method, row.direction, row.chosen) for row in result.rows] == [
        ("good", "forward", False), ("good", "backward", False),
        ("other", "forward", False), ("other", "backward", True),
    ]  # fmt: skip
    first = result.rows[0]
    assert first.times_as_fast == 1.0
    assert first.intensity == 2.0
    assert first.gflops == pytest.approx(1000 / first.milliseconds / 1e6)
    assert first.gigabytes_per_second == pytest.approx(500 / first.milliseconds / 1e6)
    assert first.share_of_roof == pytest.approx(first.gflops / ROOF.at(2.0))
    assert first.difference == 0
    assert json.loads(json.dumps(result.as_dict(), allow_nan=False))["rows"][0]["method"] == "good"


def test_forward_and_backward_take_turns() -> None:
    calls: list[str] = []
    compare(operation(), [method("a", calls=calls), method("b", calls=calls)], ROOF, seconds=0.0)
    rounds = ["a forward", "a backward", "b forward", "b backward"]
    assert calls == rounds * 5  # the check, a warm-up, three that count


@pytest.mark.parametrize("wrong", [1e-4, np.nan])
def test_a_difference_beyond_rounding_is_an_error(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"compare: got y by bad that differs by .*, expected at most 1e-06; the ker"):
        compare(operation(), [method(), method("bad", wrong)], ROOF)
    found = compare(operation((1.0, 1.0)), [method("near", 1e-4)], ROOF, seconds=0.0)
    assert found.rows[0].difference == pytest.approx(1e-4 / 10)


def test_a_slow_method_runs_a_part_and_is_scaled() -> None:
    calls: list[str] = []
    part = replace(method("slow", calls=calls), part=0.25, expected=({"y": 2 * X}, {"dx": X}))
    result = compare(operation(), [part, method()], ROOF, seconds=0.0)
    assert calls == ["slow forward", "slow backward"]  # its times are those of the check
    slow, _, good, _ = result.rows
    assert slow.part == 0.25
    assert slow.intensity == good.intensity
    assert slow.times_as_fast == pytest.approx(good.milliseconds / slow.milliseconds)


def test_what_is_checked_may_be_something_else() -> None:
    checked = replace(method("off", wrong=1.0), check=(method().forward, method().backward))
    assert compare(operation(), [checked], ROOF, seconds=0.0).rows[0].difference == 0


def test_difference() -> None:
    assert difference(np.zeros(3), np.zeros(3)) == 0
    assert difference(np.array([0.5]), np.array([0.0])) == 0.5
    assert np.isnan(difference(np.array([np.nan]), np.array([1.0])))
    with pytest.raises(ValueError, match="got a result of shape"):
        difference(np.zeros(3), np.zeros((1, 3)))
    assert rounding(100, np.float32) == pytest.approx(100 * 1.19e-7, rel=0.01)
