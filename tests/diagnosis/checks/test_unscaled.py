"""Inputs and targets of the wrong size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.diagnosis import diagnose
from tests.diagnosis.small_networks import adam, both_networks, first, mlp, rows, sgd


@both_networks
@pytest.mark.parametrize(
    "change",
    [
        lambda x: x * 256,
        lambda x: (x * 256).astype(np.uint8),
        lambda x: x / 256,
        lambda x: x + 5,
    ],
)
def test_input_unscaled(network: Any, change: Any) -> None:
    x, y = rows()
    model = network()
    finding = first(diagnose(model, change(x), y, optimizer=adam(model)), "input_unscaled")
    assert finding.evidence["x_rms"] > 4 or finding.evidence["x_rms"] < 0.01


@both_networks
def test_targets_unscaled(network: Any) -> None:
    x, y = rows()
    model = network()
    finding = first(diagnose(model, x, 48 * y + 48, optimizer=sgd(model)), "targets_unscaled")
    assert finding.evidence["y_rms"] == pytest.approx(np.sqrt(np.nanmean((48.0 * y + 48) ** 2)), rel=1e-4)
    first(diagnose(model, x, y / 1000), "targets_unscaled")


def test_one_row_has_no_spread_to_be_off_centre_of() -> None:
    x, y = rows()
    assert "input_unscaled" not in diagnose(mlp(), x[:1], y[:1]).codes


def test_infinite_targets_are_not_measured() -> None:
    x, y = rows()
    assert diagnose(mlp(), x, np.full_like(y, np.inf)).codes == ["not_finite"]
