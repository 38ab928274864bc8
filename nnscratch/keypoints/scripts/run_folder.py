"""The end of a training script: score, pictures, tables and the model, in one folder, whole or not at all."""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Mapping
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
from nnscratch.keypoints.scripts.command_line import Task
from nnscratch.optimizers.base import Optimizer

METRICS_FILE = "metrics.json"


def finish(
    task: Task,
    predictor: Predictor,
    histories: Mapping[str, History],
    optimizer: Optimizer | None = None,
    *,
    predicted: np.ndarray | None = None,
) -> Score:
    """Scores `predictor` on the validation faces beside the mean face, writes the run's folder, and prints both.

    histories : beginning of the file's name -> history; the first one's is "", and its curve is drawn
    optimizer : what trained the first network: `python -m nnscratch diagnose` judges its steps
    predicted : (N, 15, 2) px, what is scored of a predictor that has seen the validation faces in any way, such as its
        cross-validated answers; None: its answers for them

    Raises
        OSError : the folder cannot be written
    """
    if predicted is None:
        predicted = predictor.predict_points(task.validation.images)
    result = score(predicted, task.validation.points, mean_face(task.train.points))
    # By the clock: networks may have been trained side by side.
    seconds = time.perf_counter() - task.began
    metrics = _metrics(result, histories, seconds, _config(task, predictor) | _settings(optimizer))
    first = next(iter(histories.values()))
    out: Path = task.arguments.out
    out.mkdir(parents=True, exist_ok=True)
    # Everything is written beside its place first: a full disk or a Ctrl-C leaves an earlier run as it was.
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out) as name:
        folder = Path(name)
        files = predictor.save(folder)
        for prefix, history in histories.items():
            files.append(f"{prefix}history.csv")
            history.save_csv(folder / files[-1])
        if len(first):  # a training that was stopped in its first epoch has no curve
            curve = folder / "learning_curve.png"
            plots.learning_curve(first.columns, curve, mean_face_rmse_px=result.mean_face_rmse_px)
            files.append(curve.name)
        plots.face_grid(task.validation, predicted, folder / "faces.png")
        plots.per_point(result, folder / "per_point.png")
        files += ["faces.png", "per_point.png", *_write_test(task, predictor, folder)]
        _move(folder, out, files, metrics | {"files": files})
    _report(result, metrics, first, out, files)
    return result


def _write_test(task: Task, predictor: Predictor, folder: Path) -> list[str]:
    """Writes the points of the test faces, if there are such; returns the file's name."""
    if task.test is None:
        return []
    points = predictor.predict_points(task.test.images)
    if task.lookup is None:
        write_coordinates(folder / "test.csv", points, task.test.image_ids)
        return ["test.csv"]
    write_submission(folder / "submission.csv", task.lookup, points, task.test.image_ids)
    return ["submission.csv"]


def _config(task: Task, predictor: Predictor) -> dict[str, Any]:
    packages = (nnscratch, numba, np)
    arguments = {name: str(value) if isinstance(value, Path) else value for name, value in vars(task.arguments).items()}
    return {
        **arguments,
        "threads": get_threads(),
        "training_faces": len(task.train),
        "validation_faces": len(task.validation),
        "model": repr(predictor),
        "versions": {"python": platform.python_version(), **{p.__name__: p.__version__ for p in packages}},
    }


def _settings(optimizer: Optimizer | None) -> dict[str, Any]:
    """The optimizer by name and numbers, but for its learning rate, which the history has for every epoch."""
    if optimizer is None:
        return {}
    names = [name for name in ("momentum", "nesterov", "weight_decay") if hasattr(optimizer, name)]
    return {"optimizer": type(optimizer).__name__.lower(), **{name: getattr(optimizer, name) for name in names}}


def _metrics(result: Score, histories: Mapping[str, History], seconds: float, config: dict[str, Any]) -> dict[str, Any]:
    images = sum(sum(history.columns["images"]) for history in histories.values())
    return {
        "rmse_px": result.rmse_px,
        "mean_face_rmse_px": result.mean_face_rmse_px,
        "ratio": result.ratio,
        # JSON has no NaN: a point that no validation face has is null.
        "per_point": {name: None if np.isnan(error) else error for name, error in result.per_point.items()},
        "epochs": len(next(iter(histories.values()))),
        "seconds": seconds,
        "images_per_second": images / seconds,
        "stopped": {name or "all": history.stopped for name, history in histories.items()},
        "config": config,
    }


def _move(folder: Path, out: Path, files: list[str], metrics: dict[str, Any]) -> None:
    """Moves the new files into their places, takes an earlier run's other files away, and writes the metrics last."""
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
    print(f"{minutes:.1f} min in all, {metrics['epochs']} epochs, {speed:,.0f} images/s: {history.stopped}")
    print(result.verdict())
    print(f"written to {out}/: {METRICS_FILE}, {files[0]} and {len(files) - 1} more")
