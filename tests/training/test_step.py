"""Step: loss, gradients, clipping and the optimizer's step, in this order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.step import Step


@pytest.fixture
def line(rows: Any) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    return nn.Sequential(nn.Dense(1, 1, rng=0)), *rows(10)


def test_a_step_on_nan_moves_nothing_and_names_where_it_began(line: Any) -> None:
    model, x, y = line
    model.layers[0].params["weight"][:] = 3e38
    before = model.copy_parameters()
    with np.errstate(over="ignore"), pytest.raises(nn.NotFiniteError, match=r"the outputs of layer 0, .* overflowed"):
        Step(model, nn.MSELoss(), nn.SGD(model, lr=0.1)).take((x * 10, y))
    assert all(np.array_equal(w, old) for w, old in zip(model.parameters(), before, strict=True))


def test_it_returns_the_loss_before_it_and_what_the_batch_counts(line: Any) -> None:
    model, x, y = line
    y[3:] = np.nan
    weights = np.arange(10.0)
    expected = nn.MSELoss().forward(model.predict(x), y, weights)
    assert Step(model, nn.MSELoss(), nn.SGD(model, lr=0.1)).take((x, y, weights)) == (expected, 3.0)
