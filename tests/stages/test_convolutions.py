"""The convolutional stages against the layers that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.stages import plan

Make = Callable[[np.random.Generator], list[nn.Layer]]


def conv(
    c_in: int, c_out: int, k: int, rng: np.random.Generator, pool: nn.Layer | None = None, **options: Any
) -> list[nn.Layer]:
    convolution = nn.Conv2D(c_in, c_out, k, bias_init="normal(0.1)", rng=rng, **options)
    return [convolution, nn.ReLU(), pool or nn.MaxPool2D(2)]


# name -> (layers from a Generator, image shape, the stages' names)
CASES: dict[str, tuple[Make, tuple[int, int, int], list[str]]] = {
    "thin": (lambda rng: conv(1, 3, 5, rng), (13, 12, 1), ["DirectChain"]),
    "thin chain": (lambda rng: conv(1, 2, 3, rng) + conv(2, 5, 2, rng), (15, 14, 1), ["DirectChain"]),
    "thin, no bias": (lambda rng: conv(2, 3, 3, rng, bias=False), (9, 8, 2), ["DirectChain"]),
    "wide": (lambda rng: conv(17, 12, 3, rng), (9, 10, 17), ["ConvPoolStage"]),
    "wide, no bias": (lambda rng: conv(17, 4, 2, rng, bias=False), (6, 5, 17), ["ConvPoolStage"]),
    "padded": (lambda rng: conv(2, 4, 3, rng, padding=1), (7, 8, 2), ["ConvPoolStage"]),
    "both": (lambda rng: conv(1, 9, 3, rng) + conv(9, 17, 2, rng), (14, 15, 1), ["DirectChain", "ConvPoolStage"]),
    "stride": (lambda rng: conv(1, 3, 3, rng, stride=2), (13, 13, 1), ["Single"] * 3),
    "larger pool": (lambda rng: conv(1, 3, 3, rng, nn.MaxPool2D(3)), (11, 11, 1), ["Single"] * 3),
    "overlapping pool": (lambda rng: conv(1, 3, 3, rng, nn.MaxPool2D(2, stride=1)), (9, 9, 1), ["Single"] * 3),
    "no ReLU": (lambda rng: conv(1, 3, 3, rng)[::2], (9, 9, 1), ["Single"] * 2),
}


@pytest.mark.parametrize(("make", "shape", "stages"), CASES.values(), ids=CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("images", [1, 2, 5, 37])
def test_the_same_numbers_as_the_layers(make, shape, stages, dtype, tolerance, images) -> None:
    model = nn.Sequential(*make(np.random.default_rng(0))).astype(dtype)
    assert [type(stage).__name__ for stage in plan(model.layers)] == stages
    layers = nn.Sequential(*(layer.astype(dtype) for layer in model.layers), fuse=False)
    rng = np.random.default_rng(1)

    def close(a: np.ndarray | None, b: np.ndarray | None) -> None:
        assert a is not None
        assert b is not None
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max(initial=1e-30))

    for count in (images, max(1, images - 3), images):  # a smaller batch in between, in the same buffers
        x = rng.standard_normal((count, *shape)).astype(dtype)
        y = model.forward(x, training=True)
        close(y, layers.forward(x, training=True))
        model.forward(2 * x)  # a look at other rows does not disturb the step
        dy = rng.standard_normal(y.shape).astype(dtype)
        close(model.backward(dy, input_gradient=True), layers.backward(dy, input_gradient=True))
        for a, b in zip(model.layers, layers.layers, strict=True):
            assert set(a.grads) == set(a.params)
            for name in a.params:
                close(a.grads[name], b.grads[name])
        close(model.forward(x), layers.forward(x))


@pytest.mark.parametrize("name", ["thin chain", "wide", "both"])
def test_gradients(name: str) -> None:
    make, shape, _ = CASES[name]
    x = np.random.default_rng(1).standard_normal((2, *shape))
    errors = nn.gradient_check(nn.Sequential(*make(np.random.default_rng(0))), x)
    assert max(errors.values()) <= 1e-7, errors


@pytest.mark.parametrize("name", ["thin chain", "wide"])
def test_no_input_gradient_and_non_contiguous_input(name: str) -> None:
    make, shape, _ = CASES[name]
    model = nn.Sequential(*make(np.random.default_rng(0)))
    x = np.random.default_rng(1).standard_normal((6, *shape)).astype(np.float32)
    y = model.forward(x, training=True)
    assert model.backward(np.ones_like(y)) is None
    expected = {key: grad.copy() for key, grad in model.layers[0].grads.items()}
    strided = np.repeat(np.repeat(x, 2, axis=0), 2, axis=2)[::2, :, ::2]
    assert not strided.flags.c_contiguous
    np.testing.assert_array_equal(model.forward(strided, training=True), y)
    model.backward(np.asfortranarray(np.ones_like(y)))
    for key, grad in expected.items():
        np.testing.assert_array_equal(model.layers[0].grads[key], grad)


@pytest.mark.parametrize("name", ["thin", "wide"])
def test_errors_are_those_of_the_layers(name: str) -> None:
    make, shape, _ = CASES[name]
    model = nn.Sequential(*make(np.random.default_rng(0)))
    x = np.ones((2, *shape), np.float32)
    for wrong in (x[..., :0], x[:, :2], x[0], x.astype(np.float64), np.where(x == 1, np.float32(np.nan), x)):
        with pytest.raises(ValueError, match="expected"):
            model.forward(wrong)
    y = model.forward(x, training=True)
    with pytest.raises(ValueError, match="got dy of .* expected"):
        model.backward(y[:1])
    with pytest.raises(RuntimeError, match="call forward"):
        model.backward(y)
