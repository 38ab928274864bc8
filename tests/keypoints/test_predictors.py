from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.cascade import Cascade
from nnscratch.keypoints.files import DataError
from nnscratch.keypoints.predictors import SingleNetwork, load_predictor

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 96, 96)).astype(np.uint8)


def network(seed: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=seed))


def test_a_single_network_comes_back(tmp_path: Path) -> None:
    saved = SingleNetwork(network(1))
    assert saved.save(tmp_path) == ["model.npz"]
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, SingleNetwork)
    np.testing.assert_array_equal(loaded.predict_points(IMAGES), saved.predict_points(IMAGES))


def test_points_are_in_pixels() -> None:
    model = network(1)
    model.layers[1].params["weight"][:] = 0
    model.layers[1].params["bias"][:] = 0.5
    np.testing.assert_allclose(SingleNetwork(model).predict_points(IMAGES), np.full((4, 15, 2), 72.0))


def test_a_cascade_comes_back(tmp_path: Path) -> None:
    saved = Cascade(network(1), {"nose_tip": nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=2))}, 8)
    saved.save(tmp_path)
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, Cascade)
    np.testing.assert_array_equal(loaded.predict_points(IMAGES), saved.predict_points(IMAGES))


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder; expected the folder of a finished run; give the --out"):
        load_predictor(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"a folder without model.npz"):
        load_predictor(tmp_path)
    (tmp_path / "model.npz").write_bytes(b"hello")
    with pytest.raises(DataError, match="is no whole nnscratch model"):
        load_predictor(tmp_path)
    (tmp_path / Cascade.FILE).write_text("{")
    with pytest.raises(DataError, match="damaged description"):
        load_predictor(tmp_path)


def test_a_model_for_other_pictures(tmp_path: Path) -> None:
    nn.save(nn.Sequential(nn.Flatten(), nn.Dense(100, 30, rng=0)), tmp_path / "model.npz")
    with pytest.raises(DataError, match="expected a network from 96 x 96 pictures to 15 points"):
        load_predictor(tmp_path)
    nn.save(nn.Sequential(nn.Flatten(), nn.Dense(9216, 4, rng=0)), tmp_path / "model.npz")
    with pytest.raises(DataError, match="expected a network from 96 x 96 pictures to 15 points"):
        load_predictor(tmp_path)
