"""What the page of a run is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnscratch.diagnosis import Diagnosis
from nnscratch.history import History
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.metrics import Score
from nnscratch.keypoints.predictors import Predictor


@dataclass(frozen=True)
class RunFacts:
    """A run, as it is when its results are written.

    predictor  : the network, or the cascade
    histories  : name of a network -> how it was trained; the first one is "all"
    metrics    : what metrics.json says
    validation : the faces that judge it
    predicted  : (N, 15, 2) px, the answers that were scored
    mean_face  : (15, 2) px, of the training faces
    score      : of these answers
    levels     : (N, 15, 2) px, the answers of each level of a cascade; none for a single network
    diagnosis  : of the first network; None: there is none
    """

    predictor: Predictor
    histories: Mapping[str, History]
    metrics: Mapping[str, Any]
    validation: Faces
    predicted: np.ndarray
    mean_face: np.ndarray
    score: Score
    levels: Sequence[np.ndarray] = field(default=())
    diagnosis: Diagnosis | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        """How it was trained: option -> value."""
        return within(self.metrics, "config")


def within(metrics: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of metrics.json that has names of its own; empty if there is none."""
    part = metrics.get(name)
    return part if isinstance(part, dict) else {}
