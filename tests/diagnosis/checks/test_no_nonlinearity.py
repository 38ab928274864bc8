"""Layers without an activation between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from tests.diagnosis.small_networks import adam, asked, cnn, dense, first, rows, table


@pytest.mark.parametrize("units", [(32, 1), (24, 24, 24, 1)])
def test_a_product_and_no_bend(units: tuple[int, ...]) -> None:
    x, y = table()
    model = dense(*units, activation=None)
    finding = first(nn.diagnose(model, x, y[:, :1], optimizer=adam(model)), "no_nonlinearity")
    assert finding.evidence["explained_by_curved"] - finding.evidence["explained_by_linear"] > 0.1
    diagnosis = asked(model, (x, y[:, :1]), try_remedies=True)
    first(diagnosis, "no_nonlinearity")
    assert diagnosis.trials[0].brings


@pytest.mark.parametrize("units", [(32, 2), (24, 24, 24, 2)])
def test_a_straight_task_needs_none(units: tuple[int, ...]) -> None:
    x, _ = table()
    model = dense(*units, activation=None)
    assert nn.diagnose(model, x, x[:, :2], optimizer=adam(model)).codes == []
    assert asked(model, (x, x[:, :2])).codes == []


def test_convolutions_without_activations() -> None:
    x, _ = rows()
    bent = np.square(x - x.mean(axis=0)).mean(axis=(1, 2))
    bent = (bent - bent.mean()) / bent.std()
    straight: Any = nn.Sequential(
        nn.Conv2D(1, 4, 5, stride=2, rng=0), nn.AveragePool2D(2), nn.Flatten(), nn.Dense(100, 1, rng=1)
    )
    assert nn.diagnose(straight, x, bent).codes[:1] == ["no_nonlinearity"]
    assert "no_nonlinearity" not in nn.diagnose(cnn(outputs=1), x, bent).codes
