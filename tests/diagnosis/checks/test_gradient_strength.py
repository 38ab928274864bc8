"""Gradients that fade or explode on their way back.

Small weights let the signal fade forward and the gradient back: two findings of one cause, the
signal first.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest

from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.gradient_strength import check
from tests.diagnosis.small_networks import both_networks, case_of, cnn, deep, first, first_two, mlp, rows, scale, sgd


@pytest.mark.parametrize("network", [deep, functools.partial(mlp, depth=4)])
def test_small_weights_stop_it(network: Any) -> None:
    model = network(weight="normal(0.01)")
    first_two(diagnose(model, *rows()), "vanishing_signal", "vanishing_gradient")


@both_networks
@pytest.mark.parametrize("make", [None, sgd])
def test_small_later_weights_stop_it(network: Any, make: Any) -> None:
    model = network()
    scale(model, 0.003, slice(-2, None))
    diagnosis = diagnose(model, *rows(), optimizer=make(model) if make else None)
    finding = first_two(diagnosis, "vanishing_signal", "vanishing_gradient")
    assert finding.evidence["first_to_last"] < 1e-3


@pytest.mark.parametrize("network", [deep, cnn])
def test_large_weights_explode_it(network: Any) -> None:
    model = network(weight="normal(2)")
    first_two(diagnose(model, *rows(), optimizer=sgd(model)), "exploding_signal", "exploding_gradient")


def test_large_later_weights_explode_it() -> None:
    """In the CNN the outputs do not become a hundred times as large as the input."""
    model = mlp()
    scale(model, 15.0, slice(-2, None))
    first_two(diagnose(model, *rows(), optimizer=sgd(model)), "exploding_signal", "exploding_gradient")
    model = cnn()
    scale(model, 15.0, slice(-2, None))
    first(diagnose(model, *rows(), optimizer=sgd(model)), "exploding_gradient")


@both_networks
def test_healthy(network: Any) -> None:
    assert not list(check(case_of(network())))


def test_a_gradient_that_fades_in_frozen_layers_harms_nobody() -> None:
    model = deep()
    scale(model, 0.02, slice(1, 6))
    assert [finding.code for finding in check(case_of(model))] == ["vanishing_gradient"]
    for layer in model.layers[:-1]:
        layer.frozen = True
    assert not list(check(case_of(model)))
