from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn


@pytest.mark.parametrize("negative_slope", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_to_the_definition_number_by_number(negative_slope: float, dtype: type) -> None:
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((3, 4, 2)).astype(dtype) for _ in range(2))
    x[0, 0] = 0  # the kink itself: the left slope
    layer, slope = nn.LeakyReLU(negative_slope), dtype(negative_slope)
    y, dx = layer.forward(x, training=True), layer.backward(dy)
    for k in np.ndindex(*x.shape):
        assert y[k] == (x[k] if x[k] > 0 else slope * x[k])
        assert dx[k] == (dy[k] if x[k] > 0 else slope * dy[k])


def test_a_slope_of_0_is_relu() -> None:
    x = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)
    leaky, relu = nn.LeakyReLU(0), nn.ReLU()
    np.testing.assert_array_equal(leaky.forward(x, training=True), relu.forward(x, training=True))
    np.testing.assert_array_equal(leaky.backward(x), relu.backward(x))


def test_the_default() -> None:
    assert nn.LeakyReLU().negative_slope == 0.01
    assert repr(nn.LeakyReLU()) == "LeakyReLU()"
    assert nn.LeakyReLU(0.2).config() == {"negative_slope": 0.2}


@pytest.mark.parametrize("value", [-0.01, float("nan"), float("inf"), "0.1", None, True])
def test_wrong_slopes(value: object) -> None:
    with pytest.raises(ValueError, match="LeakyReLU: got negative_slope=.*, expected a finite number >= 0;"):
        nn.LeakyReLU(value)  # type: ignore[arg-type]
