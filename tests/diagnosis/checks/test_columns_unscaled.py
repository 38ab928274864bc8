"""Columns of different sizes, of x and of y."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.checks.columns_unscaled import column_sizes
from tests.diagnosis.small_networks import COLUMNS, Rows, adam, asked, both_tables, first, table


def large_column() -> Rows:
    x, y = table()
    return x * np.float32([1, 1, 1, 1, 1, 3000]), y


def large_target() -> Rows:
    x, y = table()
    return x, y * np.float32([1, 500])


@both_tables
@pytest.mark.parametrize("data", [large_column, large_target])
def test_before_the_first_step_and_after_the_last(network: Any, data: Any) -> None:
    model = network()
    finding = first(nn.diagnose(model, *data(), optimizer=adam(model)), "columns_unscaled")
    assert finding.evidence["ratio"] > 300
    first(asked(model, data(), epochs=3), "columns_unscaled")


@both_tables
def test_a_factor_of_thirty_is_left_in_peace(network: Any) -> None:
    x, y = table()
    scales = np.linspace(0.1, 3, COLUMNS).astype(np.float32)
    assert nn.diagnose(network(), x * scales, y * np.float32([1, 5])).codes == []


def test_a_rare_word_is_of_size_1() -> None:
    words = (np.random.default_rng(0).random((500, 3)) < [0.5, 0.05, 0.01]).astype(float)
    assert column_sizes(words).tolist() == [1, 1, 1]


@both_tables
def test_the_remedy_is_tried(network: Any) -> None:
    model = network()
    diagnosis = nn.diagnose(model, *large_target(), optimizer=adam(model, lr=0.005), try_remedies=True)
    assert diagnosis.trials[0].brings
    assert "of y scaled" in " ".join(str(diagnosis).split())


def test_outputs_that_lag_behind_a_large_one_though_something_is_learnt() -> None:
    x, y = table()
    model: Any = nn.Sequential(nn.Dense(6, 32, rng=0), nn.ReLU(), nn.Dense(32, 2, rng=1))
    diagnosis = asked(model, (x, np.stack([y[:, 0], 300 * x[:, 5] + 200], axis=1)), 40, adam(model, lr=0.05))
    assert diagnosis.codes[:1] == ["columns_unscaled"]
