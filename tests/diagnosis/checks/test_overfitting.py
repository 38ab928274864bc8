"""Rows known by heart, by a real training and by histories made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.overfitting import check
from tests.diagnosis.small_networks import OUTPUTS, adam, both_networks, case_of, first, history_of, mlp, rows, train


@both_networks
def test_overfitting(network: Any) -> None:
    x, _ = rows()
    model = network()
    optimizer = adam(model, lr=0.001)
    x = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)  # nothing to learn but the rows
    noise = np.random.default_rng(0).normal(0, 0.1, (60, OUTPUTS)).astype(np.float32)
    history = train(model, optimizer, 400, (x[:16], noise[:16]), validation=(x[40:60], noise[40:]))
    first(diagnose(model, x[:16], noise[:16], optimizer=optimizer, history=history), "overfitting")


@both_networks
def test_mild_overfitting(network: Any) -> None:
    """More than half of its own rows explained, and new rows no better than by the mean."""
    x, y = rows()
    noise = np.random.default_rng(0).normal(0, 0.1, y.shape).astype(np.float32)
    model = network()
    optimizer = adam(model, lr=0.001)
    history = train(model, optimizer, 220, (x[:40], (y + noise)[:40]), validation=(x[100:200], (y + noise)[100:200]))
    first(diagnose(model, x[:40], (y + noise)[:40], optimizer=optimizer, history=history), "overfitting")


@pytest.mark.parametrize(
    ("train_loss", "validation_loss", "expected"),  # in variances of the targets
    [
        ([0.8, 0.6, 0.4, 0.3, 0.2], [0.8, 0.7, 0.5, 0.6, 0.7], True),  # has risen
        ([0.8, 0.6, 0.4, 0.3, 0.2], [0.8, 0.7, 0.5, 0.5, 0.5], False),
        ([0.8, 0.6, 0.4, 0.3, 0.2], [1.3, 1.2, 1.1, 1.1, 1.1], True),  # useless for new rows
        ([0.8, 0.4, 0.2, 0.1, 0.04], [0.8, 0.6, 0.5, 0.45, 0.45], True),  # eleven times the training loss
        ([0.8, 0.4, 0.2, 0.1, 0.08], [0.8, 0.7, 0.6, 0.6, 0.6], True),  # seven times, and half unexplained
        ([0.8, 0.4, 0.2, 0.1, 0.06], [0.8, 0.7, 0.5, 0.4, 0.4], False),
        ([0.8, 0.4, 0.2, 0.1], [1.3, 1.3, 1.3, 1.3], False),  # too early to say
    ],
)
def test_shapes_of_a_history(train_loss: list[float], validation_loss: list[float], expected: bool) -> None:
    variance = case_of(mlp()).variance
    history = history_of([variance * v for v in train_loss], validation_loss=[variance * v for v in validation_loss])
    assert bool(list(check(case_of(mlp(), history=history)))) == expected
