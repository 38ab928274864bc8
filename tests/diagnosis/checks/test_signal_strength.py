"""Signals that fade or explode on their way forward."""

from __future__ import annotations

from typing import Any

import pytest

from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.signal_strength import check
from tests.diagnosis.small_networks import case_of, cnn, deep, first, mlp, rows, scale, sgd, train


@pytest.mark.parametrize("network", [deep, cnn])
def test_small_weights(network: Any) -> None:
    model = network(weight="normal(0.001)")
    finding = first(diagnose(model, *rows()), "vanishing_signal")
    assert finding.evidence["share_of_input_spread"] < 1e-3
    optimizer = sgd(model)
    train(model, optimizer, 12)
    diagnosis = diagnose(model, *rows(), optimizer=optimizer)
    first(diagnosis, "vanishing_signal")
    assert {"constant_output", "no_better_than_mean"} <= set(diagnosis.codes)


@pytest.mark.parametrize("network", [deep, cnn])
def test_large_weights(network: Any) -> None:
    model = network(weight="normal(2)")
    first(diagnose(model, *rows(), optimizer=sgd(model)), "exploding_signal")


def test_names_the_first_layer() -> None:
    model = mlp()
    scale(model, 1e-5, slice(1, 2))
    (finding,) = check(case_of(model))
    assert (finding.code, finding.layer) == ("vanishing_signal", 3)
    model = mlp()
    scale(model, 1e4, slice(1, 2))
    (finding,) = check(case_of(model))
    assert (finding.code, finding.layer) == ("exploding_signal", 3)


def test_blank_last_weights_are_no_end_of_the_signal() -> None:
    model = mlp()
    model.layers[-1].params["weight"][:] = 0
    assert not list(check(case_of(model)))


def test_an_input_of_nothing_but_0() -> None:
    x, y = rows()
    model = mlp(bias="constant(5)")
    assert diagnose(model, 0 * x, y).codes[0] == "constant_input"
    assert "exploding_signal" in [finding.code for finding in check(case_of(model, (0 * x, y)))]
