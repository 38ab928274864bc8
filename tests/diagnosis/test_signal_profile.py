"""The profile of several initializers: as numbers, as text, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn


def example() -> tuple[nn.Sequential, np.ndarray]:
    model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dropout(0.5, rng=0), nn.Dense(8, 2, rng=1))
    return model, np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)


def test_profile(tmp_path: Path) -> None:
    model, x = example()
    before = model.layers[0].params["weight"].copy()
    profile = nn.signal_profile(model, x)
    assert list(profile.spreads) == ["normal(0.01)", "glorot_uniform", "he_normal"]
    assert profile.spreads["normal(0.01)"][-1] < 0.01 * profile.spreads["he_normal"][-1]
    assert max(map(len, str(profile).splitlines())) <= 80
    np.testing.assert_array_equal(model.layers[0].params["weight"], before)
    profile.save_picture(tmp_path / "profile.png")
    assert (tmp_path / "profile.png").read_bytes().startswith(b"\x89PNG")


def test_refuses(tmp_path: Path) -> None:
    model, x = example()
    with pytest.raises(ValueError, match="no initializer"):
        nn.signal_profile(model, x, [])
    with pytest.raises(ValueError, match=".png"):
        nn.signal_profile(model, x, ["he_normal"]).save_picture(tmp_path / "profile.svg")
