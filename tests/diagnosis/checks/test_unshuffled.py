"""Rows in an order that makes batches one-sided."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.unshuffled import one_sidedness
from tests.diagnosis.small_networks import both_networks, first, mlp, rows


@both_networks
@pytest.mark.parametrize(
    "key",
    [
        lambda y: y[:, 20],  # the nose, from left to right
        lambda y: -y[:, 21],
        lambda y: y[:, 20] - (y[:, 0] + y[:, 2]) / 2,  # the head's turn
        lambda y: y[:, 20] > np.nanmedian(y[:, 20]),  # two halves
    ],
)
def test_unshuffled(network: Any, key: Any) -> None:
    x, y = rows()
    order = np.argsort(key(y), kind="stable")
    finding = first(diagnose(network(), x[order], y[order]), "unshuffled")
    assert 0.4 < finding.evidence["between_batches"] <= 1


def test_neighbours_that_are_alike_do_not_make_a_batch_one_sided() -> None:
    """Each face twice in a row, as in augmented data: such batches are as good as others."""
    x, y = (np.repeat(array, 2, axis=0) for array in rows())
    assert diagnose(mlp(), x, y).healthy


@pytest.mark.parametrize("shape", [(39, 1), (320, 65)])
def test_few_rows_and_maps_have_no_order(shape: tuple[int, int]) -> None:
    assert one_sidedness(np.sort(np.random.default_rng(0).standard_normal(shape), axis=0)) == 0


def test_columns_that_do_not_differ_do_not_count() -> None:
    y = np.random.default_rng(0).standard_normal((320, 2))
    y[:, 1] = 3
    assert one_sidedness(y) == pytest.approx(0, abs=0.1)
    assert one_sidedness(y[:, 1:]) == 0
