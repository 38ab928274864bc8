from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import loops


@pytest.mark.parametrize(("pool_size", "stride"), [(2, None), (3, 2), ((2, 3), (1, 2)), (1, 2)])
@pytest.mark.parametrize("rows", [1, 2])
def test_equal_to_the_loops(pool_size: int | tuple[int, int], stride: int | tuple[int, int] | None, rows: int) -> None:
    layer = nn.AveragePool2D(pool_size, stride)
    step = pool_size if stride is None else stride
    both = [(value, value) if isinstance(value, int) else value for value in (pool_size, step)]
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows, 7, 8, 3))
    y = layer.forward(x, training=True)
    np.testing.assert_allclose(y, loops.average_pool2d_forward(x, *both), rtol=1e-12, atol=1e-15)
    dy = rng.standard_normal(y.shape)
    np.testing.assert_allclose(layer.backward(dy), loops.average_pool2d_backward(x, dy, *both), rtol=1e-12, atol=1e-15)


def test_it_is_a_convolution_with_equal_weights() -> None:
    conv = nn.Conv2D(2, 2, (3, 2), stride=2, bias=False, dtype=np.float64)
    conv.params["weight"][:] = np.eye(2) / 6  # each channel by itself
    x = np.random.default_rng(0).standard_normal((2, 7, 6, 2))
    pool = nn.AveragePool2D((3, 2), 2)
    y = pool.forward(x, training=True)
    np.testing.assert_allclose(y, conv.forward(x, training=True), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(pool.backward(y), conv.backward(y), rtol=1e-12, atol=1e-15)


def test_a_last_partial_window_is_dropped_and_gets_no_gradient() -> None:
    layer = nn.AveragePool2D(2)
    y = layer.forward(np.arange(15.0).reshape(1, 3, 5, 1), training=True)
    assert y.ravel().tolist() == [3.0, 5.0]  # (0 + 1 + 5 + 6) / 4 and two more
    dx = layer.backward(np.ones_like(y)).reshape(3, 5)
    assert dx.tolist() == [[0.25] * 4 + [0.0]] * 2 + [[0.0] * 5]


def test_image_smaller_than_the_window() -> None:
    with pytest.raises(ValueError, match=r"got images of \(2, 5, 1\), expected .* of at least 3 x 3 pixels; use"):
        nn.AveragePool2D(3).forward(np.ones((1, 2, 5, 1), np.float32))


@pytest.mark.parametrize(("pool_size", "stride"), [(0, None), (2, 0), ((2,), None), (2.0, None)])
def test_wrong_sizes(pool_size: object, stride: object) -> None:
    with pytest.raises(ValueError, match="AveragePool2D: got .* expected"):
        nn.AveragePool2D(pool_size, stride)  # type: ignore[arg-type]
