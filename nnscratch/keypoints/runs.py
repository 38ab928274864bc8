"""The run that a training script left in its folder, loaded: predictor, scores, histories."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.files import json_files
from nnscratch.files.file_set import one_set
from nnscratch.history import History
from nnscratch.keypoints.cascade.cascade import MODEL_FILE, Cascade
from nnscratch.keypoints.predictors import Predictor, load_predictor

METRICS_FILE = "metrics.json"
_SCORES = ("average_rmse_px", "rmse_px", "loss")  # the first of these that it has judges a history


@dataclass(frozen=True, repr=False)
class Run:
    """What is in a run's folder.

    folder    : where it is
    predictor : the network or the cascade
    metrics   : what metrics.json says: scores, options, versions; empty if it is missing
    histories : name of a network -> how it was trained; the first network is "all"
    """

    folder: Path
    predictor: Predictor
    metrics: dict[str, Any]
    histories: dict[str, History]

    def predict_points(self, images: np.ndarray) -> np.ndarray:
        """(N, 15, 2) float32 px from (N, 96, 96) uint8, by the predictor."""
        return self.predictor.predict_points(images)

    def __repr__(self) -> str:
        known = {name: self.metrics.get(name) for name in ("rmse_px", "ratio")}
        numbers = [f"{name} {value:.2f}" for name, value in known.items() if isinstance(value, int | float)]
        finished = "finished" if self.metrics.get("finished") is True else "not finished"
        return f"<Run {self.folder}: {', '.join([type(self.predictor).__name__, *numbers, finished])}>"

    def _repr_html_(self) -> str:
        # Late: a program that only predicts shows nothing.
        from nnscratch.keypoints.report_page.scores import head
        from nnscratch.pages.notebook import view

        return view(f"Run {self.folder.name}: {type(self.predictor).__name__}", head(self.metrics))


def load_run(folder: str | os.PathLike[str]) -> Run:
    """The run that a training script wrote to `folder`, its --out.

    Raises
        DataError : the folder is not that of a run, or a model in it is damaged
        ValueError : a history is damaged

    >>> import tempfile
    >>> from nnscratch.keypoints.networks import report_mlp
    >>> from nnscratch.keypoints.predictors import SingleNetwork
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = SingleNetwork(report_mlp(rng=0)).save(Path(name))
    ...     type(load_run(name).predictor).__name__
    'SingleNetwork'
    """
    folder = Path(folder)
    with one_set(folder, MODEL_FILE):
        predictor = load_predictor(folder)  # says what is wrong with the folder
        return Run(folder, predictor, read_metrics(folder), _histories(folder, predictor))


def read_metrics(folder: Path) -> dict[str, Any]:
    """What metrics.json says; nothing if it is missing or damaged in any way."""
    try:
        content = json_files.read(folder / METRICS_FILE)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _histories(folder: Path, predictor: Predictor) -> dict[str, History]:
    names = {"all": "history.csv"}
    if isinstance(predictor, Cascade):
        regions = [region.name for level in predictor.levels for region in level.regions]
        names |= {region: f"{region}_history.csv" for region in regions}
    found = {name: _history(folder / file) for name, file in names.items()}
    return {name: history for name, history in found.items() if history is not None}


def _history(path: Path) -> History | None:
    try:
        columns = History.load_csv(path).names
    except FileNotFoundError:
        return None
    return History.load_csv(path, score=next(name for name in _SCORES if name in columns))
