"""Writes the page of predictions: what predict.py makes with --html."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnscratch.files import atomic
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.predictors import Predictor
from nnscratch.keypoints.report_page.predictions_page import Predictions, predictions_page
from nnscratch.keypoints.runs import read_metrics
from nnscratch.keypoints.scripts.command_line import command
from nnscratch.keypoints.scripts.run_config import versions


def write_predictions_page(
    path: Path, model: Path, predictor: Predictor, faces: Faces, points: np.ndarray, names: tuple[str, str, str]
) -> None:
    """Writes the page, whole or not at all.

    path   : the file
    model  : the run's folder, whose metrics.json says how good the predictor is
    points : (N, 15, 2) px, what `predictor` found in `faces`
    names  : of the model, of the file with the pictures, of the file with the points

    Raises
        OSError : the file cannot be written
    """
    made = Predictions(predictor, faces, points, names, command(), versions(), read_metrics(model))
    atomic.write_text(path, predictions_page(made))
