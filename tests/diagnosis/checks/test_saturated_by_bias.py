"""Biases that drown the image, at the start and after a training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.saturated_by_bias import check
from tests.diagnosis.small_networks import both_networks, case_of, first, mlp, rows, sgd, train, weights


@both_networks
@pytest.mark.parametrize("value", [5.0, 10.0, -10.0])
def test_saturated_by_bias(network: Any, value: float) -> None:
    """Also with an optimizer: steps that diverge because of the biases are not too long."""
    model = network(bias=f"constant({value})")
    first(diagnose(model, *rows()), "saturated_by_bias")
    diagnosis = diagnose(model, *rows(), optimizer=sgd(model, lr=0.01))
    first(diagnosis, "saturated_by_bias")
    assert "step_too_large" not in diagnosis.codes


@both_networks
@pytest.mark.parametrize("value", [5.0, 10.0, -10.0])
def test_biases_set_by_hand_before_a_training(network: Any, value: float) -> None:
    model = network()
    for layer in weights(model)[:-1]:
        layer.params["bias"][:] = value
    optimizer = sgd(model, lr=0.001)
    train(model, optimizer, 8)
    first(diagnose(model, *rows(), optimizer=optimizer), "saturated_by_bias")


@both_networks
def test_comes_before_what_it_does_under_dropout(network: Any) -> None:
    """The report's: the network learns to switch its hidden units off, or diverges."""
    model = network(bias="constant(20)", dropout=0.5)
    optimizer = sgd(model, lr=0.005)
    train(model, optimizer, 20)
    first(diagnose(model, *rows(), optimizer=optimizer), "saturated_by_bias")


def test_says_whether_the_training_made_them() -> None:
    model = mlp()
    model.layers[1].params["bias"][:] = np.linspace(-100, 100, 64)
    (finding,) = check(case_of(model))
    assert finding.by_training
    (finding,) = check(case_of(mlp(bias="constant(20)")))
    assert not finding.by_training
    assert finding.evidence["layers"] == 2
