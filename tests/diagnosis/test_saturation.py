"""How many times the spread a bias is, now and at the start."""

from __future__ import annotations

import pytest

import nnscratch as nn
from nnscratch.diagnosis.saturation import bias_to_spread, initial_bias, is_by_training
from nnscratch.diagnosis.signals import LayerSignals


def signals(bias: float, bias_range: float = 10.0, z_spread: float = 1.0) -> LayerSignals:
    return LayerSignals(0, "", False, z_spread=z_spread, bias=bias, bias_range=bias_range, bias_ratio=bias / z_spread)


def dense(bias_init: str = "constant(0)") -> nn.Layer:
    return nn.Dense(2, 3, bias_init=bias_init, rng=0)


def test_before_a_training_the_measured_ratio_counts() -> None:
    assert bias_to_spread(dense("constant(99)"), signals(5.0, z_spread=0.5), 0.2, trained=False) == 10


def test_small_biases_and_layers_without_any_spread_do_not_count() -> None:
    assert bias_to_spread(dense(), signals(0.2, z_spread=1e-3), 1.0, trained=False) == 0
    assert bias_to_spread(dense(), signals(5.0, z_spread=1e-9), 1.0, trained=False) == 0


def test_after_a_training_the_bias_at_the_start_counts_too() -> None:
    assert bias_to_spread(dense("constant(-4)"), signals(1.0, z_spread=100), 0.5, trained=True) == 8
    assert bias_to_spread(dense(), signals(4.0, bias_range=0.1, z_spread=100), 0.5, trained=True) == 8


@pytest.mark.parametrize(
    ("bias_init", "bias_range", "expected"),
    [("constant(0)", 10.0, True), ("constant(0)", 0.1, False), ("constant(20)", 10.0, False)],
)
def test_who_made_it(bias_init: str, bias_range: float, expected: bool) -> None:
    assert is_by_training(dense(bias_init), signals(30.0, bias_range), 1.0) == expected


@pytest.mark.parametrize(("bias_init", "value"), [("constant(-1.5)", 1.5), ("normal(3)", 0.0)])
def test_initial_bias(bias_init: str, value: float) -> None:
    assert initial_bias(dense(bias_init)) == value
    assert initial_bias(nn.ReLU()) == 0
