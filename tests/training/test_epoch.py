"""train_epoch: the columns of one epoch. What it does step by step is tested in test_trainer.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def test_the_columns_of_an_epoch(trainer_of: Any, rows: Any, clock: Any) -> None:
    clock.tick = 1.0
    history = trainer_of(lr=nn.schedules.linear(0.2, 0.1)).fit(*rows(20), epochs=1)
    assert history.columns["images"] == [20]
    assert history.columns["lr"] == [0.1]  # of the last step
    assert history.columns["images_per_second"][0] > 0


def test_an_epoch_cut_short_says_how_far_it_came(trainer_of: Any, rows: Any) -> None:
    x, y = rows(20)
    trainer = trainer_of()
    first = np.random.default_rng(0).permutation(20)[:8]
    loss = nn.MSELoss().forward(trainer.model.predict(x[first]), y[first])
    history = trainer.fit(x, y, epochs=1, time_limit=1e-9)
    assert history.columns["images"] == [8]
    assert history.columns["loss"] == [pytest.approx(loss)]
