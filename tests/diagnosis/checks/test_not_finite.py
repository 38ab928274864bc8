"""NaN and infinity, wherever they come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.not_finite import check
from tests.diagnosis.small_networks import adam, both_networks, case_of, first, history_of, mlp, rows, sgd


@both_networks
def test_in_the_weights(network: Any) -> None:
    model = network()
    model.layers[-1].params["weight"][0, 0] = np.nan
    assert "the weight of Dense" in first(diagnose(model, *rows(), optimizer=adam(model)), "not_finite").message
    model.layers[-1].params["weight"][:] = 1e38
    first(diagnose(model, *rows()), "not_finite")


@both_networks
@pytest.mark.parametrize("row", [0, 11])  # the second is not among the rows that are measured
@pytest.mark.parametrize("array", [0, 1])
def test_in_one_row(network: Any, row: int, array: int) -> None:
    model, data = network(), [part.copy() for part in rows()]
    data[array][row] = np.inf
    message = first(diagnose(model, *data, optimizer=sgd(model)), "not_finite").message
    assert ("x, the input", "y, the targets")[array] in message


@both_networks
def test_in_many_pixels(network: Any) -> None:
    x, y = rows()
    first(diagnose(network(), np.where(x > 0.9, np.nan, x), y), "not_finite")


@both_networks
def test_divergence_keeps_its_cause(network: Any) -> None:
    model = network()
    optimizer = sgd(model, lr=1e6)
    history = nn.Trainer(model, nn.MSELoss(), optimizer).fit(*rows(), epochs=10)
    assert diagnose(model, *rows(), optimizer=optimizer, history=history).codes[:2] == ["step_too_large", "not_finite"]


def test_in_a_loss_of_the_history() -> None:
    assert not list(check(case_of(mlp(), history=history_of([1.0], validation_loss=[1.0]))))
    (finding,) = check(case_of(mlp(), history=history_of([1.0], validation_loss=[math.nan])))
    assert "the loss during the training" in finding.message


@both_networks
def test_rows_that_are_not_finite_come_first_and_are_left_out(network: Any) -> None:
    x, y = (part.copy() for part in rows())
    x[3] = np.nan
    model = network()
    diagnosis = diagnose(model, x, y, optimizer=sgd(model), try_remedies=True)
    finding = first(diagnosis, "not_finite")
    assert "leave such rows out" in finding.remedy
    assert diagnosis.trials[0].words == "the rows that are finite"
    assert diagnosis.trials[0].changed < diagnosis.trials[0].as_it_is
