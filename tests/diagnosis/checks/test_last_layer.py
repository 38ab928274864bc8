"""What stands behind the last weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from tests.diagnosis.small_networks import Rows, adam, asked, both_networks, both_tables, first, rows, table


def behind(network: Any, *layers: nn.Layer) -> Any:
    return nn.Sequential(*network().layers, *layers)


@both_tables
def test_dropout_behind_the_output_always_counts(network: Any) -> None:
    model = behind(network, nn.Dropout(0.3, rng=0))
    assert first(nn.diagnose(model, *table(), optimizer=adam(model)), "dropout_output").layer == len(model.layers) - 1
    first(asked(model, table()), "dropout_output")
    assert "dropout_output" not in nn.diagnose(behind(network, nn.Dropout(0, rng=0)), *table()).codes


@both_tables
def test_relu_and_targets_below_0(network: Any) -> None:
    model = behind(network, nn.ReLU())
    finding = first(nn.diagnose(model, *table(), optimizer=adam(model)), "relu_output")
    assert finding.evidence["lowest"] < 0
    first(asked(model, table()), "relu_output")


def positive() -> Rows:
    x, y = table()
    return x, np.exp(y / 2).astype(np.float32)


@both_tables
def test_relu_and_targets_above_0_are_left_in_peace(network: Any) -> None:
    model = behind(network, nn.ReLU())
    assert nn.diagnose(model, *positive(), optimizer=adam(model)).codes == []
    assert asked(model, positive()).codes == []


@both_networks
@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh])
def test_a_range_that_the_targets_leave(network: Any, activation: Any) -> None:
    x, y = rows()
    finding = first(nn.diagnose(behind(network, activation()), x, 4 * y), "silent_output")
    assert 0.03 < finding.evidence["loss_floor"] <= 1
    inside = y if activation is nn.Tanh else (y + 1) / 2
    assert "silent_output" not in nn.diagnose(behind(network, activation()), x, inside).codes


@both_tables
def test_all_outputs_silent_and_every_gradient_0(network: Any) -> None:
    """Healthy, said the doctor who looked at hidden layers only."""
    model = behind(network, nn.ReLU())
    model.layers[-2].params["bias"][:] = -50
    optimizer = adam(model)
    for diagnosis in (nn.diagnose(model, *positive(), optimizer=optimizer), asked(model, positive(), 30, optimizer)):
        assert "silent_output" in diagnosis.codes[:2]
        assert "step_too_small" not in diagnosis.codes
        assert all(layer.gradient_rms == 0 for layer in diagnosis.signals.layers)


@both_tables
def test_the_remedy_is_tried(network: Any) -> None:
    model = behind(network, nn.ReLU())
    diagnosis = nn.diagnose(model, *table(), optimizer=adam(model, lr=0.01), try_remedies=True)
    first(diagnosis, "relu_output")
    assert diagnosis.trials[0].brings
    assert "no activation behind the last layer" in " ".join(str(diagnosis).split())


@pytest.mark.parametrize("hidden", [nn.ReLU, nn.Tanh])
def test_relu_before_the_softmax(hidden: Any) -> None:
    x, _ = table()
    classes = (x[:, 0] > 0).astype(int) + 2 * (x[:, 1] > 0)
    layers = nn.Dense(6, 16, rng=0), hidden(), nn.Dense(16, 4, rng=1)
    model, loss = nn.Sequential(*layers, nn.ReLU()), nn.SoftmaxCrossEntropy()
    first(nn.diagnose(model, x, classes, loss, adam(model)), "relu_output")
    right = nn.Sequential(*layers)
    assert nn.diagnose(right, x, classes, loss, adam(right)).codes == []
    assert asked(right, (x, classes), 20, adam(right, lr=0.01), loss).codes == []


@both_tables
def test_a_sigmoid_and_targets_of_other_units_need_both_remedies(network: Any) -> None:
    """Scaled targets alone are still out of the Sigmoid's reach."""
    x, y = table()
    model = behind(network, nn.Sigmoid())
    diagnosis = nn.diagnose(model, x, 20 + 20 * y, optimizer=adam(model, lr=0.01), try_remedies=True)
    first(diagnosis, "silent_output")
    assert min(trial.changed for trial in diagnosis.trials) < 0.6
