"""Signals: the numbers against a computation by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.signals import FEW_ROWS, ROWS, measure


def example() -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dropout(0.5, rng=0), nn.Dense(8, 2, rng=1))
    x = rng.standard_normal((64, 4)).astype(np.float32)
    return model, x, x[:, :2].copy()


def test_numbers_by_hand() -> None:
    model, x, y = example()
    model.layers[0].params["bias"][:3] = -50
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5, weight_decay=0.01)
    signals = measure(model, x, y, optimizer=optimizer)
    first, last = signals.layers
    z = x @ model.layers[0].params["weight"] + model.layers[0].params["bias"]
    h = np.maximum(z, 0)
    assert first.z_spread == pytest.approx(np.sqrt(z.var(axis=0).mean()), rel=1e-4)
    assert first.h_spread == pytest.approx(np.sqrt(h.var(axis=0).mean()), rel=1e-4)
    assert first.z_rms == pytest.approx(np.sqrt(np.mean(z**2)), rel=1e-4)
    assert first.never_active == 3 / 8
    assert first.bias == 0
    assert first.bias_range == pytest.approx(np.std([-50] * 3 + [0] * 5))
    prediction = h @ model.layers[3].params["weight"] + model.layers[3].params["bias"]
    dweight = h.T @ (2 / y.size * (prediction - y))
    rms = float(np.sqrt(np.mean(dweight**2)))
    assert last.gradient_rms == pytest.approx(rms, rel=1e-4)
    assert signals.loss == pytest.approx(np.mean((prediction - y) ** 2), rel=1e-4)
    assert last.update_ratio == pytest.approx(0.2 * rms / last.weight_rms, rel=1e-4)
    assert last.decay_ratio == pytest.approx(0.01 * last.weight_rms / rms, rel=1e-4)


def test_steps_of_adam_are_lr_long() -> None:
    model, x, y = example()
    last = measure(model, x, y, optimizer=nn.Adam(model, lr=0.1, weight_decay=0.01)).layers[-1]
    assert last.update_ratio == pytest.approx(0.1 / last.weight_rms, rel=1e-4)
    assert last.decay_ratio == pytest.approx(0.01 * last.weight_rms, rel=1e-4)


def test_without_an_optimizer_nothing_is_said_of_steps() -> None:
    last = measure(*example()).layers[-1]
    assert math.isnan(last.update_ratio)
    assert math.isnan(last.decay_ratio)


def test_places_count_the_dropout_that_is_left_out() -> None:
    model, x, y = example()
    assert [(layer.index, layer.is_last) for layer in measure(model, x, y).layers] == [(0, False), (3, True)]


def test_spread_of_feature_maps() -> None:
    model = nn.Sequential(nn.Conv2D(1, 2, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Dense(72, 1, rng=0))
    x = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)
    model.layers[0].params["bias"][1] = -50
    signals = measure(model, x, x[:, 0, 0])
    z = model.layers[0].forward(x)
    assert signals.layers[0].z_spread == pytest.approx(np.sqrt(z.var(axis=0).mean()), rel=1e-4)
    assert signals.layers[0].never_active == 0.5


@pytest.mark.parametrize(("side", "count"), [(8, ROWS), (200, FEW_ROWS)])  # 40,000 pixels x 25 x 24 multiply-adds
def test_fewer_images_of_a_large_network(side: int, count: int) -> None:
    model = nn.Sequential(
        nn.Conv2D(1, 24, 5, rng=0), nn.MaxPool2D(4), nn.Flatten(), nn.Dense(24 * (side // 4 - 1) ** 2, 1, rng=0)
    )
    x = np.random.default_rng(0).random((200, side, side, 1), np.float32)
    assert len(measure(model, x, x[:, 0, 0]).prediction) == count


@pytest.mark.parametrize("place", ["x", "weight"])
def test_first_place_that_is_not_finite(place: str) -> None:
    model, x, y = example()
    (x if place == "x" else model.layers[3].params["weight"])[0, 0] = np.nan
    signals = measure(model, x, y)
    assert signals.not_finite.startswith({"x": "x,", "weight": "the weight of Dense(8, 2)"}[place])
    assert math.isnan(signals.loss)


def test_twins() -> None:
    model, x, y = example()
    weight = model.layers[0].params["weight"]
    assert measure(model, x, y).layers[0].twins == 0
    weight[:, 1] = weight[:, 0]
    assert measure(model, x, y).layers[0].twins == 2 / 8


def test_nothing_is_said_of_the_steps_of_a_frozen_layer() -> None:
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.Tanh(), nn.Dense(4, 2, rng=1))
    model.layers[0].frozen = True
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    first, last = measure(model, x, x[:, :2], optimizer=nn.SGD(model, lr=0.1, weight_decay=0.1)).layers
    assert (first.frozen, last.frozen) == (True, False)
    assert math.isnan(first.update_ratio)
    assert math.isnan(first.decay_ratio)
    assert first.gradient_rms > 0  # it is there all the same
    assert last.update_ratio > 0


def test_what_an_activation_makes_of_it() -> None:
    x = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    for activation, saturated in ((nn.Sigmoid(), 0.0), (nn.Tanh(), 0.0), (nn.LeakyReLU(0.5), math.nan)):
        model = nn.Sequential(nn.Dense(3, 8, rng=0), activation, nn.Dense(8, 2, rng=1))
        first, last = measure(model, x, x[:, :2]).layers
        h = activation.forward(model.layers[0].forward(x))
        assert first.h_spread == pytest.approx(float(np.sqrt(h.var(axis=0).mean())), rel=1e-4)
        assert first.h_spread < first.z_spread
        assert math.isnan(first.never_active)
        assert first.saturated == pytest.approx(saturated, nan_ok=True)
        assert math.isnan(last.saturated)
    model = nn.Sequential(nn.Dense(3, 8, rng=0), nn.Tanh())
    model.layers[0].params["bias"][:4] = 50
    assert measure(model, x, x[:, :1] * np.ones(8, np.float32)).layers[0].saturated == pytest.approx(0.5, abs=0.02)


def test_layers_that_the_optimizer_does_not_have_are_left_alone() -> None:
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.Dropout(0.5, rng=0), nn.Tanh(), nn.Dense(4, 2, rng=1))
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    first, last = measure(model, x, x[:, :2], optimizer=nn.SGD(model, lr=0.1, layers=[model[3]])).layers
    assert (first.frozen, last.frozen) == (True, False)
    assert math.isnan(first.update_ratio)
    assert last.update_ratio > 0
