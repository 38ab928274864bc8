"""Units that are off for every image."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.dead_units import check
from tests.diagnosis.small_networks import adam, both_networks, case_of, first, first_two, mlp, rows


@both_networks
def test_one_layer_of_negative_weights_is_dead(network: Any) -> None:
    """What comes out of a ReLU is positive: with negative weights, every next unit is off."""
    model = network()
    weight = model.layers[-3].params["weight"]
    weight[:] = -np.abs(weight)
    first(diagnose(model, *rows(), optimizer=adam(model)), "dead_units")


@both_networks
def test_large_negative_biases_are_the_cause(network: Any) -> None:
    model = network()
    model.layers[-3].params["bias"][:] = -20.0
    finding = first_two(diagnose(model, *rows()), "saturated_by_bias", "dead_units")
    assert finding.layer == len(model.layers) - 3
    assert finding.evidence["never_active"] == 1


def test_says_what_the_biases_began_as() -> None:
    (finding,) = check(case_of(mlp(bias="constant(-30)", dropout=0.5)))
    assert "Its biases began as constant(-30.0). Dropout of 0.5" in finding.message


def test_from_nineteen_twentieths_on() -> None:
    for dead, expected in ((60, 0), (61, 1)):  # of 64
        model = mlp()
        model.layers[3].params["bias"][:dead] = -1e3
        assert len(list(check(case_of(model)))) == expected


def test_a_leaky_relu_cannot_die() -> None:
    """With the weights and biases that kill a ReLU; but one of slope 0 is a ReLU."""
    for activation, dead in ((nn.LeakyReLU, False), (lambda: nn.LeakyReLU(0.0), True), (nn.ReLU, True)):
        model = mlp(activation=activation)
        weight = model.layers[3].params["weight"]
        weight[:] = -np.abs(weight)
        diagnosis = diagnose(model, *rows(), optimizer=adam(model))
        assert ("dead_units" in diagnosis.codes) is dead, diagnosis
        assert diagnosis.healthy is not dead


def test_silent_units_of_a_layer_that_nobody_moves_are_its_owners_wish() -> None:
    model = mlp()
    model[1].params["bias"][3:] = -100
    assert "dead_units" in nn.diagnose(model, *rows()).codes
    assert "dead_units" not in nn.diagnose(model, *rows(), optimizer=nn.Adam(model, layers=[model[3], model[-1]])).codes
    model[1].frozen = True
    assert "dead_units" not in nn.diagnose(model, *rows()).codes
    model[1].params["bias"][:] = -100  # nothing passes: then it is the cause
    assert "dead_units" in nn.diagnose(model, *rows()).codes
