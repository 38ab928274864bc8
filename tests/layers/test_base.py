"""The contract that every layer keeps, and what it answers to wrong input."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers.base import check_input

# A layer, and the shape of an x that it takes.
LAYERS: list[tuple[nn.Layer, tuple[int, ...]]] = [
    (nn.Dense(5, 4, rng=0), (3, 5)),
    (nn.Conv2D(2, 3, 3, rng=0), (3, 5, 6, 2)),
    (nn.MaxPool2D(2), (3, 5, 6, 2)),
    (nn.AveragePool2D(2), (3, 5, 6, 2)),
    (nn.ReLU(), (3, 4)),
    (nn.LeakyReLU(), (3, 4)),
    (nn.Sigmoid(), (3, 4)),
    (nn.Tanh(), (3, 4)),
    (nn.Dropout(0.5, rng=0), (3, 4)),
    (nn.Flatten(), (3, 5, 6, 2)),
    (nn.ContrastNormalization(), (3, 5, 6, 2)),
]
each_layer = pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=[repr(layer) for layer, _ in LAYERS])
LEARNING = [(layer, shape) for layer, shape in LAYERS if layer.params]
each_layer_that_learns = pytest.mark.parametrize(
    ("layer", "shape"), LEARNING, ids=[repr(layer) for layer, _ in LEARNING]
)


def numbers(shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@each_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays(layer: nn.Layer, shape: tuple[int, ...], dtype: Any) -> None:
    layer = layer.astype(dtype)
    y = layer.forward(numbers(shape, dtype), training=True)
    dx = layer.backward(numbers(y.shape, dtype))
    assert {y.dtype, dx.dtype, *(grad.dtype for grad in layer.grads.values())} == {np.dtype(dtype)}
    assert dx.shape == shape
    assert {name: grad.shape for name, grad in layer.grads.items()} == {
        name: value.shape for name, value in layer.params.items()
    }


@each_layer
def test_output_shape_tells_the_truth(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    assert layer.forward(numbers(shape)).shape == (shape[0], *layer.output_shape(shape[1:]))


@each_layer
@pytest.mark.parametrize("rows", [0, 1])
def test_empty_and_single_batches(layer: nn.Layer, shape: tuple[int, ...], rows: int) -> None:
    y = layer.forward(numbers((rows, *shape[1:])), training=True)
    assert layer.backward(np.ones_like(y)).shape == (rows, *shape[1:])


@each_layer_that_learns
def test_backward_overwrites_gradients(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    results = []
    for _ in range(2):
        y = layer.forward(numbers(shape), training=True)
        layer.backward(np.ones_like(y))
        results.append({name: grad.copy() for name, grad in layer.grads.items()})
    for name in layer.params:
        assert results[0][name].any()
        np.testing.assert_array_equal(results[0][name], results[1][name])


@each_layer_that_learns
def test_backward_parameters_gives_the_same_gradients(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    y = layer.forward(numbers(shape), training=True)
    layer.backward(np.ones_like(y))
    expected = {name: grad.copy() for name, grad in layer.grads.items()}
    layer.grads = {}
    layer.forward(numbers(shape), training=True)
    layer.backward_parameters(np.ones_like(y))
    assert set(layer.grads) == set(expected)
    for name, grad in expected.items():
        np.testing.assert_array_equal(layer.grads[name], grad)


@each_layer
def test_backward_parameters_uses_up_the_forward_pass(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    y = layer.forward(numbers(shape), training=True)
    layer.backward_parameters(np.ones_like(y))
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward_parameters(np.ones_like(y))


@each_layer
def test_input_is_left_alone(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    x = numbers(shape)
    before = x.copy()
    dy = numbers(layer.forward(x, training=True).shape)
    dy_before = dy.copy()
    layer.backward(dy)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(dy, dy_before)


@each_layer
def test_backward_needs_its_own_forward(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    y = layer.forward(numbers(shape), training=True)
    layer.backward(np.ones_like(y))
    with pytest.raises(RuntimeError, match=r"forward\(training=True\)"):
        layer.backward(np.ones_like(y))
    layer.forward(numbers(shape))  # not training: keeps nothing
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.ones_like(y))


@each_layer
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x.tolist(), r"got x of type list, expected a NumPy array; use np.asarray\(x"),
        (lambda x: (100 * x).astype(np.uint8), "got x of dtype uint8, expected float32"),
        (lambda x: x.astype(np.float16), "got x of dtype float16, expected float32"),
        (lambda x: x.astype(complex), "got x of dtype complex128, expected float32"),
        (lambda x: np.where(x == x.flat[0], np.float32(np.nan), x), "1 of .* values NaN or infinite"),
        (lambda x: np.where(x == x.flat[0], np.float32(np.inf), x), "1 of .* values NaN or infinite"),
        (lambda x: x.flat[0], "got x of type float32, expected a NumPy array"),
        (lambda x: np.ones((), np.float32), r"got x of shape \(\), expected \(N, .*\); change x"),
    ],
    ids=["list", "uint8", "float16", "complex", "NaN", "infinity", "one number", "no axis"],
)
def test_wrong_input(layer: nn.Layer, shape: tuple[int, ...], spoil: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        layer.forward(spoil(numbers(shape)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("layer", [nn.Dense(5, 4, rng=0), nn.Conv2D(2, 3, 3, rng=0)])
def test_a_layer_never_upcasts_silently(layer: nn.Layer) -> None:
    x = numbers((3, 5) if isinstance(layer, nn.Dense) else (3, 5, 6, 2), np.float64)
    with pytest.raises(ValueError, match=r"got x of dtype float64, expected float32; use x.astype\(np.float32\) or"):
        layer.forward(x)


@each_layer
def test_wrong_gradient(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    for spoil in (lambda dy: dy[:-1], lambda dy: dy.astype(np.float64), lambda dy: dy.tolist()):
        y = layer.forward(numbers(shape), training=True)
        with pytest.raises(ValueError, match="got dy of .* expected dtype float32"):
            layer.backward(spoil(np.ones_like(y)))


def test_finite_numbers_whose_sum_overflows_are_fine() -> None:
    x = np.full((1, 4), 3e38, np.float32)
    check_input(nn.ReLU(), x)


def test_a_layer_with_arguments_it_did_not_keep_still_has_a_name() -> None:
    class Scale(nn.Layer):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.params["scale"] = np.ones(channels)

    assert repr(Scale(3)) == "Scale(...)"


@pytest.mark.parametrize(
    "layer",
    [
        nn.Dense(3, 2, weight_init="normal(0.01)", bias_init=nn.initializers.constant(1), bias=False),
        nn.Conv2D(1, 2, (3, 4), stride=2, padding=(1, 0), weight_init="he_uniform"),
        nn.MaxPool2D(3, stride=2),
        nn.MaxPool2D((2, 1)),
        nn.AveragePool2D(3, stride=2),
        nn.AveragePool2D((2, 1)),
        nn.Dropout(0.25),
        nn.ReLU(),
        nn.LeakyReLU(),
        nn.LeakyReLU(0.2),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Flatten(),
        nn.ContrastNormalization(),
        nn.ContrastNormalization(floor=0.5),
    ],
    ids=repr,
)
def test_repr_rebuilds_the_call(layer: nn.Layer) -> None:
    name, arguments = repr(layer).split("(", 1)
    assert name == type(layer).__name__
    assert repr(eval(repr(layer), vars(nn).copy())) == repr(layer)
    assert arguments.endswith(")")


def test_repr_leaves_defaults_out() -> None:
    assert repr(nn.Conv2D(1, 2, (5, 5), stride=(1, 1), padding=(0, 0))) == "Conv2D(1, 2, 5)"
    assert repr(nn.MaxPool2D((2, 2), stride=2)) == "MaxPool2D(2)"
    assert repr(nn.Dense(3, 2, weight_init="glorot_uniform", rng=3, dtype=np.float64)) == "Dense(3, 2)"
    assert repr(nn.Conv2D(1, 2, 5, stride=1)) == "Conv2D(1, 2, 5)"


def test_repr_of_a_layer_that_takes_arrays_is_one_line() -> None:
    class Mask(nn.Layer):
        def __init__(self, mask: np.ndarray, other: np.ndarray | None = None) -> None:
            super().__init__()
            self.mask, self.other = mask, other

    assert repr(Mask(np.ones((2, 30)))) == "Mask(array of shape (2, 30))"
    assert repr(Mask(np.ones(3), np.ones(2))) == "Mask(array of shape (3,), other=array of shape (2,))"


@pytest.mark.parametrize("dtype", [np.int64, np.float16, "complex128"])
def test_parameters_are_float32_or_float64(dtype: Any) -> None:
    with pytest.raises(ValueError, match="Conv2D: got dtype .*, expected float32 or float64; use float32 to train"):
        nn.Conv2D(3, 2, 1, dtype=dtype)
    for make in (lambda: nn.Dense(3, 2, dtype=dtype), lambda: nn.Dense(3, 2).astype(dtype)):
        with pytest.raises(ValueError, match="Dense: got dtype .*, expected float32 or float64; use float32 to train"):
            make()


def test_astype_makes_a_copy() -> None:
    layer = nn.Dense(3, 2, rng=0)
    copy = layer.astype(np.float64)
    copy.params["weight"] += 1
    assert layer.params["weight"].dtype == np.float32
    np.testing.assert_allclose(copy.params["weight"] - 1, layer.params["weight"], rtol=1e-6)


@each_layer
@pytest.mark.parametrize("training", [True, False])
def test_y_and_dx_are_the_callers_own(layer: nn.Layer, shape: tuple[int, ...], training: bool) -> None:
    x, twin = numbers(shape), layer.astype(np.float32)
    y = layer.forward(x, training=training)
    assert not np.shares_memory(x, y)
    expected = twin.forward(x, training=True)
    dy = numbers(y.shape)
    y[...] = -7
    if not training:
        layer = twin
    dx, expected_dx = layer.backward(dy), twin.backward(dy) if training else None
    assert not np.shares_memory(dx, dy)
    if expected_dx is not None:
        np.testing.assert_array_equal(dx, expected_dx)
    dx[...], dy[...], expected[...] = -7, -7, -7
    for grad in layer.grads.values():
        grad[...] = -7
    again = layer.forward(x)
    np.testing.assert_array_equal(again, twin.forward(x))


@each_layer
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["backward", "backward_parameters"])
def test_a_gradient_that_is_not_finite(layer: nn.Layer, shape: tuple[int, ...], value: float, method: str) -> None:
    dy = np.ones_like(layer.forward(numbers(shape), training=True))
    dy.flat[-1] = value
    with pytest.raises(nn.NotFiniteError, match=r"got dy with 1 of .* values NaN or infinite, expected finite numbers"):
        getattr(layer, method)(dy)
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(dy)


SETTINGS = [
    (nn.Dense(3, 2), "n_in", 0),
    (nn.Dense(3, 2), "n_out", 2.5),
    (nn.Conv2D(1, 2, 3), "c_in", -1),
    (nn.Conv2D(1, 2, 3), "kernel_size", "3"),
    (nn.Conv2D(1, 2, 3), "stride", 0),
    (nn.Conv2D(1, 2, 3), "padding", (1, 1, 1)),
    (nn.MaxPool2D(2), "pool_size", 0),
    (nn.MaxPool2D(2), "stride", None),
    (nn.AveragePool2D(2), "pool_size", (2, 2, 2)),
    (nn.AveragePool2D(2), "stride", 0),
    (nn.LeakyReLU(), "negative_slope", -0.1),
    (nn.Dropout(0.5), "p", 1.5),
    (nn.ContrastNormalization(), "spread", 0),
    (nn.ContrastNormalization(), "floor", np.nan),
]


@pytest.mark.parametrize(("layer", "name", "value"), SETTINGS, ids=lambda value: repr(value))
def test_a_setting_changed_later_is_checked_as_in_the_constructor(layer: nn.Layer, name: str, value: object) -> None:
    layer = layer.astype(np.float32)
    setattr(layer, name, value)
    x = np.ones((1, 3) if isinstance(layer, nn.Dense) else (1, 5, 5, 1), np.float32)
    with pytest.raises(ValueError, match=f"{type(layer).__name__}: got {name}=.*expected"):
        layer.forward(x, training=True)


def test_settings_changed_between_the_passes_are_those_of_the_forward_pass() -> None:
    x = numbers((2, 6, 6, 1))
    for make, name, value in (
        (lambda: nn.Conv2D(1, 2, 3, rng=0), "padding", 1),
        (lambda: nn.MaxPool2D(3), "pool_size", (2, 2)),
        (lambda: nn.MaxPool2D(2), "stride", (1, 1)),
        (lambda: nn.AveragePool2D(3), "pool_size", (2, 2)),
        (lambda: nn.AveragePool2D(2), "stride", (1, 1)),
        (lambda: nn.LeakyReLU(), "negative_slope", 0.5),
        (lambda: nn.ContrastNormalization(), "spread", 2.0),
        (lambda: nn.Dropout(0.5, rng=0), "p", 0.1),
    ):
        layer, twin = make(), make()
        dy = numbers(layer.forward(x, training=True).shape)
        twin.forward(x, training=True)
        setattr(layer, name, value)
        np.testing.assert_array_equal(layer.backward(dy), twin.backward(dy))


@pytest.mark.parametrize("layer", [nn.Conv2D(1, 2, (3, 5)), nn.MaxPool2D((3, 5)), nn.AveragePool2D((3, 5))], ids=repr)
def test_height_and_width_are_not_exchanged(layer: nn.Layer) -> None:
    assert layer.output_shape((3, 5, 1))[:2] == (1, 1)
    assert layer.output_shape((9, 7, 1))[:2] == ((7, 3) if isinstance(layer, nn.Conv2D) else (3, 1))
    for shape in ((5, 3, 1), (2, 9, 1), (9, 4, 1)):
        with pytest.raises(ValueError, match="expected .* of at least 3 x 5 pixels"):
            layer.output_shape(shape)
        with pytest.raises(ValueError, match="expected .* of at least 3 x 5 pixels"):
            layer.forward(np.ones((1, *shape), np.float32))


def test_height_and_width_of_padding_and_stride_are_not_exchanged() -> None:
    layer = nn.Conv2D(1, 2, (3, 5), stride=(2, 1), padding=(0, 2))
    assert layer.output_shape((7, 1, 1)) == (3, 1, 2)
    assert layer.forward(np.ones((1, 7, 1, 1), np.float32)).shape == (1, 3, 1, 2)
    with pytest.raises(ValueError, match="of at least 3 x 1 pixels"):
        layer.output_shape((2, 9, 1))
    assert nn.MaxPool2D(2, (3, 1)).output_shape((5, 5, 1)) == (2, 4, 1)
    assert nn.AveragePool2D(2, (3, 1)).output_shape((5, 5, 1)) == (2, 4, 1)


def test_forward_does_not_train_unless_told() -> None:
    for kind in [nn.Sequential, *(getattr(nn, name) for name in nn.layers.__all__ if name != "NotFiniteError")]:
        assert inspect.signature(kind.forward).parameters["training"].default is False, kind


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2D(1, 1, (3, 2), stride=(4, 5), rng=0), nn.MaxPool2D((3, 2), (4, 5)), nn.AveragePool2D((3, 2), (4, 5))],
)
def test_the_window_along_the_height(layer: nn.Layer) -> None:
    assert layer.window == (3, 4)


@pytest.mark.parametrize("layer", [nn.Conv2D(1, 1, 2, rng=0), nn.MaxPool2D(2), nn.AveragePool2D(2)])
@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 4), (1, 1, 4, 4, 1)])
def test_images_have_four_axes(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(N, H, W, "):
        layer.forward(np.zeros(shape, np.float32))


@each_layer
def test_frozen_survives_copies(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    assert layer.frozen is False
    layer = layer.astype(np.float32)
    layer.frozen = True
    for other in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer.astype(np.float64)):
        assert other.frozen is True
        assert repr(other) == repr(layer)
    y = layer.forward(numbers(shape), training=True)
    layer.backward(np.ones_like(y))  # a layer by itself computes all of its gradients
    assert set(layer.grads) == set(layer.params)
    layer.frozen = np.False_  # type: ignore[assignment]
    assert layer.frozen is False


@pytest.mark.parametrize("value", ["no", None, 1, 0.0])
def test_frozen_is_true_or_false(value: object) -> None:
    layer = nn.Dense(2, 1)
    with pytest.raises(ValueError, match="Dense: got frozen=.*, expected True or False"):
        layer.frozen = value  # type: ignore[assignment]
    assert layer.frozen is False
