"""Replaced parameters: what fits is used, anything else is refused before a kernel sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers.parameters import Parameters, checked_parameters

FLOAT32 = np.dtype(np.float32)
Change = Callable[[dict[str, Any]], object]


def put(name: str, make: Callable[[np.ndarray], Any]) -> Change:
    return lambda params: params.update({name: make(params[name])})


# (what is done to params, what the error says)
REFUSED: dict[str, tuple[Change, str]] = {
    "fewer outputs": (put("weight", lambda w: w[..., :1].copy()), "got weight of shape .*, expected .*; replace it"),
    "fewer inputs": (put("weight", lambda w: w[..., :1, :].copy()), "got weight of shape"),
    "an axis less": (put("weight", lambda w: w[0]), "got weight of shape"),
    "empty": (put("weight", lambda w: w[:0]), "got weight of shape"),
    "short bias": (put("bias", lambda b: b[:1].copy()), "got bias of shape"),
    "bias of two axes": (put("bias", lambda b: b[np.newaxis]), "got bias of shape"),
    "float16": (put("weight", lambda w: w.astype(np.float16)), "got weight of dtype float16, expected float32 or"),
    "other byte order": (put("weight", lambda w: w.astype(">f4")), "got weight of dtype >f4, expected float32 or"),
    "float64": (put("weight", lambda w: w.astype(np.float64)), "got x of dtype float32, expected float64; use"),
    "float64 bias": (put("bias", lambda b: b.astype(np.float64)), "got bias of dtype float64"),
    "complex bias": (put("bias", lambda b: b.astype(complex)), "got bias of dtype complex128"),
    "list": (put("weight", lambda w: w.tolist()), "got weight of type list, expected a NumPy array of shape"),
    "None": (put("bias", lambda b: None), "got bias of type NoneType, expected a NumPy array of shape"),
    "no weight": (lambda params: params.pop("weight"), r"got parameters \['bias'\], expected .*put the missing one"),
    "no bias": (lambda params: params.pop("bias"), r"got parameters \['weight'\], expected .*put the missing one"),
    "one more": (lambda params: params.update(scale=np.ones(2)), "'scale'.*expected .*take the unknown one away"),
}
# What fits, though it is not as kernels need it.
TAKEN: dict[str, Change] = {
    "Fortran order": put("weight", np.asfortranarray),
    "strided": put("weight", lambda w: np.repeat(w, 2, axis=-1)[..., ::2]),
    "backwards": put("weight", lambda w: w[..., ::-1].copy()[..., ::-1]),
    "strided bias": put("bias", lambda b: np.repeat(b, 2)[::2]),
    "a subclass of arrays": put("bias", lambda b: b.view(np.memmap)),
    "read-only": put("bias", lambda b: np.broadcast_to(b, b.shape)),
    "read-only weight": put("weight", lambda w: np.broadcast_to(w, w.shape)),
}
# Four seconds of compiling; kernels of the other stages are compiled for such an array, too.
AT_NIGHT = {("convolution", "read-only weight")}
# name -> (layers, shape of one x): one for each kind of stage
NETWORKS: dict[str, tuple[Callable[[], list[nn.Layer]], tuple[int, ...]]] = {
    "image vectors": (lambda: [nn.Conv2D(2, 3, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2)], (8, 9, 2)),
    "channel vectors": (lambda: [nn.Conv2D(2, 32, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2D(2)], (8, 9, 2)),
    "winograd": (lambda: [nn.Conv2D(16, 32, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2)], (40, 40, 16)),
    "convolution": (lambda: [nn.Conv2D(2, 3, 3, stride=2, rng=0)], (8, 9, 2)),
    "dense": (lambda: [nn.Flatten(), nn.Dense(12, 3, rng=0), nn.ReLU()], (6, 2)),
}
each_network = pytest.mark.parametrize(("make", "shape"), NETWORKS.values(), ids=NETWORKS)
each_way = pytest.mark.parametrize("fuse", [True, False])


def learning(model: nn.Sequential) -> nn.Layer:
    return next(layer for layer in model.layers if layer.params)


def run(model: nn.Sequential, shape: tuple[int, ...]) -> list[np.ndarray]:
    """y, dx and the gradients of a step."""
    x = np.random.default_rng(1).standard_normal((3, *shape)).astype(np.float32)
    y = model.forward(x, training=True)
    dx = model.backward(np.random.default_rng(2).standard_normal(y.shape).astype(np.float32), input_gradient=True)
    assert dx is not None
    return [y, dx, *(grad.copy() for grad in learning(model).grads.values())]


@each_network
@each_way
@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_both_passes(make, shape, fuse, change, message) -> None:
    model = nn.Sequential(*make(), fuse=fuse)
    before = run(model, shape)
    layer = learning(model)
    kept = dict(layer.params)
    x = np.ones((3, *shape), np.float32)
    y = model.forward(x, training=True)
    change(layer.params)
    for _ in range(2):
        with pytest.raises((ValueError, RuntimeError)) as raised:  # the second time there is no step left
            model.backward(np.ones_like(y))
    with pytest.raises(ValueError, match=message) as raised:
        model.forward(x)
    assert "\n" not in str(raised.value)
    assert repr(layer) in str(raised.value)
    layer.params = kept
    for now, then in zip(run(model, shape), before, strict=True):
        np.testing.assert_array_equal(now, then)


@each_way
@pytest.mark.parametrize(
    ("make", "shape", "change"),
    [
        pytest.param(*network, change, id=f"{name}, {what}", marks=[pytest.mark.nightly] * ((name, what) in AT_NIGHT))
        for name, network in NETWORKS.items()
        for what, change in TAKEN.items()
    ],
)
def test_what_fits_gives_the_same_bits(make, shape, fuse, change) -> None:
    model = nn.Sequential(*make(), fuse=fuse)
    before = run(model, shape)
    change(learning(model).params)
    for _ in range(2):
        for now, then in zip(run(model, shape), before, strict=True):
            np.testing.assert_array_equal(now, then)


@each_network
@each_way
def test_another_array_is_used_from_the_next_call_on(make, shape, fuse) -> None:
    model = nn.Sequential(*make(), fuse=fuse)
    run(model, shape)
    twice = nn.Sequential(*make(), fuse=fuse)
    for layer in (learning(model), learning(twice)):
        layer.params["weight"] = np.asfortranarray(layer.params["weight"] * 2)
    for now, then in zip(run(model, shape), run(twice, shape), strict=True):
        np.testing.assert_array_equal(now, then)
    learning(model).params["weight"] *= 2  # the copy of an array that is not contiguous is not kept
    learning(twice).params["weight"] = learning(twice).params["weight"] * 2
    for now, then in zip(run(model, shape), run(twice, shape), strict=True):
        np.testing.assert_array_equal(now, then)


@each_network
@each_way
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_parameter_that_is_not_finite_is_named(make, shape, fuse, value) -> None:
    model = nn.Sequential(*make(), fuse=fuse)
    learning(model).params["bias"][1] = value
    with pytest.raises(nn.NotFiniteError, match="got bias with 1 of "):
        model.forward(np.ones((2, *shape), np.float32))


@each_network
@each_way
def test_a_bias_that_the_layer_does_not_have(make, shape, fuse) -> None:
    model = nn.Sequential(*make(), fuse=fuse)
    run(model, shape)
    learning(model).bias = False  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"got parameters \['bias', 'weight'\], expected \['weight'\]"):
        model.forward(np.ones((2, *shape), np.float32))


def test_a_subclass_may_have_parameters_of_its_own() -> None:
    class Scaled(nn.Dense):
        def __init__(self) -> None:
            super().__init__(3, 2, rng=0)
            self.params["scale"] = np.ones(2, np.float32)

    assert Scaled().forward(np.ones((4, 3), np.float32)).shape == (4, 2)


def test_an_array_whose_shape_is_changed_in_place_does_no_harm() -> None:
    layer = nn.Dense(4, 6, rng=0)
    weight, _ = Parameters(layer, (4, 6)).get(FLOAT32)
    with pytest.raises(ValueError, match="got weight of shape"):
        checked_parameters(layer, (6, 4), FLOAT32)
    assert weight is not layer.params["weight"]
    assert np.shares_memory(weight, layer.params["weight"])


def test_the_same_arrays_are_not_looked_at_again() -> None:
    layer = nn.Dense(4, 6, rng=0)
    parameters = Parameters(layer, (4, 6))
    assert parameters.get(FLOAT32) is parameters.get(FLOAT32)
    with pytest.raises(ValueError, match=r"got x of dtype float64, expected float32; use x.astype\(np.float32\) or"):
        parameters.get(np.dtype(np.float64))
