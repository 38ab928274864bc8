"""Units at the flat ends of a Sigmoid or a Tanh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.saturated_units import check
from tests.diagnosis.small_networks import adam, case_of, first, mlp, rows, scale, sgd, train

squeezing = pytest.mark.parametrize("kind", [nn.Sigmoid, nn.Tanh])


@squeezing
@pytest.mark.parametrize("depth", [1, 2, 6])
def test_weights_that_are_far_too_large(kind: type[nn.Layer], depth: int) -> None:
    model = mlp(activation=kind, depth=depth)
    scale(model, 50)
    diagnosis = diagnose(model, *rows(), optimizer=adam(model))
    finding = first(diagnosis, "saturated_units")
    assert f"the {kind.__name__} behind Dense(" in finding.message
    assert finding.evidence["layers"] == depth
    assert not {"exploding_signal", "exploding_gradient", "vanishing_gradient", "dead_units"} & set(diagnosis.codes)


@squeezing
def test_the_remedy_cures_it(kind: type[nn.Layer]) -> None:
    model = mlp(activation=kind)
    optimizer = adam(model)
    assert diagnose(model, *rows(), optimizer=optimizer).healthy
    history = train(model, optimizer, 15)
    assert diagnose(model, *rows(), optimizer=optimizer, history=history).codes == []


@squeezing
def test_pixels_of_0_to_255_are_the_cause(kind: type[nn.Layer]) -> None:
    x, y = rows()
    model = mlp(activation=kind)
    diagnosis = diagnose(model, 256 * x, y, optimizer=sgd(model))
    first(diagnosis, "input_unscaled")
    assert "saturated_units" not in diagnosis.codes


@squeezing
def test_from_seven_tenths_on(kind: type[nn.Layer]) -> None:
    for flat, expected in ((44, 0), (45, 1)):  # of 64
        model = mlp(activation=kind, depth=1)
        model.layers[1].params["bias"][:flat] = np.where(np.arange(flat) % 2, 1e3, -1e3)
        assert len(list(check(case_of(model)))) == expected


def test_the_last_activation_counts_too() -> None:
    model: Any = nn.Sequential(*mlp(depth=1).layers, nn.Tanh())
    model.layers[-2].params["bias"][:] = 20
    (finding,) = check(case_of(model))
    assert finding.layer == 3
    assert finding.evidence["saturated"] == 1


def test_relus_do_not_saturate() -> None:
    model = mlp(depth=1)
    scale(model, 50)
    assert not list(check(case_of(model)))
