"""One call for all arrays where that can be; and what goes one by one as before."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.optimizers import Optimizer

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
def test_a_copy_moves_its_own_arrays(make: Any, clone: Any) -> None:
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
