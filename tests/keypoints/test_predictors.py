from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade, Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import to_network_input, to_points
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.mirror_pass import both_ways
from nnscratch.keypoints.predictors import SingleNetwork, load_predictor

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 96, 96)).astype(np.uint8)


def network(seed: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=seed))


@pytest.mark.parametrize("ways", [False, True])
def test_a_single_network_comes_back(tmp_path: Path, ways: bool) -> None:
    saved = SingleNetwork(network(1), both_ways=ways)
    assert sorted(saved.save(tmp_path)) == sorted(path.name for path in tmp_path.iterdir())
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, SingleNetwork)
    assert loaded.both_ways is ways
    np.testing.assert_array_equal(loaded.predict_points(IMAGES), saved.predict_points(IMAGES))


def test_a_network_alone_is_enough(tmp_path: Path) -> None:
    """As an earlier version, or `nn.save`, leaves it."""
    nn.save(network(1), tmp_path / "model.npz")
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, SingleNetwork)
    assert loaded.both_ways is False
    np.testing.assert_array_equal(loaded.predict_points(IMAGES), SingleNetwork(network(1)).predict_points(IMAGES))


def test_both_ways_are_averaged_if_they_are_to_be() -> None:
    x = to_network_input(IMAGES)
    one_way, two_ways = (SingleNetwork(network(1), ways).predict_points(IMAGES) for ways in (False, True))
    np.testing.assert_array_equal(one_way, to_points(network(1).predict(x)))
    np.testing.assert_array_equal(two_ways, to_points(both_ways(network(1), x)[0]))
    assert np.abs(one_way - two_ways).max() > 1


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_damaged_settings(tmp_path: Path, content: str) -> None:
    SingleNetwork(network(1)).save(tmp_path)
    (tmp_path / "network.json").write_text(content)
    with pytest.raises(DataError, match=r"network.json: got a damaged file .*; train again"):
        load_predictor(tmp_path)


def test_points_are_in_pixels() -> None:
    model = network(1)
    model.layers[1].params["weight"][:] = 0
    model.layers[1].params["bias"][:] = 0.5
    np.testing.assert_allclose(SingleNetwork(model).predict_points(IMAGES), np.full((4, 15, 2), 72.0))


def test_a_cascade_comes_back(tmp_path: Path) -> None:
    crop_network = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=2))
    level = Level((Region("nose", ("nose_tip",), 8, 20.0),), (crop_network,), (Blend.none(),))
    saved = Cascade(network(1), np.random.default_rng(0).uniform(20, 76, (15, 2)), (level,))
    saved.save(tmp_path)
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, Cascade)
    np.testing.assert_array_equal(loaded.predict_points(IMAGES), saved.predict_points(IMAGES))
    (tmp_path / "level_2_nose.npz").unlink()
    with pytest.raises(DataError, match=r"a folder without level_2_nose.npz; expected the folder of a finished run"):
        load_predictor(tmp_path)


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder; expected the folder of a finished run; give the --out"):
        load_predictor(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"a folder without model.npz"):
        load_predictor(tmp_path)
    (tmp_path / "model.npz").write_bytes(b"hello")
    with pytest.raises(DataError, match="is no whole nnscratch model"):
        load_predictor(tmp_path)
    (tmp_path / Cascade.FILE).write_text("{")
    with pytest.raises(DataError, match="damaged cascade"):
        load_predictor(tmp_path)


def test_a_model_for_other_pictures(tmp_path: Path) -> None:
    nn.save(nn.Sequential(nn.Flatten(), nn.Dense(100, 30, rng=0)), tmp_path / "model.npz")
    with pytest.raises(DataError, match="expected a network from 96 x 96 pictures to 15 points"):
        load_predictor(tmp_path)
    nn.save(nn.Sequential(nn.Flatten(), nn.Dense(9216, 4, rng=0)), tmp_path / "model.npz")
    with pytest.raises(DataError, match="expected a network from 96 x 96 pictures to 15 points"):
        load_predictor(tmp_path)
