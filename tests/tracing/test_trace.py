"""The trace's arrays are those of the step that a training would have made."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.optimizers.base import Optimizer


def network() -> nn.Sequential:
    rng = np.random.default_rng(1)
    return nn.Sequential(
        nn.Conv2D(1, 3, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2D(3, 2),
        nn.Flatten(),
        nn.Dense(27, 6, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.5, rng=2),
        nn.Dense(6, 4, rng=rng),
    )


def batch(rows: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((rows, 8, 8, 1), np.float32), rng.standard_normal((rows, 4), np.float32)
    y[1, 2] = y[3] = np.nan
    return x, y


def optimizer_of(model: nn.Sequential, name: str) -> Optimizer:
    if name == "sgd":
        return nn.SGD(model, lr=0.1, momentum=0.9, weight_decay=0.01)
    return nn.Adam(model, lr=0.1)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_it_is_the_step_of_a_training_bit_for_bit(name: str) -> None:
    model, (x, y) = network(), batch()
    twin = nn.Sequential(*copy.deepcopy(model.layers), fuse=False)
    optimizer, twins = optimizer_of(model, name), optimizer_of(twin, name)
    loss = nn.MSELoss()
    for _ in range(3):  # Adam's and the momentum's memories, and dropout's masks, go on from step to step
        value = loss.forward(twin.forward(x, training=True), y)
        twin.backward(loss.backward(), input_gradient=True)
        twins.step()
        trace = nn.trace(model, x, y, nn.MSELoss(), optimizer)
        assert trace.loss.value == value
        for mine, its in zip(model.layers, twin.layers, strict=True):
            for key in mine.params:
                np.testing.assert_array_equal(mine.params[key], its.params[key])
                np.testing.assert_array_equal(
                    trace.layers[model.layers.index(mine)].parameters[key].after, its.params[key]
                )
    assert optimizer.steps == 3


def test_each_layers_arrays_are_its_own_methods() -> None:
    model, (x, y) = network(), batch()
    layers = copy.deepcopy(model.layers)
    trace = nn.trace(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1))
    h = x
    for layer, traced in zip(layers, trace.layers, strict=True):
        np.testing.assert_array_equal(traced.x, h)
        h = layer.forward(h, training=True)
        np.testing.assert_array_equal(traced.y, h)
    loss = nn.MSELoss()
    assert loss.forward(h, y) == trace.loss.value
    dy = loss.backward()
    np.testing.assert_array_equal(trace.loss.dprediction, dy)
    assert (trace.loss.dprediction[np.isnan(y)] == 0).all()
    for layer, traced in zip(reversed(layers), reversed(trace.layers), strict=True):
        np.testing.assert_array_equal(traced.dy, dy)
        dy = layer.backward(dy)
        np.testing.assert_array_equal(traced.dx, dy)
        for key in layer.params:
            np.testing.assert_array_equal(traced.parameters[key].gradient, layer.grads[key])
            np.testing.assert_array_equal(traced.parameters[key].before, layer.params[key])


def test_what_a_layer_kept_for_backward() -> None:
    model, (x, y) = network(), batch()
    trace = nn.trace(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1))
    np.testing.assert_array_equal(trace.layers[1].kept["positive"], trace.layers[1].y > 0)
    assert trace.layers[2].kept["argmax"].shape == trace.layers[2].y.shape
    np.testing.assert_array_equal(trace.layers[6].kept["mask"] * trace.layers[6].x, trace.layers[6].y)
    assert trace.layers[0].kept == {}  # x itself is there already


def test_the_optimizers_memory_before_and_after() -> None:
    model, (x, y) = network(), batch()
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5)
    first = nn.trace(model, x, y, nn.MSELoss(), optimizer)
    second = nn.trace(model, x, y, nn.MSELoss(), optimizer)
    weight = second.layers[4].parameters["weight"]
    np.testing.assert_array_equal(weight.memory_before["v"], first.layers[4].parameters["weight"].gradient)
    v = np.float32(0.5) * weight.memory_before["v"] + weight.gradient
    np.testing.assert_allclose(weight.memory_after["v"], v, rtol=1e-6)
    np.testing.assert_allclose(weight.step, -0.1 * v, rtol=1e-3, atol=1e-7)
    adam = nn.trace(model, x, y, nn.MSELoss(), nn.Adam(model))
    assert set(adam.layers[0].parameters["bias"].memory_after) == {"m", "v"}


def test_nothing_of_it_changes_with_the_model_or_the_batch() -> None:
    model, (x, y) = network(), batch()
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5)
    trace = nn.trace(model, x, y, nn.MSELoss(), optimizer)
    copied = copy.deepcopy(trace)
    x += 1
    y += 1
    for _ in range(2):
        nn.trace(model, x, y, nn.MSELoss(), optimizer)
    assert str(trace) == str(copied)
    for mine, its in zip(trace.layers, copied.layers, strict=True):
        for name in ("x", "y", "dy", "dx"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(its, name))


def test_the_loss_without_dropout_before_and_after_the_step() -> None:
    model, (x, y) = network(), batch()
    before = nn.MSELoss().forward(model.forward(x), y)
    trace = nn.trace(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.01))
    assert trace.loss.before == before
    assert trace.loss.after == nn.MSELoss().forward(model.forward(x), y)


def test_a_fused_network_goes_on_as_usual_afterwards() -> None:
    model, (x, y) = network(), batch()
    optimizer, loss = nn.SGD(model, lr=0.1), nn.MSELoss()
    nn.trace(model, x, y, loss, optimizer)
    loss.forward(model.forward(x, training=True), y)
    model.backward(loss.backward())
    optimizer.step()


def test_errors() -> None:
    model, (x, y) = network(), batch()
    with pytest.raises(ValueError, match="an optimizer of another model"):
        nn.trace(model, x, y, nn.MSELoss(), nn.SGD(network(), lr=0.1))
    with pytest.raises(ValueError, match="expected equal shapes"):
        nn.trace(model, x, y[:, :3], nn.MSELoss(), nn.SGD(model, lr=0.1))
    with pytest.raises(nn.NotFiniteError):
        nn.trace(model, x * np.float32(np.nan), y, nn.MSELoss(), nn.SGD(model, lr=0.1))
    optimizer = nn.SGD(model, lr=0.1)
    model.layers[4] = nn.Dense(27, 6, rng=0)
    with pytest.raises(ValueError, match="other layers"):
        nn.trace(model, x, y, nn.MSELoss(), optimizer)


@pytest.mark.parametrize("rule", [nn.SGD, nn.Adam])
def test_layers_that_the_optimizer_does_not_have_stay_and_have_no_memory(rule: type) -> None:
    model, (x, y) = network(), batch()
    trace = nn.trace(model, x, y, nn.MSELoss(), rule(model, lr=0.1, layers=[model[4]]))
    moved = [(number, name) for number, layer in enumerate(trace.layers) for name, p in layer.parameters.items()
             if p.step.any()]  # fmt: skip
    assert moved == [(4, "weight"), (4, "bias")]
    assert trace.layers[0].parameters["weight"].memory_before == {}
    assert trace.layers[4].parameters["weight"].memory_after.keys() == set(rule.memory_names)
    assert "layers=[model[4]]" in trace.optimizer
    assert str(trace)
    json.dumps(trace.settings, allow_nan=False)
