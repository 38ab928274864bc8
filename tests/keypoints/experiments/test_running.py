"""Experiments: the report's update to the last bit of its formulas, its split, and results that are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.experiments import measures, running, training
from nnscratch.keypoints.experiments.networks import REPORT, report_level_2, sun_level_1, sun_level_2
from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Experiment, Split
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.files import DataError

BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


@pytest.fixture(scope="module")
def split() -> Split:
    return Split.of(draw_faces(60, seed=0), "generated")


def tiny(name: str, **changes: object) -> Experiment:
    one = BY_NAME[name].limited(quick=True, most_epochs=1)
    return one.changed(**({"batch_size": 20} | changes))


def some_faces(count: int, incomplete: int) -> Faces:
    """`count` faces without pictures; every one of the first `incomplete` lacks a label, and x is its row's number."""
    points = np.repeat(np.arange(count, dtype=np.float32), 30).reshape(count, 15, 2)
    points[:incomplete, 3] = np.nan
    return Faces(np.zeros((count, 96, 96), np.uint8), points, np.arange(count))


def test_the_split_is_the_reports() -> None:
    split = Split.of(some_faces(2150, incomplete=10), "file")
    assert (len(split.train), len(split.validation), len(split.all_train)) == (1740, 400, 1750)
    assert split.train.points[0, 0, 0] == 10
    assert split.validation.image_ids.tolist() == list(range(1750, 2150))
    assert not set(split.all_train.image_ids) & set(split.validation.image_ids)


def test_a_small_file_gives_a_fifth_for_validation_and_too_small_a_one_an_error() -> None:
    assert len(Split.of(some_faces(50, incomplete=0), "file").validation) == 10
    with pytest.raises(DataError, match="file: got 9 of 12 rows"):
        Split.of(some_faces(12, incomplete=3), "file")


def test_an_epoch_is_the_reports_formulas() -> None:
    """v <- 0.9 v + 0.1 g; w <- w - 0.01 v, g with 2 * 0.0005 * w for weights; fixed order, the last rows never used."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(250, 3)), rng.normal(size=(250, 2))
    layer = nn.Dense(3, 2, rng=1, dtype=np.float64)
    experiment = BY_NAME["f1"]
    w, b = layer.params["weight"].copy(), layer.params["bias"].copy()
    v_w, v_b = np.zeros_like(w), np.zeros_like(b)
    network = nn.Sequential(layer)
    optimizer = training.make_optimizer(experiment, network)
    for _ in range(3):
        training.train_epoch(experiment, network, optimizer, nn.MSELoss(), x, y, rng)
        for start in (0, 100):
            xb, error = x[start : start + 100], x[start : start + 100] @ w + b - y[start : start + 100]
            v_w = 0.9 * v_w + 0.1 * (2 / error.size * xb.T @ error + 2 * 0.0005 * w)
            v_b = 0.9 * v_b + 0.1 * (2 / error.size * error.sum(axis=0))
            w, b = w - 0.01 * v_w, b - 0.01 * v_b
    np.testing.assert_allclose(layer.params["weight"], w, rtol=1e-12)
    np.testing.assert_allclose(layer.params["bias"], b, rtol=1e-12)


def test_the_table_has_the_reports_settings() -> None:
    assert len(BY_NAME) == len(EXPERIMENTS)
    ours = {"f1_cured", "map_squares", "map_softmax", "sun"}
    for e in EXPERIMENTS:
        assert 0 <= e.quick_epochs <= e.epochs
        if e.network is not None and e.name not in ours:
            assert (e.lr, e.momentum, e.weight_decay, e.shuffled, e.batch_size) == (0.001, 0.9, 0.001, False, 100)
    assert BY_NAME["mlp"].epochs == 10_000
    assert not any(isinstance(layer, nn.Dropout) for layer in BY_NAME["mlp"].make(0).layers)
    assert sum(isinstance(layer, nn.Dropout) for layer in BY_NAME["f1"].make(0).layers) == 2
    assert "bias" not in BY_NAME["f1_no_last_bias"].make(0).layers[-1].params
    quick = BY_NAME["cascade"].limited(quick=True, most_epochs=30)
    assert (quick.epochs, quick.levels[0].epochs) == (30, BY_NAME["cascade"].levels[0].quick_epochs)


def test_networks_of_the_report() -> None:
    early = REPORT["f1-early"](rng=0)
    assert 0.005 < early.layers[0].params["weight"].std() < 0.02
    assert np.abs(early.layers[0].params["bias"]).max() > 0.05
    dense = [layer for layer in REPORT["f1-figure"](rng=0).layers if isinstance(layer, nn.Dense)]
    assert [layer.n_in for layer in dense] == [144]
    cured = REPORT["f1-cured"](rng=0).layers
    assert all(not layer.params["bias"].any() for layer in cured if isinstance(layer, nn.Dense))
    for make, side, outputs in (
        (report_level_2, 50, 2),
        (sun_level_1, 39, 30),
        (sun_level_2, 15, 2),
    ):
        assert make(rng=0).predict(np.zeros((1, side, side, 1), np.float32)).shape == (1, outputs)
    with pytest.raises(ValueError, match="head='neck'"):
        networks.report_cnn(head="neck")


@pytest.mark.parametrize("name", ["mean_face", "eyes", "f1_figure", "sun", "map_squares", "map_softmax", "cascade"])
def test_every_kind_runs_and_is_found_again(name: str, split: Split, tmp_path: Path) -> None:
    experiment = tiny(name)
    assert running.load(experiment, split, tmp_path, seed=0) is None
    running.run_and_keep(experiment, split, tmp_path, seed=0)
    result = running.load(experiment, split, tmp_path, seed=0)
    assert result is not None
    assert result["ratio"] == pytest.approx(result["rmse_px"] / result["mean_face_rmse_px"])
    assert result["spread_px"] >= 0
    if experiment.network:
        assert len(result["history"]["rmse_px"]) == 1
        assert all(0 <= share <= 1 for shares in (result["active"], result["alive"]) for share in shares.values())
    assert (running.expected_seconds(experiment, split) > 0) == (experiment.network is not None)


def test_a_result_of_other_settings_is_another_result(split: Split, tmp_path: Path) -> None:
    experiment = tiny("mean_face")
    running.run_and_keep(experiment, split, tmp_path, seed=0)
    assert running.load(experiment, split, tmp_path, seed=1) is None
    assert running.load(replace(experiment, epochs=2), split, tmp_path, seed=0) is None
    other = Split.of(draw_faces(60, seed=1), "generated")
    assert running.load(experiment, other, tmp_path, seed=0) is None
    (tmp_path / "mean_face.json").write_text("{")
    assert running.load(experiment, split, tmp_path, seed=0) is None


@pytest.mark.parametrize("changes", [{}, {"centred": True}])
def test_a_network_is_scored_on_what_it_was_trained_on(changes: dict[str, object], split: Split) -> None:
    """Its result is its last epoch's, on the same pictures, prepared alike."""
    result = running.run(tiny("f1_cured", epochs=2, **changes), split, seed=0)
    for name in ("rmse_px", "spread_px"):
        assert result[name] == pytest.approx(result["history"][name][-1], rel=1e-4)


def test_the_same_seed_gives_the_same_result(split: Split) -> None:
    results = [running.run(tiny("f1"), split, seed=seed) for seed in (0, 0, 1)]
    assert results[0]["rmse_px"] == results[1]["rmse_px"] != results[2]["rmse_px"]


def test_a_training_that_diverges_ends_and_says_so(split: Split, tmp_path: Path) -> None:
    experiment = tiny("f1_figure", lr=1e30, epochs=5)
    running.run_and_keep(experiment, split, tmp_path, seed=0)
    result = running.load(experiment, split, tmp_path, seed=0)
    assert result is not None
    assert "diverged" in result["stopped"]
    assert np.isfinite(result["rmse_px"])  # as it was before
    assert len(result["history"]["epoch"]) < 5
    json.loads((tmp_path / "f1_figure.json").read_text(), parse_constant=pytest.fail)  # no NaN in it


def test_spread_is_what_differs_from_picture_to_picture() -> None:
    points = np.full((5, 15, 2), 33.3, np.float32)
    assert measures.spread(points) == 0
    points[0] += 5
    assert measures.spread(points) == pytest.approx(2)  # deviations 4, -1, -1, -1, -1: variance 20 / 5


def test_activity_counts_values_and_units() -> None:
    layer = nn.Dense(1, 3)
    layer.params["weight"][:] = [[1, -1, 0]]
    layer.params["bias"][:] = [0, 0, -1]
    activity = measures.activity(nn.Sequential(layer, nn.ReLU()), np.array([[1.0], [2.0], [-3.0]], np.float32))
    assert activity["active"]["dense 1"] == pytest.approx(1 / 3)  # 2 + 1 + 0 of 9
    assert activity["alive"]["dense 1"] == pytest.approx(2 / 3)


def test_shrink_is_the_mean_over_areas() -> None:
    x = np.random.default_rng(0).random((2, 96, 96, 1)).astype(np.float32)
    np.testing.assert_allclose(training.shrink(x, 48)[0, 3, 5, 0], x[0, 6:8, 10:12].mean(), rtol=1e-5)
    small = training.shrink(x, 39)
    assert small.shape == (2, 39, 39, 1)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small.mean(), x.mean(), rtol=1e-4)
