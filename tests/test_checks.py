"""The vocabulary of checks: what passes, in which type, and what the errors say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import checks


@pytest.mark.parametrize(
    ("check", "passing", "refused", "expected"),
    [
        (checks.positive, [1e-9, 3, 1e300], [0, -1], "a finite number > 0"),
        (checks.not_negative, [0, 0.0, 3], [-1e-9], "a finite number >= 0"),
        (checks.fraction, [0, 0.999], [1, 1.5, -0.1], "a finite number >= 0 and < 1"),
        (checks.number, [0, -3.5, 1e300], [], "a finite number"),
    ],
)
def test_ranges(check: Callable[..., float], passing: list[float], refused: list[Any], expected: str) -> None:
    for value in passing:
        assert check("SGD", "lr", value) == value
    for value in [
        *refused,
        float("nan"),
        float("inf"),
        -float("inf"),
        "0.5",
        None,
        True,
        1j,
        10**400,
        [0.5],
        np.ones(1),
    ]:
        with pytest.raises(ValueError, match="SGD: got lr=") as caught:
            check("SGD", "lr", value)
        assert str(caught.value) == f"SGD: got lr={value!r}, expected {expected}; set lr in that range"


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float64(0.5), np.float16(0.5)])
def test_a_number_comes_out_as_a_plain_float(value: Any) -> None:
    assert type(checks.fraction("Dropout", "p", value)) is float


def test_limits_compose() -> None:
    limits = checks.above(0), checks.at_most(1)
    assert [checks.number("step", "every", value, *limits) for value in (0.25, 1)] == [0.25, 1.0]
    for value in (0, 1.01):
        with pytest.raises(ValueError, match="step: got every=.*, expected a finite number > 0 and <= 1; a share"):
            checks.number("step", "every", value, *limits, fix="a share of the training")


@pytest.mark.parametrize("value", [1, 5, np.int32(5), np.uint8(5)])
def test_whole_numbers(value: Any) -> None:
    result = checks.whole_number("Dense", "n_in", value)
    assert type(result) is int
    assert result == value


@pytest.mark.parametrize("value", [0, -1, 2.0, np.float64(2), "3", None, True, float("nan")])
def test_no_whole_numbers(value: object) -> None:
    with pytest.raises(ValueError, match="Dense: got n_in=") as caught:
        checks.whole_number("Dense", "n_in", value)
    assert str(caught.value) == f"Dense: got n_in={value!r}, expected a whole number from 1 up; set n_in in that range"


def test_the_least_and_the_fix_are_the_callers() -> None:
    assert checks.whole_number("Conv2D", "padding", 0, least=0) == 0
    with pytest.raises(ValueError, match="predict: got batch_size=1, expected a whole number from 2 up; take 256"):
        checks.whole_number("predict", "batch_size", 1, least=2, fix="take 256")


def test_pairs() -> None:
    assert checks.pair("Conv2D", "stride", 3) == (3, 3)
    assert checks.pair("Conv2D", "stride", [np.int64(2), 1]) == (2, 1)
    assert checks.pair("Conv2D", "padding", (0, 1), least=0) == (0, 1)
    assert [checks.short_pair(pair) for pair in ((3, 3), (2, 1))] == [3, (2, 1)]


@pytest.mark.parametrize(
    ("value", "named"),
    [((1, 2, 3), r"stride=\(1, 2, 3\)"), ((), r"stride=\(\)"), ((0, 1), "stride=0"), (2.0, "stride=2.0")],
)
def test_no_pairs(value: object, named: str) -> None:
    with pytest.raises(ValueError, match=f"Conv2D: got {named}, expected .*whole number.*; "):
        checks.pair("Conv2D", "stride", value)


def test_flags() -> None:
    assert checks.flag("Dense", "bias", True) is True
    assert checks.flag("Dense", "bias", np.False_) is False
    for value in ("no", -5, 0, 1, None, 1.0, []):
        with pytest.raises(ValueError, match="Dense: got bias=.*, expected True or False; choose one"):
            checks.flag("Dense", "bias", value)
        with pytest.raises(ValueError, match="got bias="):
            nn.Dense(3, 2, bias=value)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="got bias="):
            nn.Conv2D(1, 2, 3, bias=value)  # type: ignore[arg-type]


def test_dtypes() -> None:
    assert checks.floating("Dense", "float32") == np.float32
    assert checks.floating("Dense", np.float64) == np.float64
    with pytest.raises(ValueError, match="Dense: got dtype int64, expected float32 or float64; use float32 to train"):
        checks.floating("Dense", np.int64)


def test_arrays() -> None:
    checks.check_array("ReLU()", "x", np.ones(()))
    with pytest.raises(ValueError, match=r"ReLU\(\): got x of type list, expected a NumPy array; use np.asarray\(x, "):
        checks.check_array("ReLU()", "x", [1.0])


def test_finite_arrays() -> None:
    checks.check_finite("ReLU()", "x", np.full(4, 3e38, np.float32))  # their sum overflows, and that is fine
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(nn.NotFiniteError, match=r"ReLU\(\): got x with 1 of 3 values NaN or infinite, expected"):
            checks.check_finite("ReLU()", "x", np.array([1.0, value, 2.0]))
