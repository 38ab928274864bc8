from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import loops


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((1, 3), (2, 0))])
def test_equal_to_the_loops(stride: int | tuple[int, int], padding: int | tuple[int, int]) -> None:
    layer = nn.Conv2D(2, 3, (3, 2), stride=stride, padding=padding, bias_init="normal(1)", rng=0, dtype=np.float64)
    both = [(value, value) if isinstance(value, int) else value for value in (stride, padding)]
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 6, 7, 2))
    y = layer.forward(x, training=True)
    np.testing.assert_allclose(
        y, loops.conv2d_forward(x, layer.params["weight"], layer.params["bias"], *both), rtol=1e-12, atol=1e-12
    )
    dy = rng.standard_normal(y.shape)
    dx, dweight, dbias = loops.conv2d_backward(x, layer.params["weight"], dy, *both)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.grads["weight"], dweight, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.grads["bias"], dbias, rtol=1e-11)


def test_without_bias() -> None:
    layer = nn.Conv2D(1, 2, 3, bias=False, rng=0)
    y = layer.forward(np.ones((1, 4, 4, 1), np.float32), training=True)
    layer.backward(np.ones_like(y))
    assert list(layer.params) == list(layer.grads) == ["weight"]


@pytest.mark.parametrize(("given", "pair"), [(2, (2, 2)), ((2, 1), (2, 1)), ([1, 2], (1, 2))])
def test_sizes_are_pairs_and_shown_as_given(given: Any, pair: tuple[int, int]) -> None:
    layer = nn.Conv2D(1, 2, given, stride=given, padding=given)
    assert layer.kernel_size == layer.stride == layer.padding == pair
    shown = given if isinstance(given, int) else pair
    assert repr(layer) == f"Conv2D(1, 2, {shown}, stride={shown}, padding={shown})"
    assert [layer.config()[name] for name in ("kernel_size", "stride", "padding")] == [shown] * 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0, 2, 3), "c_in=0"),
        ((1, 2.0, 3), "c_out=2.0"),
        ((1, 2, 0), "kernel_size=0"),
        ((1, 2, (3, 3, 3)), r"kernel_size=\(3, 3, 3\)"),
    ],
)
def test_wrong_sizes(arguments: tuple[int, int, int], named: str) -> None:
    with pytest.raises(ValueError, match=f"Conv2D: got {named}, expected"):
        nn.Conv2D(*arguments)
    with pytest.raises(ValueError, match="Conv2D: got padding=-1, expected a whole number from 0 up"):
        nn.Conv2D(1, 2, 3, padding=-1)
    with pytest.raises(ValueError, match="Conv2D: got stride=0, expected a whole number from 1 up"):
        nn.Conv2D(1, 2, 3, stride=0)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 8, 8), r"x\[..., np.newaxis\]"),
        ((2, 3, 8, 8), r"x.transpose\(0, 2, 3, 1\)"),
        ((2, 8, 8, 1), r"got x of shape \(2, 8, 8, 1\), expected \(N, H, W, 3\)"),
        (
            (2, 4, 8, 3),
            r"got images of \(4, 8, 3\), expected \(H, W, 3\) of at least 5 x 5 pixels; use",
        ),
    ],
)
def test_wrong_shapes_say_what_to_do(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.Conv2D(3, 2, 5).forward(np.ones(shape, np.float32))


def test_another_number_of_channels_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"Conv2D\(3, 2, 3\): got images of \(9, 9, 1\), expected 3 channels"):
        nn.Conv2D(3, 2, 3).output_shape((9, 9, 1))


def test_output_shape_tells_height_from_width() -> None:
    layer = nn.Conv2D(2, 3, (5, 2), stride=(1, 2), padding=(1, 0), rng=0)
    assert layer.output_shape((7, 9, 2)) == (5, 4, 3)
    for shape in [(3, 2, 2), (3, 9, 2), (7, 2, 2)]:  # the least height is 5 - 2 * 1, the least width 2
        assert layer.output_shape(shape) == layer.forward(np.zeros((1, *shape), np.float32)).shape[1:]
    for shape in [(2, 9, 2), (9, 1, 2)]:
        with pytest.raises(ValueError, match="expected .* of at least 3 x 2 pixels"):
            layer.output_shape(shape)
        with pytest.raises(ValueError, match="expected .* of at least 3 x 2 pixels"):
            layer.forward(np.zeros((1, *shape), np.float32))
    wide = nn.Conv2D(1, 1, (2, 5), padding=(0, 1), rng=0)
    assert wide.output_shape((2, 3, 1)) == (1, 1, 1)
    with pytest.raises(ValueError, match="expected .* of at least 2 x 3 pixels"):
        wide.output_shape((3, 2, 1))
