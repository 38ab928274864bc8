"""Steps that are too long, by each of the reasons for saying so."""

from __future__ import annotations

from typing import Any

import pytest

from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.step_too_large import check
from nnscratch.history import Outcome
from tests.diagnosis.small_networks import adam, both_networks, case_of, first, history_of, mlp, rows, scale, sgd, train


@both_networks
@pytest.mark.parametrize("make", [lambda m: sgd(m, lr=20.0), lambda m: adam(m, lr=2.0)])
def test_step_too_large(network: Any, make: Any) -> None:
    model = network()
    optimizer = make(model)
    first(diagnose(model, *rows(), optimizer=optimizer), "step_too_large")
    history = train(model, optimizer, 10)
    first(diagnose(model, *rows(), optimizer=optimizer, history=history), "step_too_large")


def message(**arguments: Any) -> str:
    """What the check says of an MLP; "" if nothing."""
    found = list(check(case_of(arguments.pop("model"), **arguments)))
    assert len(found) <= 1
    return found[0].message if found else ""


def test_adam_by_its_learning_rate() -> None:
    model = mlp()
    assert "each step moves a weight by" in message(model=model, optimizer=adam(model, lr=0.1))
    assert message(model=model, optimizer=adam(model, lr=0.01)) == ""


def test_by_the_rehearsal() -> None:
    model = mlp()
    assert "80 steps from the start took the loss from" in message(model=model, optimizer=sgd(model, lr=20.0))


def test_steps_are_not_to_blame_for_a_network_that_explodes_before_them() -> None:
    model = mlp()
    scale(model, 300.0)
    assert message(model=model, optimizer=sgd(model)) == ""


def test_steps_are_not_to_blame_for_biases() -> None:
    model, history = mlp(bias="constant(20)"), history_of([1.0])
    history.end(Outcome.DIVERGED, "the loss is not finite")
    assert message(model=model, optimizer=sgd(model), history=history) == ""
    assert "the training diverged" in message(model=model, history=history)  # without an optimizer nothing is tried


@pytest.mark.parametrize(("last", "expected"), [(4.0, True), (2.0, False)])  # times the lowest loss, that of the mean
def test_by_a_loss_that_rose(last: float, expected: bool) -> None:
    variance = case_of(mlp()).variance
    history = history_of([variance * v for v in (3.0, 2.0, 1.0, 2.0, last)])
    assert ("the loss rose from" in message(model=mlp(), history=history)) == expected


def test_frozen_layers_do_not_count_in_the_size_of_a_step() -> None:
    """0.05 is half of a weight of the first, widest layer, and less of the others'."""
    model = mlp(depth=1)
    optimizer = adam(model, lr=0.05)
    assert any("times its size" in finding.message for finding in check(case_of(model, optimizer=optimizer)))
    model.layers[1].frozen = True
    assert not any("times its size" in finding.message for finding in check(case_of(model, optimizer=optimizer)))
