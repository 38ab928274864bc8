from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from nnscratch import initializers

DENSE, CONV = (400, 300), (5, 4, 30, 20)  # fans: 400 and 300;  600 and 400


@pytest.mark.parametrize(
    ("name", "dense_variance", "conv_variance"),
    [
        ("he_normal", 2 / 400, 2 / 600),
        ("he_uniform", 2 / 400, 2 / 600),
        ("glorot_normal", 2 / 700, 2 / 1000),
        ("glorot_uniform", 2 / 700, 2 / 1000),
        ("normal(0.01)", 1e-4, 1e-4),
    ],
)
def test_mean_and_variance(name: str, dense_variance: float, conv_variance: float) -> None:
    for shape, variance in ((DENSE, dense_variance), (CONV, conv_variance)):
        values = initializers.get(name)(shape, np.random.default_rng(0))
        assert values.shape == shape
        # 12,000 values or more: the variance is known to 1.3 %, the mean to 1 % of a standard
        # deviation.
        assert values.var() == pytest.approx(variance, rel=0.06)
        assert abs(values.mean()) < 0.05 * variance**0.5


@pytest.mark.parametrize(("name", "bound"), [("he_uniform", (6 / 400) ** 0.5), ("glorot_uniform", (6 / 700) ** 0.5)])
def test_uniform_bounds(name: str, bound: float) -> None:
    largest = np.abs(initializers.get(name)(DENSE, np.random.default_rng(0))).max()
    assert 0.999 * bound < largest <= bound


def test_constant() -> None:
    np.testing.assert_array_equal(initializers.constant(1.5)((4,), np.random.default_rng(0)), np.full(4, 1.5))


@pytest.mark.parametrize("name", ["he_normal()", "he_uniform()", "glorot_normal()", "normal(0.5)", "constant(-1.0)"])
def test_repr_and_name_are_one(name: str) -> None:
    assert repr(initializers.get(name)) == name
    assert initializers.get(initializers.get(name)) == initializers.get(name)


@pytest.mark.parametrize("name", ["he", "", "normal(0.1", "constant(__import__('os'))", "Initializer", None, 3])
def test_unknown_names(name: object) -> None:
    with pytest.raises(ValueError, match="initializer: got") as caught:
        initializers.get(name)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"initializer: got {name!r}, expected one of he_normal, he_uniform, glorot_normal, glorot_uniform, normal, "
        "constant; write it as 'normal(0.01)'"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("normal", r"normal\(std\)"),
        ("normal(1, 2)", r"normal\(std\)"),
        ("normal(x)", r"normal\(std\)"),
        ("constant()", r"constant\(value\)"),
        ("he_normal(3)", r"he_normal\(\)"),
        ("he_normal(x)", r"he_normal\(\)"),
    ],
)
def test_wrong_numbers(name: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"initializer: got '{re.escape(name)}', expected {expected}; write numbers, "):
        initializers.get(name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.get("normal(-1)"), r"normal: got std=-1.0, expected a finite number >= 0; set std"),
        (lambda: initializers.get("normal(nan)"), r"normal: got std=nan, expected a finite number >= 0"),
        (lambda: initializers.get("constant(inf)"), r"constant: got value=inf, expected a finite number; set value"),
        (lambda: initializers.normal("0.1"), r"normal: got std='0.1', expected a finite number"),  # type: ignore[arg-type]
        (lambda: initializers.constant(None), r"constant: got value=None, expected a finite number"),  # type: ignore[arg-type]
    ],
)
def test_numbers_out_of_range(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_numpy_numbers_are_written_as_plain_ones() -> None:
    assert repr(initializers.normal(np.float32(0.5))) == "normal(0.5)"
    assert repr(initializers.constant(1)) == "constant(1.0)"
    assert initializers.constant(1) == initializers.get("constant(1)")


@pytest.mark.parametrize("name", ["he_normal", "glorot_uniform", "normal(0.5)", "constant(2)"])
def test_draw_is_the_call_in_a_dtype(name: str) -> None:
    values = initializers.draw(name, (3, 4), np.random.default_rng(0), np.dtype(np.float32))
    expected = initializers.get(name)((3, 4), np.random.default_rng(0))
    assert (values.dtype, expected.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(values, expected.astype(np.float32))
    assert values.ctypes.data % 64 == 0


def test_a_bias_has_no_fans() -> None:
    with pytest.raises(ValueError, match="use constant or normal for a bias"):
        initializers.he_normal()((4,), np.random.default_rng(0))


def test_nothing_is_drawn_but_what_is_wrong_is_found() -> None:
    rng, float32 = np.random.default_rng(0), np.dtype(np.float32)
    with initializers.nothing_drawn():
        zeros = initializers.draw("he_normal", (10**6, 10**6), rng, float32)
        assert (zeros.shape, zeros.dtype, zeros.flags.writeable) == ((10**6, 10**6), float32, False)
        with pytest.raises(ValueError, match="expected a weight's"):
            initializers.draw("he_normal", (3,), rng, float32)
    with initializers.drawn_at_most(6):
        assert initializers.draw("he_normal", (2, 3), rng, float32).any()
        with pytest.raises(ValueError, match="expected 6 numbers at most"):
            initializers.draw("he_normal", (7, 1), rng, float32)
    assert initializers.draw("he_normal", (7, 1), rng, float32).any()
