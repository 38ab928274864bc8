"""One call for all arrays where that can be; and what goes one by one as before."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels.products import choice
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.layers.gradients import entry
from nnscratch.optimizers import Optimizer
from nnscratch.training.clipping import clip_gradients

MAKES: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda model: nn.SGD(model, lr=0.1, weight_decay=0.01),
    "momentum": lambda model: nn.SGD(model, lr=0.1, momentum=0.9, weight_decay=0.01),
    "Nesterov": lambda model: nn.SGD(model, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda model: nn.Adam(model, lr=0.01, weight_decay=0.1),
}
ROWS = np.random.default_rng(1).standard_normal((6, 3))


def network(dtype: Any = np.float32) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 5), nn.Tanh(), nn.Dense(5, 5), nn.ReLU(), nn.Dense(5, 2), rng=0).astype(dtype)


def train(model: nn.Sequential, optimizer: Optimizer, steps: int = 3) -> None:
    for _ in range(steps):
        model.backward(model.forward(ROWS.astype(model[0].params["weight"].dtype), training=True))
        optimizer.step()


def one_by_one(optimizer: Optimizer) -> Optimizer:
    """The optimizer with rules that no table can call."""
    made = optimizer._rule
    optimizer._rule = lambda *arguments: lambda *arrays: made(*arguments)(*arrays)  # type: ignore[method-assign]
    return optimizer


def assert_equal(model: nn.Sequential, expected: nn.Sequential) -> None:
    for w, wanted in zip(model.parameters(), expected.parameters(), strict=True):
        np.testing.assert_array_equal(w, wanted)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_call_gives_the_bits_of_one_by_one(make: Any, dtype: Any) -> None:
    model, expected = network(dtype), network(dtype)
    optimizer, slow = make(model), one_by_one(make(expected))
    train(model, optimizer)
    train(expected, slow)
    assert optimizer._one_pass._table is not None
    assert slow._one_pass._table is None
    assert_equal(model, expected)
    for mean, wanted in zip(optimizer.state()["means"], slow.state()["means"], strict=True):
        np.testing.assert_array_equal(mean, wanted)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_arrays_that_take_a_place_later_are_the_ones_that_move(make: Any) -> None:
    model, expected = network(), network()
    optimizer, slow = make(model), one_by_one(make(expected))
    old = model[2].params["weight"]
    for each, own in ((model, optimizer), (expected, slow)):
        train(each, own)
        each[2].params["weight"] = each[2].params["weight"].copy()
        kept = {name: dw.copy() for name, dw in each[4].grads.items()}
        each[4].grads = kept
        own.step()
        own.lr = 0.05
        each[0].frozen = True
        train(each, own)
        each[0].frozen = False
        train(each, own)
    assert_equal(model, expected)
    before = old.copy()
    train(model, optimizer)
    np.testing.assert_array_equal(old, before)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("least_to_defer", [1, 1 << 18])
def test_a_copy_moves_its_own_arrays(
    make: Any, clone: Any, least_to_defer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "LEAST_NUMBERS_TO_DEFER", least_to_defer)
    model = network()
    optimizer = make(model)
    train(model, optimizer)
    other, others = clone((model, optimizer))
    kept, means = model.copy_parameters(), optimizer.state()["means"]
    train(other, others)
    for w, before in zip(model.parameters(), kept, strict=True):
        np.testing.assert_array_equal(w, before)
    for mean, before in zip(optimizer.state()["means"], means, strict=True):
        np.testing.assert_array_equal(mean, before)
    train(model, optimizer)
    assert_equal(model, other)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_tied_weights_get_one_update_after_the_other(make: Any) -> None:
    model, expected = network(), network()
    for each in (model, expected):
        each[2].params["bias"] = each[0].params["bias"]
    optimizer, slow = make(model), one_by_one(make(expected))
    train(model, optimizer)
    train(expected, slow)
    assert optimizer._one_pass._table is None
    assert_equal(model, expected)


def test_layers_of_two_dtypes() -> None:
    model = network()
    model.layers[4] = model[4].astype(np.float64)
    optimizer = nn.SGD(model, lr=1.0)
    before = model.copy_parameters()
    for layer in model.layers:
        layer.grads = {name: np.full_like(w, 0.5) for name, w in layer.params.items()}
    optimizer.step()
    for w, old in zip(model.parameters(), before, strict=True):
        assert w.dtype == old.dtype
        np.testing.assert_allclose(w, old - 0.5, rtol=1e-6)


def test_a_rule_written_in_python() -> None:
    class Signs(Optimizer):
        def _rule(self, dtype: Any, weight_decay: float, steps: int) -> Any:
            def rule(w: np.ndarray, dw: np.ndarray, total: np.ndarray) -> None:
                total += np.abs(dw)
                w -= self.lr * np.sign(dw)

            return rule

    model = network()
    optimizer = Signs(model, lr=0.25, weight_decay=0.0, memory=1)
    before = model.copy_parameters()
    train(model, optimizer, steps=1)
    gradients = [dw for layer in model.layers for dw in layer.grads.values()]
    for w, old, dw, total in zip(model.parameters(), before, gradients, optimizer.state()["means"], strict=True):
        np.testing.assert_allclose(w, old - 0.25 * np.sign(dw), rtol=1e-6)
        np.testing.assert_array_equal(total, np.abs(dw))


def test_a_rule_of_two_kinds() -> None:
    class Stays(nn.SGD):
        def _rule(self, dtype: Any, weight_decay: float, steps: int) -> Any:
            return (lambda *arrays: None) if weight_decay else super()._rule(dtype, weight_decay, steps)

    model = network()
    before = model.copy_parameters()
    train(model, Stays(model, lr=0.1, weight_decay=0.1))
    moved = [not np.array_equal(w, old) for w, old in zip(model.parameters(), before, strict=True)]
    assert moved == [False, True] * 3


# Gradients that are not computed


@pytest.fixture
def defer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes small networks do what large ones do."""
    monkeypatch.setattr(choice, "LEAST_NUMBERS_TO_DEFER", 1)


def at_once(model: nn.Sequential) -> nn.Sequential:
    """The network with gradients that backward computes: in a plain dict there are no others."""
    for layer in model:
        layer.grads = dict(layer.grads)
    return model


def deferred(model: nn.Sequential) -> list[bool]:
    """Whether, for each layer that learns, its weight's gradient is not computed."""
    return [type(entry(layer.grads, "weight")) is DeferredProduct for layer in model if layer.params]


@pytest.mark.usefixtures("defer")
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 2, 6])
def test_deferred_gradients_give_the_bits_of_computed_ones(make: Any, dtype: Any, rows: int) -> None:
    model, expected = network(dtype), at_once(network(dtype))
    optimizer, other = make(model), make(expected)
    x = ROWS[:rows].astype(dtype)
    for _ in range(4):
        for each, own in ((model, optimizer), (expected, other)):
            each.backward(each.forward(x, training=True))
            own.step()
        assert (deferred(model), deferred(expected)) == ([True] * 3, [False] * 3)
    assert_equal(model, expected)
    for mean, wanted in zip(optimizer.state()["means"], other.state()["means"], strict=True):
        np.testing.assert_array_equal(mean, wanted)
    for layer, wanted_layer in zip(model, expected, strict=True):
        assert layer.grads.keys() == wanted_layer.grads.keys()
        for name, dw in layer.grads.items():
            np.testing.assert_array_equal(dw, wanted_layer.grads[name])


def look(model: nn.Sequential, *optimizers: Optimizer) -> None:
    model[2].grads["weight"]  # before the step, which then uses that array


def clip(model: nn.Sequential, *optimizers: Optimizer) -> None:
    clip_gradients(model, 0.01)


def change_one(model: nn.Sequential, *optimizers: Optimizer) -> None:
    model[2].grads["weight"] += 1


def replace_one(model: nn.Sequential, *optimizers: Optimizer) -> None:
    model[2].grads["weight"] = np.ones_like(model[2].params["weight"])


def freeze_in_turn(model: nn.Sequential, *optimizers: Optimizer) -> None:
    model[2].frozen = not model[2].frozen


def step_twice(model: nn.Sequential, *optimizers: Optimizer) -> None:
    optimizers[0].step()


def change_rows(model: nn.Sequential, *optimizers: Optimizer) -> None:
    """Nobody needs x and y any more when backward has used them, nor what inference overwrites."""
    model.forward(ROWS[::-1].astype(np.float32))
    model.forward(ROWS[:1].astype(np.float32), training=True)


BETWEEN: list[Any] = [look, clip, change_one, replace_one, freeze_in_turn, step_twice, change_rows]


@pytest.mark.usefixtures("defer")
@pytest.mark.parametrize("between", BETWEEN, ids=lambda between: between.__name__)
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_whatever_comes_between_backward_and_step(make: Any, between: Any) -> None:
    model, expected = network(), at_once(network())
    pairs = (model, make(model)), (expected, make(expected))
    for rows in (6, 6, 2, 1, 6):
        for each, optimizer in pairs:
            x = ROWS[:rows].astype(np.float32)
            each.backward(each.forward(x, training=True))
            x[:] = np.nan  # the caller's own again
            between(each, optimizer)
            optimizer.step()
        assert_equal(model, expected)


@pytest.mark.usefixtures("defer")
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_two_optimizers_use_one_deferred_gradient(make: Any) -> None:
    model, expected = network(), at_once(network())
    for each in (model, expected):
        optimizers = make(each), nn.SGD(each, lr=0.01), nn.Adam(each, layers=[each[2]])
        for _ in range(3):
            each.backward(each.forward(ROWS.astype(np.float32), training=True))
            for optimizer in optimizers:
                optimizer.step()
    assert_equal(model, expected)
    assert deferred(model) == [True] * 3


@pytest.mark.usefixtures("defer")
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_tied_weights_and_rules_in_python_see_arrays(make: Any) -> None:
    for change in (lambda optimizer: optimizer, one_by_one):
        model, expected = network(), at_once(network())
        for each in (model, expected):
            if change is not one_by_one:
                each[2].params["bias"] = each[0].params["bias"]
            train(each, change(make(each)))
        assert deferred(model) == [False] * 3
        assert_equal(model, expected)


@pytest.mark.usefixtures("defer")
def test_copies_have_gradients_and_go_on() -> None:
    model, expected = network(), at_once(network())
    for each in (model, expected):
        train(each, nn.SGD(each, lr=0.1, momentum=0.9))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        for layer, wanted in zip(other, expected, strict=True):
            for name, dw in wanted.grads.items():
                np.testing.assert_array_equal(layer.grads[name], dw)
        train(other, nn.SGD(other, lr=0.1))
        assert deferred(other) == [True] * 3


@pytest.mark.usefixtures("defer")
def test_a_training_looks_at_no_gradient() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 3)).astype(np.float32), rng.standard_normal((12, 2)).astype(np.float32)
    results = []
    for change in (lambda model: model, at_once):
        for options in ({}, {"clip_norm": 0.1}, {"accumulate": 2}):
            model = change(network())
            nn.Trainer(model, nn.MSELoss(), nn.Adam(model), batch_size=4, seed=0, **options).fit(x, y, epochs=2)
            results.append(model)
            if change is not at_once:
                assert deferred(model) == [not options] * 3
    for model, expected in zip(results[:3], results[3:], strict=True):
        assert_equal(model, expected)


@pytest.mark.usefixtures("defer")
def test_a_missing_gradient_and_one_of_another_shape_move_nothing() -> None:
    model = network()
    optimizer = nn.SGD(model, lr=0.1)
    model.backward(model.forward(ROWS.astype(np.float32), training=True))
    before = model.copy_parameters()
    product = entry(model[2].grads, "weight")
    del model[2].grads["weight"]
    with pytest.raises(ValueError, match="step: got no gradient of 'weight'"):
        optimizer.step()
    model[4].grads.defer("weight", product)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"step: got .*gradient of 'weight'"):
        optimizer.step()
    model[2].grads["weight"] = product.value()
    with pytest.raises(ValueError, match=r"step: got a gradient of 'weight' in Dense\(5, 2\) of shape \(5, 5\)"):
        optimizer.step()
    for w, old in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(w, old)


def test_all_layers_frozen() -> None:
    model = network()
    optimizer = nn.Adam(model)
    before = model.copy_parameters()
    for layer in model:
        layer.frozen = True
    optimizer.step()
    for w, old in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(w, old)
    assert optimizer.steps == 1
