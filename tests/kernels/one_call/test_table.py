"""Rows of a table: where results go, and when weights are packed anew."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.steps import Steps
from nnscratch.kernels.one_call.table import Place
from nnscratch.kernels.one_call.team import run_together

F = np.float32


def test_a_place_knows_its_size() -> None:
    assert Place(0, (2, 3, 4)).size == 24


def test_y_goes_where_it_is_told() -> None:
    x, weight, y, unused = np.ones((1, 4), F), np.full((4, 3), 2, F), np.zeros((1, 3), F), np.zeros((1, 3), F)
    steps = Steps(x.shape, 1)
    steps.y = Place(y.ctypes.data, y.shape)
    place = steps.dense(steps.x, weight, None, False, last=False)
    assert place.address == y.ctypes.data
    assert steps.y is None  # for that layer alone
    assert run_together(steps.table(place), x, unused, 1)
    assert (y == 8).all()
    assert (unused == 0).all()
    weight[0, 0] = np.nan
    assert not run_together(steps.table(place), x, unused, 1)  # it is that y which is checked


def test_the_first_step_that_reads_packed_weights_waits() -> None:
    steps = Steps((1, 8, 8, 1), 1)
    y = steps.channel_vectors(steps.x, np.ones((3, 3, 1, 4), F), np.ones(4, F), (0, 0), last=True)
    table = steps.table(y)
    assert table.shape[1] == p.COLUMNS
    waits = table[:, p.WAITS].tolist()
    assert waits == [0, 0, 0, 1, 1, 1]  # x is checked, weight and bias compared; packed; rows; y is checked


def test_images_that_become_nothing() -> None:
    steps = Steps((1, 3, 3, 1), 1)
    with pytest.raises(ValueError, match="use larger ones"):
        steps.channel_vectors(steps.x, np.ones((3, 3, 1, 4), F), None, (0, 0), last=True)
