"""What a network answers, beside what could be answered."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.signals import measure
from tests.diagnosis.small_networks import case_of, dense, mlp, rows, table


def exact(columns: np.ndarray) -> Any:
    """A network of one layer that answers with these sums of x."""
    model = nn.Sequential(nn.Dense(columns.shape[0], columns.shape[1], rng=0))
    model.layers[0].params["weight"][:] = columns
    return model


def test_each_output_is_judged_by_itself() -> None:
    x, _ = table()
    y = np.stack([x[:, 0], x[:, 1]], axis=1)
    weights = np.zeros((6, 2), np.float32)
    weights[0, 0], weights[1, 1] = 1, -10
    case = case_of(exact(weights), (x, y))
    assert case.skills == pytest.approx([1, -1])  # -1 at worst
    assert case.outputs_behind.tolist() == [1]
    assert case.explained < 0
    assert not case.has_learnt_all


def test_a_small_network_is_judged_by_a_thousand_rows() -> None:
    """One row of 300 differs: 128 of them would not show it."""
    x, y = np.zeros((900, 6), np.float32), np.zeros((900, 1), np.float32)
    x[1::300, 0] = y[1::300, 0] = 1
    weights = np.zeros((6, 1), np.float32)
    weights[0] = 1
    case = case_of(exact(weights), (x, y))
    assert len(case.judged[1]) == 900
    assert case.skill == pytest.approx(1)
    pixels, points = rows()
    assert len(case_of(mlp(), (pixels, points)).judged[1]) == len(points)


def test_classes_become_columns() -> None:
    x, _ = table()
    y = (x[:, 0] > 0).astype(int) + 2 * (x[:, 1] > 1)
    loss = nn.SoftmaxCrossEntropy()
    model = dense(16, 4)
    case = Case(model, measure(model, x, y, loss), x, y, loss)
    assert case.columns.shape == (240, 4)
    assert case.columns.sum(axis=1).tolist() == [1] * 240
    assert case.learnable.best > 0.3
    assert np.isnan(case.skills).all()
    # The network knows nothing yet: it is worse than how frequent the classes are.
    assert case.skill < 0.05
    own = loss.forward(model.forward(x), y)
    shares = np.bincount(y) / 240
    assert case.skill == pytest.approx(1 + own / np.sum(shares * np.log(shares)), abs=1e-6)


def test_what_the_network_misses_is_what_a_rule_explains_more() -> None:
    case = case_of(dense(32, 2), table())
    assert case.missed == pytest.approx(float((case.learnable.each - case.skills).mean()))
    assert case.missed > 0.8
    infinite = table()[0].copy()
    infinite[3, 3] = np.nan
    assert math.isnan(case_of(dense(32, 2), (infinite, table()[1])).missed)


def test_the_share_that_no_answer_in_a_range_explains() -> None:
    x, _ = table()
    y = np.concatenate([np.full(120, -1.0), np.full(120, 1.0)])[:, np.newaxis].astype(np.float32)
    case = case_of(dense(8, 1), (x, y))
    assert case.share_outside(-1, 1) == 0
    assert case.share_outside(0, math.inf) == pytest.approx(0.5)
    assert case.share_outside(50, 60) == 1
