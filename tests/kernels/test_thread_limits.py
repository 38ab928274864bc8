"""What the environment says of threads: which variable counts, and what is no number."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys

import pytest

from nnscratch.kernels.thread_limits import OTHERS, default_threads, hidden_from_numba


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NNSCRATCH_NUM_THREADS", *OTHERS):
        monkeypatch.delenv(name, raising=False)


def test_nothing_set_is_all_cores() -> None:
    assert default_threads(6) == 6


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(("value", "threads"), [("2", 2), ("1", 1), (" 3 ", 3), ("6", 6), ("64", 6), ("4,2", 4)])
def test_each_variable_lowers_the_number(name: str, value: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert default_threads(6) == threads


@pytest.mark.parametrize("value", ["abc", "0", "-1", "", " ", "1.5", "0x2", ",2", "0,2", "1e3", "\u0664", "9" * 5000])
def test_what_is_no_number_is_as_if_not_set(
    value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in OTHERS:
        monkeypatch.setenv(name, value)
    assert default_threads(6) == 6
    assert not caplog.records
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("NNSCRATCH_NUM_THREADS", value)
    assert default_threads(6) == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * bool(value.strip())
    for record in caplog.records:
        assert record.getMessage().startswith("NNSCRATCH_NUM_THREADS: got ")
        assert "\n" not in record.getMessage()
        assert len(record.getMessage()) < 150


def test_the_least_of_several_counts_and_ours_is_above_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "5")
    assert default_threads(6) == 3
    monkeypatch.setenv("NNSCRATCH_NUM_THREADS", "5")
    assert default_threads(6) == 5
    monkeypatch.setenv("NNSCRATCH_NUM_THREADS", "12")  # more than cores: as asked for
    assert default_threads(6) == 12


UNREADABLE = ["0", "-1", "abc", "2,1", ""]  # by Numba


@pytest.mark.parametrize("value", UNREADABLE)
def test_it_is_hidden_and_put_back(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    with hidden_from_numba():
        assert "NUMBA_NUM_THREADS" not in os.environ
    assert os.environ["NUMBA_NUM_THREADS"] == value


# A second per process; the test above looks at all of them.
@pytest.mark.parametrize(
    "value", ["0", "abc", *(pytest.param(value, marks=pytest.mark.nightly) for value in ("-1", "2,1", ""))]
)
def test_a_value_that_numba_cannot_be_imported_with_does_no_harm(value: str) -> None:
    environment = os.environ | {"NUMBA_NUM_THREADS": value, "NNSCRATCH_NUM_THREADS": "3"}
    program = "import os, nnscratch as nn; print(nn.get_threads(), repr(os.environ['NUMBA_NUM_THREADS']))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"3 {value!r}"
    assert not done.stderr


def test_it_is_put_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "0")
    with contextlib.suppress(ImportError), hidden_from_numba():
        assert "NUMBA_NUM_THREADS" not in os.environ
        raise ImportError
    assert os.environ["NUMBA_NUM_THREADS"] == "0"
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    with hidden_from_numba():
        assert os.environ["NUMBA_NUM_THREADS"] == "2"
