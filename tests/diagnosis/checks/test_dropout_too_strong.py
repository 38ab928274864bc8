"""Dropout that hides what there is to learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.checks.dropout_too_strong import noise_of_masks
from tests.diagnosis.small_networks import adam, asked, case_of, dense, first, table


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_p_of_095_fresh_and_trained(activation: Any) -> None:
    model = dense(32, 32, 2, activation=activation, dropout=0.95)
    assert nn.diagnose(model, *table(), optimizer=adam(model)).codes[:1] == ["dropout_too_strong"]
    finding = first(asked(model, table(), epochs=20), "dropout_too_strong")
    assert finding.evidence["masks_over_rows"] > 2.5


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_half_of_a_wide_layer_is_usual(activation: Any) -> None:
    model = dense(128, 2, activation=activation, dropout=0.5)
    assert nn.diagnose(model, *table(), optimizer=adam(model)).codes == []
    assert asked(model, table()).codes == []


def test_less_noise_counts_if_the_network_learns_without_it() -> None:
    """Dropout of 0.8 on six columns."""
    x, _y = table()
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dropout(0.8, rng=rng), *dense(32, 1).layers)
    data = x, x[:, :1]
    assert asked(model, data, epochs=40).codes[:1] == ["dropout_too_strong"]


def test_the_noise_is_that_of_the_masks() -> None:
    assert noise_of_masks(case_of(dense(32, 2), table())) == 0
    weak, strong = (noise_of_masks(case_of(dense(32, 2, dropout=p), table())) for p in (0.1, 0.9))
    assert 0 < weak < 0.5 < 2 < strong
