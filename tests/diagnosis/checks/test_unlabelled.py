"""Targets without any value."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnscratch as nn
from tests.diagnosis.small_networks import both_networks, rows


@both_networks
def test_no_label_at_all_is_the_only_finding(network: Any) -> None:
    x, y = rows()
    assert nn.diagnose(network(), 256 * x, np.full_like(y, np.nan)).codes == ["unlabelled"]


@both_networks
def test_one_label_is_enough(network: Any) -> None:
    x, y = rows()
    y = np.full_like(y, np.nan)
    y[7, 3] = 0.5
    assert "unlabelled" not in nn.diagnose(network(), x, y).codes


def test_classes_that_are_all_missing() -> None:
    x, _ = rows()
    model = nn.Sequential(nn.Flatten(), nn.Dense(576, 3, rng=0))
    classes = np.full(len(x), -1)
    assert nn.diagnose(model, x, classes, nn.SoftmaxCrossEntropy()).codes == ["unlabelled"]
    classes[5] = 2
    assert "unlabelled" not in nn.diagnose(model, x, classes, nn.SoftmaxCrossEntropy()).codes
