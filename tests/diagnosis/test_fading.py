"""Signals that fade though the weights are large enough."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.fading import fades_by_bias, remedy_for_sigmoids
from tests.diagnosis.small_networks import adam, case_of, deep, first, mlp, rows


def test_deep_sigmoids_fade_and_the_remedy_cures_it() -> None:
    model = deep(activation=nn.Sigmoid)
    finding = first(diagnose(model, *rows(), optimizer=adam(model)), "vanishing_gradient")
    assert finding.remedy == remedy_for_sigmoids(case_of(model))
    assert "weights four times as large as for these, normal(4 / sqrt(n_in))" in finding.remedy
    for layer in model.layers[1:]:
        if "weight" in layer.params:
            layer.params["weight"] *= np.float32(4)
    assert diagnose(model, *rows(), optimizer=adam(model)).healthy
    other = deep(activation=nn.Tanh)
    assert diagnose(other, *rows(), optimizer=adam(other)).healthy


def test_small_weights_are_to_blame_before_sigmoids() -> None:
    model = deep(activation=nn.Sigmoid, weight="normal(0.01)")
    assert remedy_for_sigmoids(case_of(model)) == ""
    assert "glorot_uniform" in first(diagnose(model, *rows()), "vanishing_signal").remedy
    assert remedy_for_sigmoids(case_of(deep())) == ""


@pytest.mark.parametrize("kind", [nn.LeakyReLU, nn.Sigmoid, nn.Tanh])
@pytest.mark.parametrize("value", [-5.0, 5.0])
def test_large_biases_are_what_is_wrong(kind: type[nn.Layer], value: float) -> None:
    model = mlp(activation=kind, bias=f"constant({value})")
    assert fades_by_bias(case_of(model))
    diagnosis = diagnose(model, *rows(), optimizer=adam(model))
    finding = first(diagnosis, "saturated_by_bias")
    assert f"the {kind.__name__} is a straight line" in finding.message
    assert "ReLU is a straight line or nothing" not in finding.message
    assert not {"vanishing_signal", "vanishing_gradient", "dead_units", "saturated_units"} & set(diagnosis.codes)


def test_relus_and_small_weights_fade_by_themselves() -> None:
    assert not fades_by_bias(case_of(mlp(bias="constant(-5)")))
    assert not fades_by_bias(case_of(mlp(activation=nn.Tanh)))
    assert not fades_by_bias(case_of(mlp(activation=nn.Tanh, bias="constant(5)", weight="normal(0.01)")))
