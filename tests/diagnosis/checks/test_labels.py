"""Stand-ins for missing labels, and targets that are nearly all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.checks.labels import stand_ins
from tests.diagnosis.small_networks import adam, asked, both_networks, both_tables, first, rows, table


@both_networks
@pytest.mark.parametrize("value", [-1, 0])
def test_minus_1_or_0_for_a_missing_point(network: Any, value: float) -> None:
    """In pixels, in 60 % of the rows of eleven columns."""
    x, y = rows()
    y = 48 + 48 * y
    y[np.random.default_rng(0).random(len(y)) < 0.6, :11] = value
    diagnosis = nn.diagnose(network(), x, y)
    finding = first(diagnosis, "placeholder_labels")
    assert (finding.evidence["columns"], finding.evidence["value"]) == (11, value)
    assert f"y[y == {value}] = np.nan" in finding.remedy


@both_tables
def test_the_remedy_is_tried(network: Any) -> None:
    x, y = table()
    y = y.copy()
    y[::5, 0] = 99
    model = network()
    diagnosis = nn.diagnose(model, x, y, optimizer=adam(model, lr=0.005), try_remedies=True)
    first(diagnosis, "placeholder_labels")
    assert diagnosis.trials[0].brings


@pytest.mark.parametrize(
    "column",
    [
        lambda rng: np.maximum(rng.standard_normal(300), 0),  # rain: many days of 0, then little more
        lambda rng: rng.integers(0, 2, 300).astype(float),
        lambda rng: rng.integers(0, 8, 300).astype(float),
        lambda rng: np.clip(rng.standard_normal(300), -1, 1),
        lambda rng: np.where(rng.random(300) < 0.004, 5.0, rng.standard_normal(300)),  # one outlier
        lambda rng: np.full(300, 3.0),
    ],
)
def test_values_that_many_rows_share_for_other_reasons(column: Any) -> None:
    y = column(np.random.default_rng(0))
    assert stand_ins(y[:, np.newaxis]) == []


def rare(share: float) -> np.ndarray:
    """0 in nearly all rows, and a product elsewhere."""
    _x, y = table(2000)
    return np.where(np.random.default_rng(1).random((2000, 1)) < share, 0, y[:, :1]).astype(np.float32)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_targets_that_are_nearly_all_0(activation: Any) -> None:
    x, _ = table(2000)
    model = nn.Sequential(nn.Dense(6, 16, rng=0), activation(), nn.Dense(16, 1, rng=1))
    finding = first(asked(model, (x, rare(0.99)), epochs=15, optimizer=adam(model, lr=0.002)), "sparse_targets")
    assert finding.evidence["share"] == pytest.approx(0.99, abs=0.005)
    model = nn.Sequential(nn.Dense(6, 16, rng=0), activation(), nn.Dense(16, 1, rng=1))
    assert "sparse_targets" not in nn.diagnose(model, x, rare(0.99), optimizer=adam(model)).codes  # no step yet


def test_columns_of_ten_classes_are_not_sparse() -> None:
    x = np.random.default_rng(0).standard_normal((300, 6)).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[np.abs(x[:, 0] * 4).astype(int) % 10]
    model = nn.Sequential(nn.Dense(6, 16, rng=0), nn.ReLU(), nn.Dense(16, 10, rng=1))
    assert "sparse_targets" not in asked(model, (x, y), epochs=15).codes


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_minus_1_beside_0_and_1(activation: Any) -> None:
    """A label of its own, or a missing one: a rule that explains the others better tells."""
    x, _ = table(600)
    rng = np.random.default_rng(0)
    y = (x[:, :1] + x[:, 1:2] > 0).astype(np.float32)
    missing = np.where(rng.random((600, 1)) < 0.5, -1, y).astype(np.float32)
    sentiment = np.sign(np.round(x[:, :1])).astype(np.float32)
    for target, expected in ((missing, True), (sentiment, False), (y, False)):
        model = nn.Sequential(nn.Dense(6, 16, rng=0), activation(), nn.Dense(16, 1, rng=1))
        codes = asked(model, (x, target), epochs=8).codes
        assert ("placeholder_labels" in codes) == expected, codes
