"""Steps that are too short, by the learning rate and by the losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.step_too_small import check
from tests.diagnosis.small_networks import adam, both_networks, case_of, first, history_of, mlp, rows, sgd, train


@both_networks
@pytest.mark.parametrize("make", [lambda m: sgd(m, lr=1e-7), lambda m: adam(m, lr=1e-7)])
def test_step_too_small(network: Any, make: Any) -> None:
    model = network()
    optimizer = make(model)
    first(diagnose(model, *rows(), optimizer=optimizer), "step_too_small")
    history = train(model, optimizer, 10)
    diagnosis = diagnose(model, *rows(), optimizer=optimizer, history=history)
    first(diagnosis, "step_too_small")
    assert "no_better_than_mean" in diagnosis.codes


@both_networks
def test_a_loss_that_falls_too_slowly(network: Any) -> None:
    """Told by the history alone, without an optimizer."""
    model = network()
    history = train(model, nn.SGD(model, lr=3e-5), 12)
    finding = first(diagnose(model, *rows(), history=history), "step_too_small")
    assert finding.evidence["epochs_to_the_mean"] > 300


@both_networks
def test_a_blank_last_layer_that_never_moves(network: Any) -> None:
    model = network()
    model.layers[-1].params["weight"][:] = 0
    optimizer = sgd(model, lr=1e-8)
    history = train(model, optimizer, 6)
    codes = diagnose(model, *rows(), optimizer=optimizer, history=history).codes
    assert codes == ["step_too_small", "constant_output", "no_better_than_mean"]


def test_a_schedule_explains_a_slow_end() -> None:
    losses = list(10 * np.exp(-1e-4 * np.arange(12)))
    assert list(check(case_of(mlp(), history=history_of(losses, lr=[0.1] * 12))))
    assert not list(check(case_of(mlp(), history=history_of(losses, lr=[0.1] * 11 + [0.04]))))


@pytest.mark.parametrize("make", [sgd, adam])
def test_biases_that_have_moved_further_tell_of_a_larger_rate_before(make: Any) -> None:
    model = mlp()
    optimizer = make(model, lr=1e-8)
    optimizer.steps = 100
    assert list(check(case_of(model, optimizer=optimizer)))
    model.layers[1].params["bias"][:] = np.linspace(0, 0.1, 64)
    assert not list(check(case_of(model, optimizer=optimizer)))


def test_layers_are_not_told_off_for_being_frozen() -> None:
    """Hidden layers that are frozen, with biases of an earlier training."""
    model = mlp()
    for i in (1, 3):
        model.layers[i].frozen = True
        model.layers[i].params["bias"][:] = np.linspace(-0.1, 0.1, 64)
    optimizer = adam(model)
    history = train(model, optimizer, 15)
    assert diagnose(model, *rows(), optimizer=optimizer, history=history).codes == []
    slow = adam(model, lr=1e-8)
    slow.steps = 100
    assert list(check(case_of(model, optimizer=slow)))  # the last layer's steps are too short, though
    model.layers[-1].frozen = True
    assert not list(check(case_of(model, optimizer=slow)))


def test_a_network_that_is_frozen_altogether_takes_no_steps() -> None:
    model = mlp()
    model.layers[-1].params["weight"][:] = 0
    for layer in model.layers:
        layer.frozen = True
    optimizer = sgd(model, lr=0.01)
    history = train(model, optimizer, 10)
    optimizer.steps = 2000
    codes = diagnose(model, *rows(), optimizer=optimizer, history=history).codes
    assert not {"step_too_small", "step_too_large", "dead_units", "decay_dominates", "vanishing_gradient"} & set(codes)
