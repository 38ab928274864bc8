"""Treatments: each changes what it says, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import treatments as t
from nnscratch.diagnosis.setup import Setup
from tests.diagnosis.small_networks import cnn, dense, rows, sgd, table


def setup_of(model: Any, data: Any = None, optimizer: Any = None) -> Setup:
    return Setup.of(model, *(data or table()), nn.MSELoss(), optimizer)


def test_columns_and_targets_are_scaled() -> None:
    x, y = table()
    setup = setup_of(dense(8, 2), (x * np.float32([1, 50, 1, 1, 1, 0]) + 7, 9 * y + 3))
    setup.y[::3, 0] = np.nan
    t.scale_all(setup)
    np.testing.assert_allclose(setup.x[:, :5].std(axis=0), 1, rtol=1e-4)
    assert np.ptp(setup.x[:, 5]) == 0
    np.testing.assert_allclose(np.nanmean(setup.y, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(setup.y, axis=0), 1, rtol=1e-4)
    pictures = setup_of(cnn(), rows())
    t.scale_columns(pictures)
    assert pictures.x.std() == pytest.approx(1, rel=1e-4)  # pixels share one spread
    t.centre_targets(pictures)
    assert abs(np.nanmean(pictures.y)) < 1e-3


def test_labels_and_rows() -> None:
    x, y = table()
    y = y.copy()
    y[:5, 0] = 99
    setup = setup_of(dense(8, 2), (x, y))
    t.without_values([99.0]).apply(setup)
    assert np.isnan(setup.y).sum() == 5
    t.shift_rows(2).apply(setup)
    np.testing.assert_array_equal(setup.y[2:], np.where(y == 99, np.nan, y)[:-2].astype(np.float32))
    common = np.arange(240) >= 24
    t.rare_rows_more_often(common).apply(setup)
    assert len(setup.x) == 216 + 24 * 9
    broken = x.copy()
    broken[7, 2] = np.inf
    setup = setup_of(dense(8, 2), (broken, y))
    t.finite_rows(setup)
    assert (len(setup.x), np.isfinite(setup.x).all()) == (239, True)


def test_layers() -> None:
    setup = setup_of(nn.Sequential(*dense(8, 8, 2, dropout=0.9).layers, nn.Tanh(), nn.Dropout(0.5)))
    t.without_output_activation(setup)
    assert isinstance(setup.model.layers[-1], nn.Dense)
    t.set_dropout(0.2).apply(setup)
    assert [layer.p for layer in setup.model.layers if isinstance(layer, nn.Dropout)] == [0.2, 0.2]
    t.set_dropout(0.0).apply(setup)
    assert not [layer for layer in setup.model.layers if isinstance(layer, nn.Dropout)]
    straight = setup_of(dense(8, 8, 2, activation=None))
    t.add_activations(straight)
    assert [type(layer).__name__ for layer in straight.model.layers] == ["Dense", "ReLU", "Dense", "ReLU", "Dense"]
    t.replace_activations((nn.ReLU,), nn.Tanh).apply(straight)
    assert sum(isinstance(layer, nn.Tanh) for layer in straight.model.layers) == 2
    assert straight.optimizer.model is straight.model


def test_wider_layers_and_smaller_windows_fit_together() -> None:
    setup = setup_of(dense(1, 8, 2))
    t.widen(32).apply(setup)
    assert [layer.n_out for layer in setup.model.layers if isinstance(layer, nn.Dense)] == [32, 32, 2]
    assert setup.train(2)
    rng = np.random.default_rng(0)
    pooled = nn.Sequential(
        nn.Conv2D(1, 4, 3, stride=6, rng=rng), nn.ReLU(), nn.MaxPool2D(4), nn.Flatten(), nn.Dense(4, 30, rng=rng)
    )
    setup = setup_of(pooled, rows())
    t.pool_less(setup)
    assert setup.model.layers[0].window == (3, 1)
    assert setup.model.layers[2].window == (2, 2)
    assert setup.train(2)


def test_weights_are_drawn_and_frozen_ones_are_not() -> None:
    setup = setup_of(dense(8, 2))
    setup.model.layers[0].frozen = True
    frozen = setup.model.layers[0].params["weight"].copy()
    last = setup.model.layers[-1].params["weight"].copy()
    t.draw("glorot_uniform").apply(setup)
    np.testing.assert_array_equal(setup.model.layers[0].params["weight"], frozen)
    assert not np.array_equal(setup.model.layers[-1].params["weight"], last)
    setup.model.layers[-1].params["bias"][:] = 3
    t.zero_biases(setup)
    assert not setup.model.layers[-1].params["bias"].any()


def test_the_training() -> None:
    model = dense(8, 2)
    setup = setup_of(model, None, sgd(model, lr=0.3, weight_decay=0.1))
    t.change_lr(0.1, 0.3).apply(setup)
    t.change_decay(0.01, 0.1).apply(setup)
    t.change_momentum(0.5).apply(setup)
    optimizer: Any = setup.optimizer
    assert (optimizer.lr, optimizer.weight_decay, optimizer.momentum) == pytest.approx((0.03, 0.001, 0.5))
    for layer in setup.model.layers:
        layer.frozen = True
    setup.optimizer = sgd(dense(8, 2), lr=0.0)
    t.let_it_move(setup)
    assert setup.optimizer.model is setup.model
    assert setup.optimizer.lr > 0
    assert not any(layer.frozen for layer in setup.model.layers)
    t.as_it_is(setup)


def test_mse_with_targets_in_the_shape_of_the_answers() -> None:
    x, y = table()
    setup = setup_of(dense(8, 1), (x, y[:, 0]))
    t.take_mse(setup)
    assert setup.y.shape == (240, 1)
    assert setup.train(3)
