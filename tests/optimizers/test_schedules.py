"""Schedules: exact at the ends, monotone between, printed as the call that makes them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from nnscratch.optimizers import schedules
from nnscratch.optimizers.schedules import constant, cosine, linear, step

GRID = [number / 1000 for number in range(1001)]
ALL = [
    constant(0.1),
    linear(0.03, 0.0001),
    linear(0.9, 0.999),
    cosine(0.1, 0.0),
    cosine(0.1, 0.003, warmup=0.1),
    step(0.08, 0.1, 0.3),
]


@pytest.mark.parametrize("shape", [linear, cosine])
@pytest.mark.parametrize(("start", "end"), [(0.03, 0.0001), (0.9, 0.999), (0.1, 0.0), (0.7, 0.1), (1e-9, 1e9)])
def test_exact_at_the_ends_and_monotone_between(shape: Any, start: float, end: float) -> None:
    schedule = shape(start, end)
    assert schedule(0) == start
    assert schedule(1) == end
    values = np.array([schedule(progress) for progress in GRID])
    assert (np.diff(values) * np.sign(end - start) > 0).all()


def test_linear_is_half_way_at_the_half() -> None:
    assert linear(0.2, 0.1)(0.5) == pytest.approx(0.15)
    assert linear(0.2, 0.1)(0.25) == pytest.approx(0.175)


def test_cosine_is_the_formula() -> None:
    schedule = cosine(0.5, 0.1)
    for progress in (0.25, 0.5, 0.9):
        assert schedule(progress) == pytest.approx(0.1 + 0.4 * (1 + np.cos(np.pi * progress)) / 2)


def test_cosine_warms_up_in_a_line() -> None:
    schedule = cosine(0.4, 0.1, warmup=0.2)
    assert [schedule(progress) for progress in (0.002, 0.05, 0.1)] == pytest.approx([0.004, 0.1, 0.2])
    assert schedule(0.2) == 0.4
    assert schedule(0.6) == pytest.approx(0.25)
    assert schedule(1) == 0.1
    assert max(schedule(progress) for progress in GRID) == 0.4


def test_a_warm_up_begins_at_a_hundredth() -> None:
    assert cosine(0.4, 0.1, warmup=0.2)(0) == cosine(0.4, 0.1, warmup=0.2)(0.001) == 0.4 * 0.01
    assert cosine(0.4, 0.1, warmup=0.999)(0) == 0.4 * 0.01
    assert cosine(0.4, 0.1)(0) == 0.4


@pytest.mark.parametrize(("every", "stairs"), [(1.0, 1), (0.5, 2), (0.25, 4), (0.1, 10), (0.3, 4), (1 / 3, 3)])
def test_step_ends_on_its_last_stair(every: float, stairs: int) -> None:
    assert step(1.0, 0.5, every)(1) == step(1.0, 0.5, every)(0.999) == 0.5 ** (stairs - 1)


def test_step_takes_each_stair_on_time() -> None:
    schedule = step(1.0, 0.5, 0.1)
    # 0.3 / 0.1 is 2.9999999999999996: the stair must not come late
    assert [schedule(number / 10) for number in range(10)] == [0.5**number for number in range(10)]
    assert schedule(0.29) == 0.25


def test_constant_is_constant() -> None:
    assert {constant(0.25)(progress) for progress in GRID} == {0.25}


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_repr_rebuilds_the_call(schedule: Any) -> None:
    rebuilt = eval(repr(schedule), vars(schedules))
    assert rebuilt == schedule
    assert [rebuilt(progress) for progress in GRID] == [schedule(progress) for progress in GRID]


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_frozen(schedule: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.start = 1.0


@pytest.mark.parametrize("schedule", ALL, ids=repr)
@pytest.mark.parametrize("progress", [-0.01, 1.01, float("nan")])
def test_refuses_progress_outside_of_0_to_1(schedule: Any, progress: float) -> None:
    with pytest.raises(ValueError, match="got progress=.*, expected 0 to 1"):
        schedule(progress)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constant(-1), "got value=-1"),
        (lambda: linear(float("nan"), 0), "linear: got start=nan, expected a finite number >= 0"),
        (lambda: linear(0.1, float("inf")), "got end=inf"),
        (
            lambda: linear("0.1", 0),  # type: ignore[arg-type]
            "got start='0.1'",
        ),
        (lambda: cosine(0.1, -0.1), "got end=-0.1"),
        (lambda: cosine(0.1, 0, warmup=1), "expected a finite number >= 0 and < 1; it is a share"),
        (lambda: cosine(0.1, 0, warmup=-0.1), "got warmup=-0.1"),
        (lambda: step(0.1, 0, 0.5), "got factor=0, expected a finite number > 0"),
        (lambda: step(0.1, 0.5, 0), "got every=0"),
        (lambda: step(0.1, 0.5, 30), "step: got every=30, expected a finite number > 0 and <= 1; it is"),
    ],
)
def test_refuses(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_defaults_are_those_of_the_docstring(defaults_stated: Any) -> None:
    assert defaults_stated(cosine) == {"warmup"}
    assert cosine(0.1, 0.0) == cosine(0.1, 0.0, warmup=0.0)


# Functions of the epoch and of the step


@pytest.mark.parametrize("kind", [schedules.by_epoch, schedules.by_step])
def test_a_function_that_counts(kind: Any) -> None:
    rate = kind(lambda number: 0.1 * number)
    assert (rate(0), rate(3), rate(3.0)) == (0.0, pytest.approx(0.3), pytest.approx(0.3))
    name = kind.__name__.removeprefix("by_")
    for wrong in (0.5, -1, "1", None, True):
        with pytest.raises(ValueError, match=f"{kind.__name__}: got {name}=.*; it counts {name}s, not progress"):
            rate(wrong)
    for function in (0.1, None, float, schedules.linear(0.1, 0.01), kind(abs)):
        with pytest.raises(ValueError, match=f"{kind.__name__}: got "):
            kind(function)
