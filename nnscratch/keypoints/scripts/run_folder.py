"""A run's folder: what a training script leaves behind, whole or not at all.

Where the files of a folder come from:

    model.npz, network.json                      predictors.SingleNetwork.save
    model.npz, cascade.json, cascade.npz,
        level_2_REGION.npz                       cascade.cascade.Cascade.save
    history.csv, REGION_history.csv              History.save_csv
    learning_curve.png, faces.png, per_point.png plots.py
    test.csv or submission.csv                   kaggle/submission.py, if there are test faces
    metrics.json                                 here: the score, how the run was trained, and the
                                                 names of the other files

`save_run` calls them all. `predictors.load_predictor` and `python -m nnscratch diagnose` read a
folder again.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numba
import numpy as np

import nnscratch
from nnscratch.history import History
from nnscratch.kernels.threads import get_threads
from nnscratch.keypoints import plots
from nnscratch.keypoints.kaggle.submission import write_coordinates, write_submission
from nnscratch.keypoints.metrics import Score, mean_face, score
from nnscratch.keypoints.predictors import Predictor
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts.task import TrainingTask
from nnscratch.optimizers.base import Optimizer

METRICS_FILE = "metrics.json"


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
) -> Score:
    """Scores a predictor beside the mean face, writes the run's folder, and prints both scores.

    recipe, optimizer, history : of the predictor's first network
    level_2_recipe    : how a cascade's other networks were trained; None: there are none
    level_2_histories : name of a region -> history of its network; None: there are none
    predicted : (N, 15, 2) px, the answers to score; None: the predictor's own. A cascade needs
        others, because its last blends have learnt from the validation faces

    Raises
        OSError : the folder cannot be written
    """
    if predicted is None:
        predicted = predictor.predict_points(task.validation.images)
    result = score(predicted, task.validation.points, mean_face(task.train.points))
    histories = {"all": history, **(level_2_histories or {})}
    # By the clock: networks may have been trained side by side.
    seconds = time.perf_counter() - task.began
    config = _config(task, predictor, recipe, level_2_recipe) | _settings(optimizer)
    metrics = _metrics(result, histories, seconds, config)
    out = task.options.out
    out.mkdir(parents=True, exist_ok=True)
    # Everything is written beside its place first: a full disk or a Ctrl-C leaves an earlier run as
    # it was.
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out) as name:
        folder = Path(name)
        files = predictor.save(folder)
        for network, each in histories.items():
            files.append("history.csv" if each is history else f"{network}_history.csv")
            each.save_csv(folder / files[-1])
        if len(history):  # a training that was stopped in its first epoch has no curve
            curve = folder / "learning_curve.png"
            plots.learning_curve(history.columns, curve, mean_face_rmse_px=result.mean_face_rmse_px)
            files.append(curve.name)
        plots.face_grid(task.validation, predicted, folder / "faces.png")
        plots.per_point(result, folder / "per_point.png")
        files += ["faces.png", "per_point.png", *_write_test(task, predictor, folder)]
        _move(folder, out, files, metrics | {"files": files})
    _report(result, metrics, history, out, files)
    return result


def _write_test(task: TrainingTask, predictor: Predictor, folder: Path) -> list[str]:
    """Writes the points of the test faces, if there are any; returns the name of the file."""
    if task.test is None:
        return []
    points = predictor.predict_points(task.test.images)
    if task.lookup is None:
        write_coordinates(folder / "test.csv", points, task.test.image_ids)
        return ["test.csv"]
    write_submission(folder / "submission.csv", task.lookup, points, task.test.image_ids)
    return ["submission.csv"]


def _config(
    task: TrainingTask, predictor: Predictor, recipe: Recipe, level_2_recipe: Recipe | None
) -> dict[str, object]:
    """How the run was trained: every option with the value that was used, defaults included."""
    options = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(task.options).items()}
    used = recipe.settings()
    if task.options.network is not None:
        used["network"] = task.options.network  # its name on the command line
    level_2 = {} if level_2_recipe is None else level_2_recipe.settings()
    return {
        **options,
        **used,
        **{f"level_2_{name}": value for name, value in level_2.items()},
        "threads": get_threads(),
        "training_faces": len(task.train),
        "validation_faces": len(task.validation),
        "model": repr(predictor),
        "versions": {
            "python": platform.python_version(),
            **{package.__name__: package.__version__ for package in (nnscratch, numba, np)},
        },
    }


def _settings(optimizer: Optimizer) -> dict[str, object]:
    """The optimizer's name and numbers, without the learning rate, which is in the history."""
    names = [name for name in ("momentum", "nesterov", "weight_decay") if hasattr(optimizer, name)]
    return {"optimizer": type(optimizer).__name__.lower(), **{name: getattr(optimizer, name) for name in names}}


def _metrics(
    result: Score, histories: Mapping[str, History], seconds: float, config: dict[str, object]
) -> dict[str, Any]:
    images = sum(sum(history.columns["images"]) for history in histories.values())
    return {
        "rmse_px": result.rmse_px,
        "mean_face_rmse_px": result.mean_face_rmse_px,
        "ratio": result.ratio,
        # JSON has no NaN: a point that no validation face has is null.
        "per_point": {name: None if np.isnan(error) else error for name, error in result.per_point.items()},
        "epochs": len(histories["all"]),
        "seconds": seconds,
        "images_per_second": images / seconds,
        "stopped": {name: history.stopped for name, history in histories.items()},
        "config": config,
    }


def _move(folder: Path, out: Path, files: list[str], metrics: dict[str, Any]) -> None:
    """Deletes an earlier run's other files, moves the new ones into place, the metrics last."""
    for file in _files_of_earlier_run(out) - set(files):
        (out / file).unlink(missing_ok=True)
    for file in files:
        (folder / file).replace(out / file)
    (folder / METRICS_FILE).write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n")
    (folder / METRICS_FILE).replace(out / METRICS_FILE)


def _files_of_earlier_run(out: Path) -> set[str]:
    try:
        files = json.loads((out / METRICS_FILE).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {file for file in files if isinstance(file, str) and Path(file).name == file}


def _report(result: Score, metrics: dict[str, Any], history: History, out: Path, files: list[str]) -> None:
    minutes, speed = metrics["seconds"] / 60, metrics["images_per_second"]
    epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    print(f"{minutes:.1f} min in all, {epochs}, {speed:,.0f} images/s: {history.stopped}")
    print(result.verdict())
    print(f"written to {out}/: {METRICS_FILE}, {files[0]} and {len(files) - 1} more")
