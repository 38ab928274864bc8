"""What is the regressor's own: targets of any scale, several, missing; scores; losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")

from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score

import nnscratch as nn
from nnscratch.sklearn import NetworkClassifier, NetworkRegressor
from nnscratch.sklearn.estimator import NetworkEstimator


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    """200 rows of 3 numbers, and two targets of very different size."""
    X = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    return X, np.stack([1e6 + 1e3 * X[:, 0] * X[:, 1], 1e-6 * X[:, 2] ** 2], axis=1)


def small(**others: Any) -> NetworkRegressor:
    return NetworkRegressor(**({"hidden_layers": (16,), "lr": 0.02, "epochs": 60, "random_state": 0} | others))


def test_the_docstring_states_all_defaults(defaults_stated: Callable[[Any], set[str]]) -> None:
    assert "hidden_layers" in defaults_stated(NetworkRegressor)
    ours, shared, others = (
        {name: each.default for name, each in inspect.signature(kind).parameters.items()}
        for kind in (NetworkRegressor, NetworkEstimator, NetworkClassifier)
    )
    assert shared == others == {name: ours[name] for name in shared}


def test_targets_of_any_scale_are_learnt_alike(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = small().fit(X, y)
    prediction = model.predict(X)
    assert prediction.shape == (200, 2)
    assert r2_score(y, prediction, multioutput="raw_values").min() > 0.9
    assert model.score(X, y) == pytest.approx(r2_score(y, prediction))
    other = small().fit(X, 3 * y - 7)
    np.testing.assert_allclose(other.predict(X), 3 * prediction - 7, rtol=1e-6)
    np.testing.assert_allclose(model.target_scale_.mean, y.mean(axis=0))


def test_unscaled_targets_are_learnt_as_they_are(table: tuple[np.ndarray, np.ndarray]) -> None:
    X = table[0]
    model = small(scale_targets=False).fit(X, X[:, 0])
    np.testing.assert_array_equal(model.target_scale_.spread, 1)
    np.testing.assert_array_equal(model.model_.predict(X)[:, 0], model.predict(X))
    assert model.score(X, X[:, 0]) > 0.9


def test_the_shape_of_y_is_that_of_the_prediction(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    for target in (y, y[:, :1], y[:, 0], y.tolist(), pd.DataFrame(y), pd.Series(y[:, 0])):
        assert small(epochs=1).fit(X, target).predict(X[:5]).shape == (5, *np.shape(target)[1:])
    with pytest.raises(ValueError, match="dim 3"):
        small().fit(X, y[:, :, np.newaxis])


def test_a_missing_target_is_as_if_it_were_not_there(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    missing = y.copy()
    missing[::3, 0] = np.nan
    missing[::4] = np.nan
    model = small(missing_targets=True).fit(X, missing)
    kept = ~np.isnan(missing).all(axis=1)
    np.testing.assert_array_equal(model.predict(X), small(missing_targets=True).fit(X[kept], missing[kept]).predict(X))
    scores = r2_score(y, model.predict(X), multioutput="raw_values")
    assert scores.min() > 0.85
    known = [~np.isnan(column) for column in missing.T]
    columns = [r2_score(y[rows, k], model.predict(X)[rows, k]) for k, rows in enumerate(known)]
    assert model.score(X, missing) == pytest.approx(np.mean(columns))
    assert model.score(X, y) == pytest.approx(scores.mean())
    frame = pd.DataFrame(missing).astype("Float64")  # pandas' own missing value
    np.testing.assert_array_equal(small(missing_targets=True).fit(X, frame).predict(X), model.predict(X))


def test_missing_targets_of_one_column_cross_validated(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table[0], table[1][:, 0].copy()
    y[::5] = np.nan
    model = small(missing_targets=True, validation_fraction=0.2)
    assert cross_val_score(model, X, y, cv=2).min() > 0.5
    weights = np.arange(200.0)
    known = ~np.isnan(y)
    fitted = model.fit(X, y, sample_weight=weights)
    expected = r2_score(y[known], fitted.predict(X)[known], sample_weight=weights[known])
    assert fitted.score(X, y, sample_weight=weights) == pytest.approx(expected)


def test_missing_targets_are_refused_unless_asked_for(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table[0], table[1].copy()
    y[0, 0] = np.nan
    with pytest.raises(ValueError, match="Input y contains NaN"):
        small().fit(X, y)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        small(epochs=1).fit(X, table[1]).score(X, y)
    for wrong in (np.inf, -np.inf):
        y[0, 0] = wrong
        with pytest.raises(ValueError, match="Input y contains infinity"):
            small(missing_targets=True).fit(X, y)
    for least in (np.full(200, np.nan), np.where(np.arange(200) == 0, 1.0, np.nan)):
        with pytest.raises(ValueError, match="no column of y with two targets"):
            small(missing_targets=True, epochs=1).fit(X, X[:, 0]).score(X, least)
    with pytest.raises(ValueError, match="y"):
        small(missing_targets=True).fit(X, np.full(200, np.nan))


def test_a_weight_is_a_number_of_repetitions(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    weights = np.random.default_rng(1).integers(0, 4, 200)
    one = small(batch_size=1000).fit(X, y, sample_weight=weights)
    other = small(batch_size=1000).fit(X.repeat(weights, axis=0), y.repeat(weights, axis=0))
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-6, atol=1e-12)


class MeanAbsoluteError(nn.Loss):
    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        self.slope = np.sign(error) / error.dtype.type(error.size)
        return float(np.mean(np.abs(error)))

    def backward(self) -> np.ndarray:
        slope: np.ndarray = self.take("slope")
        return slope


def test_another_loss(table: tuple[np.ndarray, np.ndarray]) -> None:
    X = table[0]
    y = np.where(np.arange(200) % 4 == 0, 100.0, 0.0)  # the median is 0, the mean 25
    loss = MeanAbsoluteError()
    model = small(hidden_layers=(), loss=loss).fit(np.zeros_like(X), y)
    assert abs(model.predict(np.zeros((1, 3))).item()) < 2
    assert loss.labels is None
    assert "slope" not in vars(loss)  # the argument itself is not used
    with pytest.raises(ValueError, match="loss that takes weights"):
        model.fit(X, y, sample_weight=np.ones(200))


def test_going_on_keeps_scale_and_columns(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = small(warm_start=True).fit(X, y)
    mean = model.target_scale_.mean
    model.fit(X, y + 5)
    assert model.target_scale_.mean is mean
    with pytest.raises(ValueError, match="got y of 1 columns, expected 2 as before"):
        model.fit(X, y[:, 0])
    assert small(epochs=2).fit(X, y).fit(X, y[:, 0]).predict(X).shape == (200,)
