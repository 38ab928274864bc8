"""The page of a run, made when its results are written; a run is whole without it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnscratch.diagnosis import Diagnosis, diagnose
from nnscratch.diagnosis.setup import affordable_rows
from nnscratch.history import History
from nnscratch.keypoints.faces import SIDE, Faces
from nnscratch.keypoints.metrics import Score, mean_face
from nnscratch.keypoints.predictors import Predictor
from nnscratch.keypoints.report_page.networks import first_network
from nnscratch.keypoints.report_page.run_facts import RunFacts
from nnscratch.keypoints.report_page.run_page import run_page
from nnscratch.keypoints.scripts.interruption import say
from nnscratch.keypoints.scripts.run_config import rate_of
from nnscratch.keypoints.scripts.run_files import REPORT_FILE
from nnscratch.keypoints.scripts.task import TrainingTask
from nnscratch.model import Sequential
from nnscratch.optimizers.base import Optimizer

# Faces that the doctor looks at: as many as take about a second, for it makes some passes over all.
_MOST_FACES, _FEWEST_FACES = 300, 100
_MULTIPLY_ADDS = 2_000_000_000  # of one pass over them


def run_report(
    task: TrainingTask,
    predictor: Predictor,
    optimizer: Optimizer,
    histories: Mapping[str, History],
    predicted: np.ndarray,
    levels: Sequence[np.ndarray],
    score: Score,
    metrics: Mapping[str, Any],
) -> str | None:
    """The page as text; None, after a line on stderr, if it cannot be made.

    optimizer, histories, predicted, levels : as of `run_folder.save_run`
    score, metrics : of these answers; what metrics.json will say
    """
    try:
        network = first_network(predictor)
        facts = RunFacts(
            predictor,
            histories,
            metrics,
            task.validation,
            predicted,
            mean_face(task.train.points),
            score,
            levels,
            None if network is None else _diagnosis(network, task.train, optimizer, histories["all"]),
        )
        return run_page(facts)
    except Exception as error:  # whatever it is, the other results are worth more than their page
        say(f"{REPORT_FILE}: got no page ({type(error).__name__}: {error}); the other results are written")
        return None


def _diagnosis(network: Sequential, faces: Faces, optimizer: Optimizer, history: History) -> Diagnosis:
    shape = (SIDE, SIDE, 1)
    count = affordable_rows(network.layers, shape, _MULTIPLY_ADDS, fewest=_FEWEST_FACES, most=_MOST_FACES)
    few = faces.select(slice(None, None, max(1, -(-len(faces) // count))))
    own = copy.copy(optimizer)
    own.lr = rate_of(history, optimizer.lr)
    return diagnose(network, few.x, few.y, optimizer=own, history=history)
