from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import loops


@pytest.mark.parametrize(("pool_size", "stride"), [(2, None), (3, 2), ((2, 3), (1, 2))])
def test_equal_to_the_loops(pool_size: int | tuple[int, int], stride: int | tuple[int, int] | None) -> None:
    layer = nn.MaxPool2D(pool_size, stride)
    step = pool_size if stride is None else stride
    both = [(value, value) if isinstance(value, int) else value for value in (pool_size, step)]
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 7, 8, 3))
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y, loops.max_pool2d_forward(x, *both))
    dy = rng.standard_normal(y.shape)
    np.testing.assert_allclose(layer.backward(dy), loops.max_pool2d_backward(x, dy, *both), rtol=1e-12)


def test_a_last_partial_window_is_dropped_and_gets_no_gradient() -> None:
    layer = nn.MaxPool2D(2)
    x = np.arange(15.0).reshape(1, 3, 5, 1)
    y = layer.forward(x, training=True)
    assert y.shape == (1, 1, 2, 1)
    dx = layer.backward(np.ones_like(y)).reshape(3, 5)
    assert not dx[2].any()
    assert not dx[:, 4].any()
    assert dx.sum() == 2


def test_image_smaller_than_the_window() -> None:
    with pytest.raises(ValueError, match=r"got images of \(2, 5, 1\), expected .* of at least 3 x 3 pixels; use"):
        nn.MaxPool2D(3).forward(np.ones((1, 2, 5, 1), np.float32))


def test_sizes_are_pairs_and_shown_as_given() -> None:
    layer = nn.MaxPool2D(3, (2, 1))
    assert (layer.pool_size, layer.stride) == ((3, 3), (2, 1))
    assert repr(layer) == "MaxPool2D(3, stride=(2, 1))"
    assert nn.MaxPool2D(2).stride == (2, 2)
    assert nn.MaxPool2D(2).config() == nn.MaxPool2D(2, 2).config() == {"pool_size": 2, "stride": None}


@pytest.mark.parametrize(("pool_size", "stride"), [(0, None), (2, 0), ((2,), None), (2.0, None)])
def test_wrong_sizes(pool_size: object, stride: object) -> None:
    with pytest.raises(ValueError, match="MaxPool2D: got .* expected"):
        nn.MaxPool2D(pool_size, stride)  # type: ignore[arg-type]


def test_a_window_of_more_than_256_places() -> None:
    layer = nn.MaxPool2D(17)
    x = np.random.default_rng(0).permutation(2 * 34 * 17).astype(np.float32).reshape(2, 34, 17, 1)
    y = layer.forward(x, training=True)
    dx = layer.backward(np.ones_like(y))
    np.testing.assert_array_equal(dx, np.isin(x, y))
    assert dx.sum() == 4


@pytest.mark.parametrize("value", [0.0, -0.0, -3.0, 2.0])
def test_of_equal_numbers_the_first_in_reading_order_wins(value: float) -> None:
    layer = nn.MaxPool2D((2, 3), 2)
    x = np.full((1, 2, 3, 2), value)
    x[0, 0, 0, 1] = value - 1
    y = layer.forward(x, training=True)
    dx = layer.backward(np.ones_like(y))
    assert np.argwhere(dx).tolist() == [[0, 0, 0, 0], [0, 0, 1, 1]]
