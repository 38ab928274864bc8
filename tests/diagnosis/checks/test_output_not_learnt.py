"""One of several outputs that is not learnt."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnscratch as nn
from tests.diagnosis.small_networks import Rows, asked, both_tables, first, table


class FirstOnly(nn.Loss):
    """A squared error whose weight for the second output was left at 0."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = (prediction - target) * np.array([1, 0], prediction.dtype)
        self.slope = 2 * error / prediction.dtype.type(len(error))
        return float(np.square(error).sum() / len(error))

    def backward(self) -> np.ndarray:
        slope: np.ndarray = self.take("slope")
        return slope


def easy() -> Rows:
    x, _ = table()
    return x, np.stack([x[:, 0] + x[:, 1], x[:, 2] - x[:, 3]], axis=1)


@both_tables
def test_a_weight_of_0(network: Any) -> None:
    diagnosis = asked(network(), easy(), epochs=40, loss=FirstOnly())
    finding = first(diagnosis, "output_not_learnt")
    assert finding.evidence["output"] == 1
    assert finding.evidence["explained_by_a_rule"] > 0.9


@both_tables
def test_an_output_that_x_says_nothing_about(network: Any) -> None:
    x, y = easy()
    y = y.copy()
    y[:, 0] = y[np.random.default_rng(0).permutation(len(y)), 0]
    diagnosis = asked(network(), (x, y), epochs=15)
    finding = first(diagnosis, "output_not_learnt")
    assert finding.evidence["output"] == 0
    assert "x seems to say nothing about output 0" in finding.message


@both_tables
def test_outputs_that_are_learnt_at_different_speeds(network: Any) -> None:
    x, y = table()
    both = np.stack([x[:, 5], y[:, 0]], axis=1)
    for epochs in (2, 10, 60):
        assert asked(network(), (x, both), epochs).codes == []


def test_a_network_with_such_an_output_is_not_called_healthy() -> None:
    model: Any = nn.Sequential(nn.Dense(6, 16, rng=0), nn.ReLU(), nn.Dense(16, 2, rng=1))
    diagnosis = asked(model, easy(), epochs=4, loss=FirstOnly())
    if not diagnosis.findings:
        assert not diagnosis.healthy
        assert "nothing of 1 of its outputs" in diagnosis.verdict
