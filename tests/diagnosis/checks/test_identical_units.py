"""Weights that were not drawn at random."""

from __future__ import annotations

from typing import Any

import pytest

import nnscratch as nn
from nnscratch.diagnosis import diagnose
from tests.diagnosis.small_networks import both_networks, first, mlp, rows, scale, sgd, train


@both_networks
@pytest.mark.parametrize("value", [0.0, 0.05])
def test_identical_units(network: Any, value: float) -> None:
    model = network(weight=f"constant({value})")
    assert first(diagnose(model, *rows()), "identical_units").evidence["twins"] == 1
    optimizer = sgd(model, lr=0.005)
    train(model, optimizer, 12)
    first(diagnose(model, *rows(), optimizer=optimizer), "identical_units")


@both_networks
def test_units_that_exploded_are_not_alike(network: Any) -> None:
    model = network()
    scale(model, 1e30, slice(1, 2))
    assert "identical_units" not in diagnose(model, *rows()).codes


def test_of_a_layer_that_nobody_moves_nothing_is_said() -> None:
    model = mlp(weight="constant(0.01)")
    assert "identical_units" in nn.diagnose(model, *rows()).codes
    optimizer = nn.SGD(model, lr=0.01, layers=[model[-1]])
    assert "identical_units" not in nn.diagnose(model, *rows(), optimizer=optimizer).codes
