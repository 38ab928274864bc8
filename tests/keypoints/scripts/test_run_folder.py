"""A run's folder: what is in it, and what becomes of an earlier run, after a failure too."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.history import Outcome
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.submission import read_lookup, write_coordinates, write_submission
from nnscratch.keypoints.metrics import RMSE_PX, Score, mean_face, rmse_px
from nnscratch.keypoints.networks import kfkd, report_mlp
from nnscratch.keypoints.predictors import Predictor, SingleNetwork, load_predictor
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts import run_folder
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.run_folder import save_run
from nnscratch.keypoints.scripts.task import TrainingTask

pytestmark = pytest.mark.usefixtures("pictures_not_drawn")
RECIPE = Recipe(report_mlp, epochs=2, lr=0.25, batch_size=128)


@pytest.fixture
def task(tmp_path: Path) -> TrainingTask:
    faces = draw_faces(30, seed=0)
    options = TrainingOptions(tmp_path / "a" / "run")
    return TrainingTask(options, faces.select(slice(0, 20)), faces.select(slice(20, 30)))


@pytest.fixture
def network() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, weight_init="normal(0.0001)", rng=0))


def save(task: TrainingTask, predictor: Predictor, history: nn.History, **given: Any) -> Score | None:
    network = predictor.network if isinstance(predictor, SingleNetwork) else predictor.level_1
    return save_run(task, predictor, RECIPE, nn.Adam(network), history, **given)


def train(network: nn.Sequential, task: TrainingTask) -> nn.History:
    trainer = nn.Trainer(network, nn.MSELoss(), nn.Adam(network), metric=RMSE_PX)
    validation = task.validation.x, task.validation.y
    return trainer.fit(task.train.x, task.train.y, validation=validation, epochs=RECIPE.epochs)


def test_what_a_run_leaves_behind(
    task: TrainingTask,
    network: nn.Sequential,
    capsys: pytest.CaptureFixture[str],
    pictures_not_drawn: pytest.MonkeyPatch,
) -> None:
    pictures_not_drawn.undo()
    history = train(network, task)
    optimizer = nn.SGD(network, lr=0.1, momentum=0.8, weight_decay=0.25)
    result = save_run(task, SingleNetwork(network), RECIPE, optimizer, history)
    out = task.options.out
    assert sorted(path.name for path in out.iterdir()) == [
        "faces.png", "history.csv", "learning_curve.png", "metrics.json", "model.npz", "network.json", "per_point.png",
        "report.html",
    ]  # fmt: skip
    metrics = json.loads((out / "metrics.json").read_text())
    predicted = load_predictor(out).predict_points(task.validation.images)
    assert result is not None
    assert (metrics["finished"], metrics["outcome"]) == (True, {"all": "ALL_EPOCHS"})
    assert metrics["rmse_px"] == result.rmse_px == rmse_px(predicted, task.validation.points)
    constant = np.broadcast_to(mean_face(task.train.points), predicted.shape)
    assert metrics["mean_face_rmse_px"] == rmse_px(constant, task.validation.points)
    assert metrics["ratio"] == metrics["rmse_px"] / metrics["mean_face_rmse_px"]
    assert len(metrics["per_point"]) == 15
    assert min(path.stat().st_size for path in out.glob("*.png")) > 10_000
    assert metrics["epochs"] == 2
    assert metrics["seconds"] >= history.columns["seconds"][-1] > 0
    assert metrics["images_per_second"] == pytest.approx(40 / metrics["seconds"])
    assert "Dense(9216, 30" in metrics["config"]["model"]
    settings = {"optimizer": "sgd", "momentum": 0.8, "nesterov": False, "weight_decay": 0.25}
    assert settings.items() <= metrics["config"].items()
    assert (out / "history.csv").read_text().count("\n") == 3
    printed = capsys.readouterr().out
    assert f"ratio {result.ratio:.2f}" in printed
    assert str(out) in printed


def test_the_config_says_what_was_used(task: TrainingTask, network: nn.Sequential) -> None:
    """Also where the command line left it open; a network is named as it was asked for."""
    history = train(network, task)
    save(task, SingleNetwork(network), history)
    config = json.loads((task.options.out / "metrics.json").read_text())["config"]
    used = {"network": "report_mlp", "epochs": 2, "batch_size": 128, "lr": 0.25, "rows": "all", "seed": 0, "data": None}
    assert used.items() <= config.items()
    assert (config["training_faces"], config["validation_faces"], config["threads"]) == (20, 10, nn.get_threads())
    asked = replace(task, options=replace(task.options, network="report"))
    second = replace(RECIPE, epochs=7, network=kfkd)
    save(asked, SingleNetwork(network), history, level_2_recipe=second)
    config = json.loads((task.options.out / "metrics.json").read_text())["config"]
    assert (config["network"], config["epochs"]) == ("report", 2)
    assert (config["level_2_network"], config["level_2_epochs"]) == ("kfkd", 7)


def test_a_later_run_takes_an_earlier_ones_files_away_and_no_others(task: TrainingTask, network: nn.Sequential) -> None:
    history, out = train(network, task), task.options.out
    crop_network = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=0))
    level = Level((Region("nose", ("nose_tip",), 8, 20.0),), (crop_network,), (Blend.none(),))
    cascade = Cascade(network, mean_face(task.train.points), (level,))
    with_test = replace(task, test=task.validation)
    save(with_test, cascade, history, level_2_recipe=RECIPE, level_2_histories={"nose": train(network, task)})
    left = {"cascade.json", "cascade.npz", "level_2_nose.npz", "nose_history.csv", "test.csv"}
    assert left < {path.name for path in out.iterdir()}
    assert isinstance(load_predictor(out), Cascade)
    assert set(json.loads((out / "metrics.json").read_text())["stopped"]) == {"all", "nose"}
    (out / "notes.txt").write_text("mine")
    save(task, SingleNetwork(network), history)
    assert {path.name for path in out.iterdir()} == {
        "faces.png", "history.csv", "learning_curve.png", "metrics.json", "model.npz", "network.json", "notes.txt",
        "per_point.png", "report.html",
    }  # fmt: skip
    assert isinstance(load_predictor(out), SingleNetwork)


def full_disk(*arguments: object, **options: object) -> None:
    raise OSError(28, "No space left on device")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_failure_while_networks_are_written_leaves_an_earlier_run_as_it_was(
    task: TrainingTask, network: nn.Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the new one goes to another folder."""
    history, out = train(network, task), task.options.out
    save(task, SingleNetwork(network), history)
    before = contents(out)
    original = nn.History.save_csv
    fails = [True]

    def once(*arguments: Any) -> None:
        return full_disk() if fails and fails.pop() else original(*arguments)

    monkeypatch.setattr(nn.History, "save_csv", once)
    network.layers[1].params["weight"] += 1
    save(task, SingleNetwork(network), history)
    assert contents(out) == before
    rescued = out.with_name("run-rescued")
    weight = network.layers[1].params["weight"]
    np.testing.assert_array_equal(nn.load(rescued / "model.npz").layers[1].params["weight"], weight)
    assert json.loads((rescued / "metrics.json").read_text())["finished"] is True


def test_networks_are_on_disk_before_scores_and_pictures(
    task: TrainingTask, network: nn.Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stops a run then costs pictures alone, and those of an earlier run do not stay."""
    history, out = train(network, task), task.options.out
    save(task, SingleNetwork(network), history)

    def second_ctrl_c(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nnscratch.keypoints.plots.face_grid", second_ctrl_c)
    network.layers[1].params["weight"] += 1
    with pytest.raises(KeyboardInterrupt):
        save(task, SingleNetwork(network), history)
    assert sorted(contents(out)) == ["history.csv", "metrics.json", "model.npz", "network.json"]
    np.testing.assert_array_equal(
        nn.load(out / "model.npz").layers[1].params["weight"], network.layers[1].params["weight"]
    )
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["finished"] is False
    assert metrics["outcome"] == {"all": "ALL_EPOCHS"}
    assert "rmse_px" not in metrics


def test_a_disk_that_takes_no_pictures(
    task: TrainingTask, network: nn.Sequential, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other folder then has the networks, too; none can be written: the error is told."""
    history, out = train(network, task), task.options.out
    original = run_folder._write_test
    failures = [True]

    def once(*arguments: Any) -> list[str]:
        if failures and failures.pop():
            full_disk()
        return original(*arguments)

    monkeypatch.setattr(run_folder, "_write_test", once)
    save(task, SingleNetwork(network), history)
    rescued = out.with_name("run-rescued")
    assert {"model.npz", "faces.png", "metrics.json", "report.html"} < contents(rescued).keys()
    assert json.loads((out / "metrics.json").read_text())["finished"] is False
    assert f"the results are in {rescued}" in capsys.readouterr().err
    monkeypatch.setattr(run_folder, "_write_test", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(task, SingleNetwork(network), history)
    assert not out.with_name("run-rescued-2").exists()


@pytest.mark.parametrize(
    "damaged", ['{"files": null}', "5", '{"files": [".."]}', '{"files": ["notes.txt"]}', "[" * 100_000, "", "{" * 9]
)
def test_a_damaged_earlier_metrics_file_costs_nothing(task: TrainingTask, network: nn.Sequential, damaged: str) -> None:
    history, out = train(network, task), task.options.out
    out.mkdir(parents=True)
    (out / "metrics.json").write_text(damaged)
    mine = ("notes.txt", "my_history.csv", "level_2.npz", "model.npz.bak", "cascade.json.txt", "faces2.png")
    for name in mine:
        (out / name).write_text("mine")
    (out / "nose_tip_32_history.csv").write_text("of an earlier run, whose network diverged")
    (out / "folder").mkdir()
    save(task, SingleNetwork(network), history)
    assert isinstance(load_predictor(out), SingleNetwork)
    assert {path.name for path in out.iterdir()} == {
        *mine, "folder", "faces.png", "history.csv", "learning_curve.png", "metrics.json", "model.npz", "network.json",
        "per_point.png", "report.html",
    }  # fmt: skip


def test_metrics_tell_an_interrupted_training_from_a_whole_one(task: TrainingTask, network: nn.Sequential) -> None:
    history = train(network, task)
    interrupted = train(network, task)
    interrupted.end(Outcome.INTERRUPTED, "interrupted by the user")
    limited = train(network, task)
    limited.end(Outcome.TIME_LIMIT, "time limit of 1 s reached")
    for nose, finished in ((interrupted, False), (limited, True)):
        save(task, SingleNetwork(network), history, level_2_histories={"nose": nose})
        metrics = json.loads((task.options.out / "metrics.json").read_text())
        assert metrics["finished"] is finished
        assert metrics["outcome"] == {"all": "ALL_EPOCHS", "nose": nose.outcome.name if nose.outcome else ""}
        assert metrics["stopped"]["nose"] == nose.stopped


def test_points_without_a_label_are_null(task: TrainingTask, network: nn.Sequential) -> None:
    faces = task.validation
    faces.points[:, 3] = np.nan
    save(replace(task, validation=faces), SingleNetwork(network), train(network, task))
    metrics = json.loads((task.options.out / "metrics.json").read_text())
    assert metrics["per_point"]["left_eye_outer_corner"] is None


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("outcome", [Outcome.INTERRUPTED, Outcome.DIVERGED])
def test_a_network_of_no_epoch_is_not_written(
    task: TrainingTask,
    network: nn.Sequential,
    outcome: Outcome,
    earlier: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = task.options.out
    out.mkdir(parents=True)
    if earlier:
        save(task, SingleNetwork(network), train(network, task))
    before = contents(out)
    capsys.readouterr()
    history = nn.History(["epoch", "loss", "validation_loss", "rmse_px", "seconds", "images"], score="rmse_px")
    history.end(outcome, "it ended")
    expected = f"the earlier run in {out} stays as it was" if earlier else "no results are written"
    if outcome is Outcome.DIVERGED:
        with pytest.raises(DataError, match=f"{expected}, because no epoch was finished: it ended"):
            save(task, SingleNetwork(network), history)
    else:
        assert save(task, SingleNetwork(network), history) is None
        assert f"no epoch was finished: {expected}" in capsys.readouterr().err
    assert contents(out) == before


def test_what_is_scored_may_be_given(task: TrainingTask, network: nn.Sequential) -> None:
    """A cascade has seen the validation faces: other answers are scored, the cascade is saved."""
    given = task.validation.points + np.float32(0.5)
    given = np.where(np.isnan(given), 48, given)
    result = save(task, SingleNetwork(network), train(network, task), predicted=given)
    assert result is not None
    assert result.rmse_px == pytest.approx(0.5)
    metrics = json.loads((task.options.out / "metrics.json").read_text())
    assert metrics["rmse_px"] == result.rmse_px
    assert metrics["ratio"] == result.rmse_px / metrics["mean_face_rmse_px"]
    own = load_predictor(task.options.out).predict_points(task.validation.images)
    assert rmse_px(own, task.validation.points) > 2


def test_the_points_of_test_faces_are_written(task: TrainingTask, network: nn.Sequential, tmp_path: Path) -> None:
    """All, or those of a lookup table: the same files as by the predictor that the run saved."""
    faces, out = task.validation, task.options.out
    task = replace(task, test=faces)
    history = train(network, task)
    save(task, SingleNetwork(network, both_ways=True), history)
    assert "test.csv" in json.loads((out / "metrics.json").read_text())["files"]
    points = load_predictor(out).predict_points(faces.images)
    write_coordinates(tmp_path / "expected.csv", points, faces.image_ids)
    assert (out / "test.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()

    image = faces.image_ids[3]
    (tmp_path / "lookup.csv").write_text(f"RowId,ImageId,FeatureName,Location\n9,{image},nose_tip_y,\n")
    lookup = read_lookup(tmp_path / "lookup.csv")
    save(replace(task, lookup=lookup), SingleNetwork(network, both_ways=True), history)
    write_submission(tmp_path / "expected.csv", lookup, points, faces.image_ids)
    assert (out / "submission.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert not (out / "test.csv").exists()
