"""Parameters that no step reaches."""

from __future__ import annotations

from typing import Any

import pytest

import nnscratch as nn
from tests.diagnosis.small_networks import adam, asked, both_tables, dense, first, history_of, sgd, table, train


@both_tables
@pytest.mark.parametrize("make", [adam, sgd])
def test_an_optimizer_of_another_network(network: Any, make: Any) -> None:
    diagnosis = nn.diagnose(network(), *table(), optimizer=make(network()))
    assert "of another network" in first(diagnosis, "not_trained").message


@both_tables
def test_an_optimizer_of_layers_that_were_replaced(network: Any) -> None:
    model = network()
    optimizer = adam(model)
    model.layers[0] = nn.Dense(6, model.layers[0].n_out, rng=0)
    assert "were replaced" in first(nn.diagnose(model, *table(), optimizer=optimizer), "not_trained").message


@both_tables
def test_frozen_altogether(network: Any) -> None:
    model = network()
    for layer in model.layers:
        layer.frozen = True
    diagnosis = asked(model, table(), epochs=3)
    assert "all its layers are frozen" in first(diagnosis, "not_trained").message


@both_tables
def test_a_rate_of_0(network: Any) -> None:
    model = network()
    diagnosis = asked(model, table(), 3, sgd(model, lr=0.0), try_remedies=True)
    assert "the learning rate is 0" in first(diagnosis, "not_trained").message
    assert diagnosis.trials[0].brings


@both_tables
def test_no_call_of_step(network: Any) -> None:
    model = network()
    optimizer, loss = sgd(model), nn.MSELoss()
    x, y = table()
    loss.forward(model.forward(x, training=True), y)
    model.backward(loss.backward())
    assert "made no step" in first(nn.diagnose(model, x, y, loss, optimizer), "not_trained").message
    fresh = network()
    told = nn.diagnose(fresh, x, y, loss, sgd(fresh), history_of([1.0] * 6))
    assert "its history has epochs" in first(told, "not_trained").message
    optimizer.step()
    assert "not_trained" not in nn.diagnose(model, x, y, loss, optimizer).codes


@both_tables
def test_steps_on_a_copy(network: Any) -> None:
    model, other = network(), network()
    optimizer = adam(model)
    optimizer.steps = 100
    assert (
        "after 100 steps all biases" in first(nn.diagnose(model, *table(), optimizer=optimizer), "not_trained").message
    )
    train(other, adam(other), 1, table())
    assert nn.diagnose(other, *table(), optimizer=adam(other)).codes == []  # a new optimizer of a trained network


@both_tables
def test_equal_units_move_alike_but_they_move(network: Any) -> None:
    model = network()
    for layer in model.layers:
        if layer.params:
            layer.params["weight"][:] = 0.1
    assert "not_trained" not in asked(model, table(), epochs=3).codes


def test_an_optimizer_of_layers_that_are_frozen() -> None:
    model = dense(16, 2)
    model[-1].frozen = True
    optimizer = nn.SGD(model, lr=0.1, layers=[model[-1]])
    optimizer.steps = 50
    diagnosis = nn.diagnose(model, *table(), optimizer=optimizer, try_remedies=True)
    found = next(finding for finding in diagnosis.findings if finding.code == "not_trained")
    assert "all layers that its optimizer has are frozen" in found.message
    assert any(trial.code == "not_trained" and trial.changed < trial.as_it_is for trial in diagnosis.trials)
