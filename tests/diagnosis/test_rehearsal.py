"""The rehearsal: what ten steps do, on a copy."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.rehearsal import Rehearsal, rehearse
from tests.diagnosis.small_networks import mlp, rows, sgd


def rehearsal(model: Any, lr: float, **arguments: Any) -> Rehearsal:
    optimizer = sgd(model)
    return rehearse(model, *rows(), nn.MSELoss(), optimizer, lr, **{"fresh": False, **arguments})


def test_good_steps_bring_the_loss_down() -> None:
    tried = rehearsal(mlp(), 0.02)
    assert tried.loss < tried.start
    assert tried.dead < 0.5
    assert tried.zero == pytest.approx(np.nanmean(np.square(rows()[1])), rel=0.2)  # of 32 rows


def test_long_steps_end_at_infinity_and_leave_no_nan_in_the_evidence() -> None:
    tried = rehearsal(mlp(), 1e6)
    assert tried.loss == math.inf
    assert set(tried.evidence) >= {"zero", "start", "loss", "dead_before"}
    assert not any(map(math.isnan, tried.evidence.values()))


def test_a_network_that_is_not_finite_has_no_start() -> None:
    model = mlp()
    model.layers[-1].params["weight"][:] = np.nan
    tried = rehearsal(model, 0.02)
    assert tried.start == tried.loss == math.inf
    assert math.isnan(tried.dead)


def test_begins_anew_if_asked() -> None:
    model = mlp()
    model.layers[-1].params["weight"][:] = 100
    assert rehearsal(model, 0.02).start > 1
    assert rehearsal(model, 0.02, fresh=True).start < 1


def test_leaves_out_biases_if_asked() -> None:
    model = mlp(bias="constant(-50)")
    assert rehearsal(model, 0.0).dead_before == 1
    hidden = [i for i, layer in enumerate(model.layers[:-1]) if layer.params]
    assert rehearsal(model, 0.0, without_bias=hidden).dead_before < 0.5


def test_changes_neither_network_nor_optimizer() -> None:
    model = mlp(dropout=0.5)
    optimizer = sgd(model)
    before = copy.deepcopy(model)
    rehearse(model, *rows(), nn.MSELoss(), optimizer, 1.0, fresh=True)
    assert (optimizer.steps, optimizer.lr) == (0, 0.02)
    for layer, other in zip(model.layers, before.layers, strict=True):
        assert not layer.grads
        for name, value in other.params.items():
            np.testing.assert_array_equal(layer.params[name], value)


def test_frozen_layers_begin_as_they_are() -> None:
    model = mlp()
    model.layers[1].params["weight"][:] = 0  # its units are 0 for every image, and would not be if drawn anew
    assert rehearsal(model, 0.02, fresh=True).dead_before < 0.5
    model.layers[1].frozen = True
    assert rehearsal(model, 0.02, fresh=True).dead == 1


def test_zero_is_the_loss_of_zeros_whatever_the_loss() -> None:
    x, _ = rows()
    model = nn.Sequential(nn.Flatten(), nn.Dense(576, 4, rng=0))
    classes = (np.arange(len(x)) % 4).astype(np.float32)
    tried = rehearse(model, x, classes, nn.SoftmaxCrossEntropy(), sgd(model), 0.02, fresh=False)
    assert tried.zero == pytest.approx(math.log(4))
