"""The last act of a training script: what it leaves in its folder (run_files.py), in two steps.

    save_networks  the networks, their histories, and metrics.json with "finished": false; what an
                   earlier run left is removed
    save_run       that, then the scores, pictures and test points, then the whole metrics.json

So an interruption or a full disk in the second step loses nothing that takes long to make. The
files of the first step arrive together (file_set.py): no reader takes the networks of two runs for
one cascade.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.files import atomic
from nnscratch.files.file_set import arrive
from nnscratch.history import History, Outcome
from nnscratch.keypoints import plots
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.submission import asked_points, write_coordinates, write_submission
from nnscratch.keypoints.metrics import Score, mean_face, score
from nnscratch.keypoints.predictors import Predictor
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.command_line import tell
from nnscratch.keypoints.scripts.interruption import say
from nnscratch.keypoints.scripts.run_checkpoints import steering
from nnscratch.keypoints.scripts.run_config import config, settings
from nnscratch.keypoints.scripts.run_files import (
    METRICS_FILE,
    REPORT_FILE,
    OwnNames,
    check_writable,
    read_metrics,
    results_in,
)
from nnscratch.keypoints.scripts.run_report import run_report
from nnscratch.keypoints.scripts.task import TrainingTask
from nnscratch.keypoints.scripts.training_run import TrainingRun
from nnscratch.optimizers.base import Optimizer


def save_networks(
    task: TrainingTask,
    predictor: Predictor,
    recipe: Recipe,
    optimizer: Optimizer,
    history: History,
    *,
    level_2_recipe: Recipe | None = None,
    level_2_histories: Mapping[str, History] | None = None,
) -> bool:
    """Writes a predictor and how it was trained; arguments as of `save_run`.

    Returns whether it did: not if the first network has no epoch, for that is worth less than any
    earlier run.

    Raises
        OSError : neither the run's folder nor another one can be written
        Interrupted : two signals have asked for it; the networks are saved
    """
    if not len(history):
        return False
    run = _run(task)
    histories = {"all": history, **(level_2_histories or {})}
    metrics = _metrics(task, histories, config(task, predictor, recipe, level_2_recipe) | settings(optimizer))
    run.write(lambda folder: _put_networks(run, folder, predictor, histories, metrics))
    run.interruption.networks_saved()
    return True


def save_run(
    task: TrainingTask,
    predictor: Predictor,
    recipe: Recipe,
    optimizer: Optimizer,
    history: History,
    *,
    level_2_recipe: Recipe | None = None,
    level_2_histories: Mapping[str, History] | None = None,
    predicted: np.ndarray | None = None,
    levels: Sequence[np.ndarray] = (),
) -> Score | None:
    """Writes the run's folder, scores a predictor beside the mean face, and prints both scores.

    recipe, optimizer, history : of the predictor's first network
    level_2_recipe    : how a cascade's other networks were trained; None: there are none
    level_2_histories : name of a region -> history of its network; None: there are none
    predicted : (N, 15, 2) px, the answers to score; None: the predictor's own. A cascade needs
        others, because its last blends have learnt from the validation faces
    levels    : (N, 15, 2) px, such answers of each level of a cascade, for the page of the run

    Returns the score; None if nothing was written, because no epoch was finished.

    Raises
        DataError : the training diverged in its first epoch
        OSError : neither the run's folder nor another one can be written
        Interrupted : the networks are saved
    """
    run = _run(task)
    task = replace(task, run=run)
    histories = {"all": history, **(level_2_histories or {})}
    finished = all(each.outcome is not Outcome.INTERRUPTED for each in histories.values())
    if not save_networks(
        task, predictor, recipe, optimizer, history,
        level_2_recipe=level_2_recipe, level_2_histories=level_2_histories,
    ):  # fmt: skip
        _keep_nothing(run, history)
        return None
    place_of_networks = run.out
    if predicted is None:
        predicted = predictor.predict_points(task.validation.images)
    result = score(predicted, task.validation.points, mean_face(task.train.points))
    metrics = _metrics(task, histories, config(task, predictor, recipe, level_2_recipe) | settings(optimizer))
    metrics = _scores(result) | metrics | {"finished": finished}

    page = run_report(task, predictor, optimizer, histories, predicted, levels, result, metrics)

    def put_rest(folder: Path) -> list[str]:
        if folder != place_of_networks:  # the disk took the networks, but not the pictures
            _put_networks(run, folder, predictor, histories, metrics | {"finished": False})
        return _put_pictures(run, folder, task, predictor, histories, predicted, result, metrics, page)

    files = run.write(put_rest)
    run.finished = finished
    if finished and not run.is_rescued:
        run.checkpoints.remove()
    _report(result, metrics, history, run.out, files)
    return result


def _run(task: TrainingTask) -> TrainingRun:
    return TrainingRun(task.options.out) if task.run is None else task.run


def _keep_nothing(run: TrainingRun, history: History) -> None:
    """A training without a whole epoch leaves nothing but its checkpoint."""
    earlier = f"the earlier run in {run.out} stays as it was" if results_in(run.out) else "no results are written"
    if history.outcome is not Outcome.INTERRUPTED:
        run.checkpoints.remove()  # it would only lead there again
        raise DataError(f"{run.out}: {earlier}, because no epoch was finished: {history.stopped}")
    run.finished = False
    say(f"no epoch was finished: {earlier}; the checkpoint is kept")


def _put_networks(
    run: TrainingRun, out: Path, predictor: Predictor, histories: Mapping[str, History], metrics: dict[str, Any]
) -> None:
    """The first step: all files arrive together, and those of an earlier run go."""
    check_writable(out)
    new = Path(tempfile.mkdtemp(prefix=atomic.UNFINISHED, dir=out))
    try:
        files = predictor.save(new)
        for network, each in histories.items():
            files.append("history.csv" if network == "all" else f"{network}_history.csv")
            each.save_csv(new / files[-1])
        _write_metrics(new, metrics | {"files": files})
        with run.interruption.held():
            arrive(new, out, OwnNames(out, histories))
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _put_pictures(
    run: TrainingRun,
    out: Path,
    task: TrainingTask,
    predictor: Predictor,
    histories: Mapping[str, History],
    predicted: np.ndarray,
    result: Score,
    metrics: dict[str, Any],
    page: str | None,
) -> list[str]:
    """The second step; returns the names of all files of the run, metrics.json aside."""
    with tempfile.TemporaryDirectory(prefix=atomic.UNFINISHED, dir=out) as name:
        folder = Path(name)
        curve = folder / "learning_curve.png"
        network = "level 1" if len(histories) > 1 else ""
        columns, mean_face = histories["all"].columns, result.mean_face_rmse_px
        plots.learning_curve(columns, curve, mean_face_rmse_px=mean_face, network=network)
        plots.face_grid(task.validation, predicted, folder / "faces.png")
        plots.per_point(result, folder / "per_point.png")
        files = [curve.name, "faces.png", "per_point.png", *_write_test(task, predictor, folder)]
        if page is not None:
            (folder / REPORT_FILE).write_text(page, encoding="utf-8", newline="\n")
            files.append(REPORT_FILE)
        with run.interruption.held():
            for file in files:
                atomic.flush(folder / file)
                (folder / file).replace(out / file)
            known = read_metrics(out).get("files", [])
            files = [*known, *files]
            _write_metrics(out, metrics | {"files": files})
    return files


def _write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    atomic.write_text(folder / METRICS_FILE, json.dumps(metrics, indent=2, allow_nan=False) + "\n")


def _write_test(task: TrainingTask, predictor: Predictor, folder: Path) -> list[str]:
    """Writes the points of the test faces, if there are any; returns the name of the file."""
    if task.test is None:
        return []
    asked = None if task.lookup is None else asked_points(task.lookup, task.test.image_ids)
    points = predictor.predict_points(task.test.images, asked)
    if task.lookup is None:
        write_coordinates(folder / "test.csv", points, task.test.image_ids)
        return ["test.csv"]
    write_submission(folder / "submission.csv", task.lookup, points, task.test.image_ids)
    return ["submission.csv"]


def _metrics(task: TrainingTask, histories: Mapping[str, History], how: dict[str, object]) -> dict[str, Any]:
    """What is known before anything is scored."""
    # By the clock: networks may have been trained side by side.
    seconds = time.perf_counter() - task.began
    images = sum(sum(history.columns["images"]) for history in histories.values())
    return {
        "finished": False,
        "epochs": len(histories["all"]),
        "seconds": seconds,
        "images_per_second": images / seconds,
        "outcome": {name: (history.outcome or Outcome.UNKNOWN).name for name, history in histories.items()},
        "stopped": {name: history.stopped for name, history in histories.items()},
        "options": steering(task.options),
        "command": command_line.command(),
        "config": how,
    }


def _scores(result: Score) -> dict[str, Any]:
    return {
        "rmse_px": result.rmse_px,
        "mean_face_rmse_px": result.mean_face_rmse_px,
        "ratio": result.ratio,
        # JSON has no NaN: a point that no validation face has is null.
        "per_point": {name: None if np.isnan(error) else error for name, error in result.per_point.items()},
    }


def _report(result: Score, metrics: dict[str, Any], history: History, out: Path, files: list[str]) -> None:
    minutes, speed = metrics["seconds"] / 60, metrics["images_per_second"]
    epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    tell(f"{minutes:.1f} min in all, {epochs}, {speed:,.0f} images/s: {history.stopped}")
    tell(result.verdict())
    tell(f"written to {out}/: {METRICS_FILE}, {files[0]} and {len(files) - 1} more")
