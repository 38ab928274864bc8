"""Loaded: what is wrong with a batch from the user's code is said at once, and is no divergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.loaded import Loaded

X, Y = np.ones((4, 3), np.float32), np.ones((4, 1), np.float32)
NAN, INF = np.float32(np.nan), np.float32(np.inf)


def loaded(**changes: Any) -> Loaded:
    return Loaded("rows", np.dtype(np.float32), **changes)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (X, "got rows with a batch of type ndarray, expected .x, y."),
        ((X,), "a batch of type tuple"),
        ((X, Y, None, None), "a batch of type tuple"),
        ((X.tolist(), Y), "x of type list, expected a NumPy array"),
        ((X, None), "y of type NoneType"),
        ((X.astype(np.uint8), Y), "x of uint8, expected the model's float32; convert each batch"),
        ((X, Y.astype(float)), "y of float64"),
        ((X[:3], Y), r"x of shape \(3, 3\) and y of \(4, 1\), expected 4 rows of each"),
        ((X[:3], Y[:3]), "expected 4 rows of each, one for each index"),
        ((np.float32(1) + np.array(0, np.float32), Y), "x of"),
        ((X * NAN, Y), "NaN or infinity in x"),
        ((X * INF, Y), "NaN or infinity in x"),
        ((X, Y * INF), "infinite values in y"),
        ((X, Y, np.ones(3)), r"sample_weight of shape \(3,\), expected \(4,\)"),
        ((X, Y, -np.ones(4)), r"sample_weight\[0\]=-1.0"),
    ],
)
def test_a_wrong_batch(batch: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^fit: .*{message}") as raised:
        loaded().checked(batch, 4)
    assert not isinstance(raised.value, nn.NotFiniteError)


def test_later_batches_have_the_shapes_of_the_first() -> None:
    checks = loaded()
    checks.checked((X, Y))
    checks.checked((X[:1], Y[:1]))
    with pytest.raises(ValueError, match=r"x of shape \(4, 2\) and y of \(4, 1\), expected \(N, 3\) and \(N, 1\)"):
        checks.checked((X[:, :2], Y))


def test_missing_labels_and_no_weights_are_fine() -> None:
    assert len(loaded().checked((X, Y * NAN, None))) == 2
    assert loaded(classes=True).checked((X, np.arange(4)))[1].dtype.kind == "i"
    assert loaded().checked([X, Y, np.arange(4)])[2].dtype == np.float64


def test_weights_for_a_loss_that_takes_none() -> None:
    with pytest.raises(ValueError, match="got rows with sample weights, expected a loss that takes them"):
        loaded(weighted=False).checked((X, Y, np.ones(4)))
