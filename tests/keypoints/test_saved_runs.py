"""Runs and results that earlier versions saved: they load, answer as before, are known as done."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nnscratch.__main__ import main as nnscratch_main
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.experiments import running
from nnscratch.keypoints.experiments.ablation.settings import experiments as ablation_experiments
from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Experiment, Split
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.predictors import SingleNetwork, load_predictor

SAVED_RUNS = Path(__file__).parents[1] / "saved_runs"


@pytest.mark.parametrize("kind", ["train_mlp", "train_cnn", "train_cascade"])
def test_a_saved_run_answers_as_before(kind: str) -> None:
    """To 1e-4 px: processors with other vectors add float32 numbers up in another order."""
    with np.load(SAVED_RUNS / "pictures.npz") as file:
        images = file["images"]
    found = load_predictor(SAVED_RUNS / kind).predict_points(images)
    np.testing.assert_allclose(found, np.load(SAVED_RUNS / kind / "expected_points.npy"), rtol=0, atol=1e-4)


def test_single_networks_know_whether_to_see_the_mirror_image() -> None:
    plain, best = (load_predictor(SAVED_RUNS / kind) for kind in ("train_mlp", "train_cnn"))
    assert isinstance(plain, SingleNetwork)
    assert isinstance(best, SingleNetwork)
    assert (plain.both_ways, best.both_ways) == (False, True)


def test_the_levels_of_a_cascade_have_their_networks_and_blends() -> None:
    cascade = load_predictor(SAVED_RUNS / "train_cascade")
    assert isinstance(cascade, Cascade)
    assert [[region.name for region in level.regions] for level in cascade.levels] == [
        ["nose_tip_32", "eye"],
        ["mouth"],
    ]
    assert [len(level.blends) for level in cascade.levels] == [2, 1]


@pytest.mark.parametrize(
    ("kind", "last_layer"),
    [("train_mlp", "Dense(8, 30)"), ("train_cnn", "Dense(100, 30)"), ("train_cascade", "Dense(8, 30)")],
)
def test_a_saved_run_can_be_diagnosed(
    kind: str, last_layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It tells how long a step is, so it knows the optimizer. In a copy: the saved run stays as it
    is. The metrics.json of train_cnn has null where an option was not given.
    """
    shutil.copytree(SAVED_RUNS / kind, tmp_path / kind)
    save_faces(draw_faces(60, seed=1), tmp_path / "faces.csv")
    monkeypatch.chdir(tmp_path)
    with suppress(SystemExit):  # its status says whether something was found
        nnscratch_main(["diagnose", kind, "--data", "faces.csv"])
    said = capsys.readouterr()
    assert said.err == ""
    layer = next(line for line in said.out.splitlines() if line.startswith(last_layer))
    assert float(layer.split()[-1]) > 0  # the last column, update/w


def counted_faces() -> Faces:
    """20 faces of whole numbers, equal on every machine: their checksum is in the results."""
    images = (np.arange(20 * 96 * 96) % 251).astype(np.uint8).reshape(20, 96, 96)
    points = (np.arange(20 * 30) * 7 % 90).astype(np.float32).reshape(20, 15, 2)
    return Faces(images, points, np.arange(20))


REPORT = {
    experiment.name: experiment.limited(quick=True, most_epochs=1)
    for experiment in EXPERIMENTS
    if experiment.name in ("mean_face", "f1_cured", "cascade")
}
ABLATION = ablation_experiments(1, 1)["alone", "+ no dropout"]


@pytest.mark.parametrize(
    ("folder", "experiment"),
    [*(("reproduce_report", experiment) for experiment in REPORT.values()), ("ablation", ABLATION)],
    ids=[*REPORT, "ablation"],
)
def test_a_kept_result_is_known_as_done(folder: str, experiment: Experiment) -> None:
    split = Split.of(counted_faces(), "counted")
    result = running.load(experiment, split, SAVED_RUNS / folder, seed=0)
    assert result is not None
    assert result["rmse_px"] > 0
    assert running.load(experiment, split, SAVED_RUNS / folder, seed=1) is None
