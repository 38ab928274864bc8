"""Rows of x and y that do not belong together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from tests.diagnosis.small_networks import adam, asked, both_tables, dense, first, sgd, table


@both_tables
@pytest.mark.parametrize("by", [1, -2])
def test_moved_by_some_rows_is_seen_before_the_first_step(network: Any, by: int) -> None:
    x, y = table()
    model = network()
    diagnosis = nn.diagnose(model, x, np.roll(y, by, axis=0), optimizer=adam(model, lr=0.01), try_remedies=True)
    finding = first(diagnosis, "misaligned_rows")
    assert finding.evidence["rows"] == -by
    assert diagnosis.trials[0].brings


@both_tables
def test_shuffled_apart(network: Any) -> None:
    x, y = table()
    y = y[np.random.default_rng(0).permutation(len(y))]
    model = network()
    assert nn.diagnose(model, x, y, optimizer=sgd(model)).codes == []  # fresh: it cannot be known
    finding = first(asked(model, (x, y), 15, sgd(model, lr=0.005)), "misaligned_rows")
    assert "x seems to say nothing about y" in finding.message


@both_tables
@pytest.mark.parametrize("how", ["product", "scales", "linear"])
def test_data_that_a_linear_rule_finds_nothing_in_are_not_accused(network: Any, how: str) -> None:
    x, y = table()
    x = x * np.float32([1, 20, 1, 1, 1, 1]) if how == "scales" else x
    y = y[:, :1] if how == "product" else y
    model = (
        dense(32, y.shape[1], activation=None)
        if how == "linear"
        else nn.Sequential(*network().layers[:-1], nn.Dense(network().layers[-1].n_in, y.shape[1], rng=0))
    )
    for epochs in (1, 4):
        assert "misaligned_rows" not in asked(model, (x, y), epochs).codes
