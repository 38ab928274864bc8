"""The linear rule: against a fit for each row, and what it says when there is nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnscratch.diagnosis.linear_skill import linear_skill


def test_is_the_error_on_rows_left_out() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((90, 5)).astype(np.float32)
    y = x[:, :2] + rng.standard_normal((90, 2))
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = float(np.sum(a**2)) / 90
    skills = []
    for penalty in (0.03, 0.3, 3.0):
        error = []
        for i in range(90):
            rest = np.arange(90) != i
            mean_x, mean_y = a[rest].mean(axis=0), b[rest].mean(axis=0)
            c, d = a[rest] - mean_x, b[rest] - mean_y
            w = np.linalg.solve(c.T @ c + penalty * scale * np.eye(5), c.T @ d)
            error.append(b[i] - mean_y - (a[i] - mean_x) @ w)
        skills.append(1 - np.sum(np.square(error)) / np.sum(b**2))
    assert linear_skill(x, y) == pytest.approx(max(skills), abs=1e-3)


def test_needs_80_rows_with_all_labels() -> None:
    x = np.random.default_rng(0).standard_normal((100, 5))
    y = x.copy()
    assert linear_skill(x, y) > 0.9
    y[:21, 0] = np.nan
    assert math.isnan(linear_skill(x, y))


@pytest.mark.parametrize("constant", ["x", "y"])
def test_nothing_to_tell(constant: str) -> None:
    x = np.random.default_rng(0).standard_normal((100, 5))
    y = x.copy()
    (x if constant == "x" else y)[:] = 1
    assert math.isnan(linear_skill(x, y))
