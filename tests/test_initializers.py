from __future__ import annotations

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
        # 12,000 values or more: the variance is known to 1.3 %, the mean to 1 % of a standard deviation.
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


@pytest.mark.parametrize(
    "name",
    ["he", "", "normal", "normal(-1)", "normal(nan)", "constant(inf)", "he_normal(3)", "normal(1, 2)", "normal(x)",
     "constant(__import__('os'))", None, 3],
)  # fmt: skip
def test_unknown_names(name: object) -> None:
    with pytest.raises(ValueError, match="got"):
        initializers.get(name)  # type: ignore[arg-type]


def test_a_bias_has_no_fans() -> None:
    with pytest.raises(ValueError, match="use constant or normal for a bias"):
        initializers.he_normal()((4,), np.random.default_rng(0))
