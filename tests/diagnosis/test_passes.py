"""A measured pass: the gradient of the whole, whatever the batches, and where it stops."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.passes import MeasuredPass


def example(rows: int) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, 2, rng=1))
    return model, rng.standard_normal((rows, 4)).astype(np.float32), rng.standard_normal((rows, 2)).astype(np.float32)


def measured(model: nn.Sequential, x: np.ndarray, y: np.ndarray, rows_back: int) -> MeasuredPass:
    result = MeasuredPass(copy.deepcopy(model.layers), nn.MSELoss())
    result.run(x, y, rows_back)
    return result


@pytest.mark.parametrize("rows", [1, 32, 70])  # 70: batches of 24, 23 and 23
def test_gradients_and_loss_are_those_of_one_batch(rows: int) -> None:
    model, x, y = example(rows)
    found = measured(model, x, y, rows_back=rows)
    loss = nn.MSELoss()
    total = loss.forward(model.forward(x, training=True), y)
    model.backward(loss.backward())
    assert found.total == pytest.approx(total, rel=1e-5)
    for i in (0, 2):
        np.testing.assert_allclose(found.grads[i]["weight"], model.layers[i].grads["weight"], rtol=1e-4, atol=1e-6)
    assert sum(map(len, found.predictions)) == rows


def test_a_batch_counts_as_much_as_it_has_labels() -> None:
    model, x, y = example(70)
    y[::3] = np.nan  # all of the first batch of three
    y[1::6, 1] = np.nan
    found = measured(model, x, y, rows_back=70)
    loss = nn.MSELoss()
    assert found.total == pytest.approx(loss.forward(model.forward(x, training=True), y), rel=1e-5)
    model.backward(loss.backward())
    np.testing.assert_allclose(found.grads[2]["weight"], model.layers[2].grads["weight"], rtol=1e-4, atol=1e-6)


def test_half_of_the_rows_go_back() -> None:
    model, x, y = example(128)
    found = measured(model, x, y, rows_back=64)
    half = np.concatenate([np.arange(128)[i::4] for i in (0, 2)])
    loss = nn.MSELoss()
    loss.forward(model.forward(x[half], training=True), y[half])
    model.backward(loss.backward())
    np.testing.assert_allclose(found.grads[2]["weight"], model.layers[2].grads["weight"], rtol=1e-4, atol=1e-6)
    assert found.spreads[2].count == 128


def test_units_that_are_active_in_any_batch() -> None:
    model, x, y = example(64)
    model.layers[0].params["bias"][:3] = -50
    model.layers[0].params["weight"][:, 3] = [1, 0, 0, 0]
    x[:, 0] = -1
    x[40, 0] = 1  # unit 3 is on for this image alone
    active = measured(model, x, y, rows_back=64).active
    assert active[0] is None
    assert active[1] is not None
    assert active[1][:4].tolist() == [False, False, False, True]


def test_the_gradient_that_is_left_once_the_answer_is_the_mean() -> None:
    model, x, y = example(64)
    y[::3, 0] = np.nan
    h = np.maximum(x @ model.layers[0].params["weight"], 0)
    rest = np.where(np.isnan(y), 0, np.nanmean(y, axis=0) - y)
    expected = h.T @ (2 / np.isfinite(y).sum() * rest)
    np.testing.assert_allclose(measured(model, x, y, 64).residual_gradient, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda model, x, y: x.__setitem__((0, 0), np.nan), "x, the input"),
        (lambda model, x, y: y.__setitem__((0, 0), np.inf), "y, the targets"),
        (lambda model, x, y: model.layers[2].params["bias"].__setitem__(0, np.nan), "the bias of Dense(8, 2)"),
        (lambda model, x, y: model.layers[2].params["weight"].fill(3e38), "the output of Dense(8, 2)"),
    ],
)
def test_says_where_it_first_was_not_finite(spoil: object, place: str) -> None:
    model, x, y = example(8)
    spoil(model, x, y)  # type: ignore[operator]
    with np.errstate(all="ignore"):
        found = measured(model, x, y, rows_back=8)
    assert found.not_finite == place
    assert not found.grads[0]
