from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.history import Outcome
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade, Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import generate_faces
from nnscratch.keypoints.kaggle.submission import read_lookup, write_coordinates, write_submission
from nnscratch.keypoints.metrics import RMSE_PX, mean_face, rmse_px
from nnscratch.keypoints.predictors import SingleNetwork, load_predictor
from nnscratch.keypoints.scripts import run_folder
from nnscratch.keypoints.scripts.command_line import Task


@pytest.fixture
def task(tmp_path: Path) -> Task:
    faces = generate_faces(30, seed=0)
    arguments = argparse.Namespace(out=tmp_path / "a" / "run", seed=0, data=None, epochs=2)
    return Task(arguments, faces.select(slice(0, 20)), faces.select(slice(20, 30)), None)


@pytest.fixture
def network() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, weight_init="normal(0.0001)", rng=0))


def train(network: nn.Sequential, task: Task) -> nn.History:
    trainer = nn.Trainer(network, nn.MSELoss(), nn.Adam(network), metric=RMSE_PX)
    validation = task.validation.x, task.validation.y
    return trainer.fit(task.train.x, task.train.y, validation=validation, epochs=task.arguments.epochs)


def test_what_a_run_leaves_behind(task: Task, network: nn.Sequential, capsys: pytest.CaptureFixture[str]) -> None:
    history = train(network, task)
    optimizer = nn.SGD(network, lr=0.1, momentum=0.8, weight_decay=0.25)
    result = run_folder.finish(task, SingleNetwork(network), {"": history}, optimizer)
    out = task.arguments.out
    assert sorted(path.name for path in out.iterdir()) == [
        "faces.png", "history.csv", "learning_curve.png", "metrics.json", "model.npz", "network.json", "per_point.png",
    ]  # fmt: skip
    metrics = json.loads((out / "metrics.json").read_text())
    predicted = load_predictor(out).predict_points(task.validation.images)
    assert metrics["rmse_px"] == result.rmse_px == rmse_px(predicted, task.validation.points)
    constant = np.broadcast_to(mean_face(task.train.points), predicted.shape)
    assert metrics["mean_face_rmse_px"] == rmse_px(constant, task.validation.points)
    assert metrics["ratio"] == metrics["rmse_px"] / metrics["mean_face_rmse_px"]
    assert len(metrics["per_point"]) == 15
    assert metrics["epochs"] == 2
    assert metrics["seconds"] >= history.columns["seconds"][-1] > 0
    assert metrics["images_per_second"] == pytest.approx(40 / metrics["seconds"])
    assert metrics["config"]["epochs"] == 2
    assert "Dense(9216, 30" in metrics["config"]["model"]
    settings = {"optimizer": "sgd", "momentum": 0.8, "nesterov": False, "weight_decay": 0.25}
    assert settings.items() <= metrics["config"].items()
    assert (out / "history.csv").read_text().count("\n") == 3
    printed = capsys.readouterr().out
    assert f"ratio {result.ratio:.2f}" in printed
    assert str(out) in printed


def test_a_later_run_takes_an_earlier_ones_files_away_and_no_others(task: Task, network: nn.Sequential) -> None:
    history, out = train(network, task), task.arguments.out
    crop_network = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=0))
    level = Level((Region("nose", ("nose_tip",), 8, 20.0),), (crop_network,), (Blend.none(),))
    cascade = Cascade(network, mean_face(task.train.points), (level,))
    with_test = replace(task, test=task.validation)
    run_folder.finish(with_test, cascade, {"": history, "nose_": history})
    left = {"cascade.json", "cascade.npz", "level_2_nose.npz", "nose_history.csv", "test.csv"}
    assert left < {path.name for path in out.iterdir()}
    assert isinstance(load_predictor(out), Cascade)
    (out / "notes.txt").write_text("mine")
    run_folder.finish(task, SingleNetwork(network), {"": history})
    assert {path.name for path in out.iterdir()} == {
        "faces.png", "history.csv", "learning_curve.png", "metrics.json", "model.npz", "network.json", "notes.txt",
        "per_point.png",
    }  # fmt: skip
    assert isinstance(load_predictor(out), SingleNetwork)


def test_a_failure_leaves_an_earlier_run_as_it_was(
    task: Task, network: nn.Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, out = train(network, task), task.arguments.out
    run_folder.finish(task, SingleNetwork(network), {"": history})
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full_disk(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nnscratch.keypoints.plots.face_grid", full_disk)
    network.layers[1].params["weight"] += 1
    with pytest.raises(OSError, match="No space left"):
        run_folder.finish(task, SingleNetwork(network), {"": history})
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_points_without_a_label_are_null(task: Task, network: nn.Sequential) -> None:
    faces = task.validation
    faces.points[:, 3] = np.nan
    run_folder.finish(replace(task, validation=faces), SingleNetwork(network), {"": train(network, task)})
    metrics = json.loads((task.arguments.out / "metrics.json").read_text())
    assert metrics["per_point"]["left_eye_outer_corner"] is None


def test_a_training_stopped_before_its_first_epoch_is_written_too(task: Task, network: nn.Sequential) -> None:
    history = nn.History(["epoch", "loss", "validation_loss", "rmse_px", "seconds", "images"], score="rmse_px")
    history.end(Outcome.INTERRUPTED, "interrupted by the user")
    run_folder.finish(task, SingleNetwork(network), {"": history})
    metrics = json.loads((task.arguments.out / "metrics.json").read_text())
    assert (metrics["epochs"], metrics["images_per_second"]) == (0, 0.0)
    assert not (task.arguments.out / "learning_curve.png").exists()


def test_what_is_scored_may_be_given(task: Task, network: nn.Sequential) -> None:
    """A cascade has seen the validation faces: its cross-validated answers are scored, and the cascade is saved."""
    given = task.validation.points + np.float32(0.5)
    given = np.where(np.isnan(given), 48, given)
    result = run_folder.finish(task, SingleNetwork(network), {"": train(network, task)}, predicted=given)
    assert result.rmse_px == pytest.approx(0.5)
    metrics = json.loads((task.arguments.out / "metrics.json").read_text())
    assert metrics["rmse_px"] == result.rmse_px
    assert metrics["ratio"] == result.rmse_px / metrics["mean_face_rmse_px"]
    own = load_predictor(task.arguments.out).predict_points(task.validation.images)
    assert rmse_px(own, task.validation.points) > 2


def test_the_points_of_test_faces_are_written(task: Task, network: nn.Sequential, tmp_path: Path) -> None:
    """All of them, or those that a lookup table asks for: the same files as from what the run has saved."""
    faces, out = task.validation, task.arguments.out
    task = replace(task, test=faces)
    history = train(network, task)
    run_folder.finish(task, SingleNetwork(network, both_ways=True), {"": history})
    assert "test.csv" in json.loads((out / "metrics.json").read_text())["files"]
    points = load_predictor(out).predict_points(faces.images)
    write_coordinates(tmp_path / "expected.csv", points, faces.image_ids)
    assert (out / "test.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()

    image = faces.image_ids[3]
    (tmp_path / "lookup.csv").write_text(f"RowId,ImageId,FeatureName,Location\n9,{image},nose_tip_y,\n")
    lookup = read_lookup(tmp_path / "lookup.csv")
    run_folder.finish(replace(task, lookup=lookup), SingleNetwork(network, both_ways=True), {"": history})
    write_submission(tmp_path / "expected.csv", lookup, points, faces.image_ids)
    assert (out / "submission.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert not (out / "test.csv").exists()
