"""Signals: the numbers against a computation by hand, and the profile of several initialisers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.signals import effective_lr, measure


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
    assert first.never_active == 3 / 8
    prediction = h @ model.layers[3].params["weight"] + model.layers[3].params["bias"]
    dweight = h.T @ (2 / y.size * (prediction - y))
    rms = float(np.sqrt(np.mean(dweight**2)))
    assert last.gradient_rms == pytest.approx(rms, rel=1e-4)
    assert signals.loss == pytest.approx(np.mean((prediction - y) ** 2), rel=1e-4)
    assert last.update_ratio == pytest.approx(0.2 * rms / last.weight_rms, rel=1e-4)
    assert last.decay_ratio == pytest.approx(0.01 * last.weight_rms / rms, rel=1e-4)
    assert effective_lr(optimizer) == pytest.approx(0.2)


def test_spread_of_feature_maps() -> None:
    model = nn.Sequential(nn.Conv2D(1, 2, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Dense(72, 1, rng=0))
    x = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)
    model.layers[0].params["bias"][1] = -50
    signals = measure(model, x, x[:, 0, 0])
    z = model.layers[0].forward(x)
    assert signals.layers[0].z_spread == pytest.approx(np.sqrt(z.var(axis=0).mean()), rel=1e-4)
    assert signals.layers[0].never_active == 0.5


@pytest.mark.parametrize("place", ["x", "weight"])
def test_first_place_that_is_not_finite(place: str) -> None:
    model, x, y = example()
    (x if place == "x" else model.layers[3].params["weight"])[0, 0] = np.nan
    assert measure(model, x, y).not_finite.startswith({"x": "x,", "weight": "the weight of Dense(8, 2)"}[place])


def test_twins() -> None:
    model, x, y = example()
    weight = model.layers[0].params["weight"]
    assert measure(model, x, y).layers[0].twins == 0
    weight[:, 1] = weight[:, 0]
    assert measure(model, x, y).layers[0].twins == 2 / 8


def test_profile(tmp_path: Path) -> None:
    model, x, _ = example()
    before = model.layers[0].params["weight"].copy()
    profile = nn.signal_profile(model, x)
    assert list(profile.spreads) == ["normal(0.01)", "glorot_uniform", "he_normal"]
    assert profile.spreads["normal(0.01)"][-1] < 0.01 * profile.spreads["he_normal"][-1]
    assert max(map(len, str(profile).splitlines())) <= 80
    np.testing.assert_array_equal(model.layers[0].params["weight"], before)
    profile.save_picture(tmp_path / "profile.png")
    assert (tmp_path / "profile.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=".png"):
        profile.save_picture(tmp_path / "profile.svg")
    with pytest.raises(ValueError, match="no initialiser"):
        nn.signal_profile(model, x, [])
