"""What can be learnt: against a fit for each row, and what it says when there is nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnscratch.diagnosis.learnable import _PENALTIES, FEWEST_ROWS, Rules, _arc_cosine, _standardized


def left_out(kernel: np.ndarray, y: np.ndarray, penalty: float) -> float:
    """Share explained, with a fit of its own to all other rows for each row."""
    n = len(y)
    mean = np.full((n, n), 1 / n)
    centred = kernel - mean @ kernel - kernel @ mean + mean @ kernel @ mean
    scale = penalty * np.trace(centred) / n
    error = []
    for i in range(n):
        rest = np.arange(n) != i
        own_mean = y[rest].mean()
        # A constant of its own, without penalty, and weights of the other rows' kernels.
        system = np.block([[centred[np.ix_(rest, rest)] + scale * np.eye(n - 1), np.ones((n - 1, 1))],
                           [np.ones((1, n - 1)), np.zeros((1, 1))]])  # fmt: skip
        solution = np.linalg.solve(system, np.append(y[rest] - own_mean, 0))
        error.append(y[i] - own_mean - centred[i, rest] @ solution[:-1] - solution[-1])
    return 1 - float(np.sum(np.square(error)) / np.sum(np.square(y - y.mean())))


@pytest.mark.parametrize("rule", ["linear", "kernel"])
def test_is_the_error_on_rows_left_out(rule: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((90, 5)).astype(np.float32)
    y = x[:, 0] * x[:, 1] + x[:, 2] + rng.standard_normal(90)
    a = _standardized(x).astype(np.float64)
    kernel = a @ a.T if rule == "linear" else _arc_cosine(a @ a.T + 1)
    expected = max(left_out(kernel, y, penalty) for penalty in _PENALTIES)
    assert getattr(Rules(x).learnable(y), rule)[0] == pytest.approx(expected, abs=2e-3)


def test_a_curved_rule_finds_what_a_straight_one_does_not() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    found = Rules(x).learnable(np.stack([x[:, 0] * x[:, 1], x[:, 0]], axis=1))
    assert found.linear[0] < 0.1 < 0.9 < found.kernel[0]
    assert found.each.min() > 0.9
    assert found.by_linear < 0.6 < 0.9 < found.best


def test_the_units_of_the_columns_do_not_count() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    y = x[:, 0] * x[:, 1]
    assert Rules(x * [1e6, 1e-3, 1] + [1e7, 0, -3]).learnable(y).best == pytest.approx(
        Rules(x).learnable(y).best, abs=1e-3
    )


def test_missing_labels_count_as_the_mean_and_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (200, 3))
    y = x.copy()
    y[rng.random(200) < 0.2, 0] = np.nan
    assert Rules(x).learnable(y).linear[0] > 0.9
    y[FEWEST_ROWS - 1 :, 1] = np.nan
    y[:, 2] = 5
    assert np.isfinite(Rules(x).learnable(y).each).tolist() == [True, False, False]


def test_nothing_to_tell() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 5)), rng.standard_normal((200, 3))
    assert abs(Rules(x).learnable(y).best) < 0.1
    assert math.isnan(Rules(np.ones((200, 5))).learnable(y).best)
    few = FEWEST_ROWS - 1
    assert math.isnan(Rules(x[:few]).learnable(y[:few]).best)
