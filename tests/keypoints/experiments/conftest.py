"""A small split, experiments of one epoch, and made-up results of every experiment."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import generate_faces
from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Experiment, Split
from nnscratch.keypoints.faces import POINTS

BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


@pytest.fixture(scope="package")
def split() -> Split:
    return Split.of(generate_faces(60, seed=0), "drawn")


@pytest.fixture(scope="package")
def tiny() -> Callable[..., Experiment]:
    """tiny(name, **settings): an experiment for one epoch in batches of 20."""

    def one_epoch(name: str, **settings: object) -> Experiment:
        one = BY_NAME[name].limited(quick=True, most_epochs=1)
        return one.changed(**({"batch_size": 20} | settings))

    return one_epoch


def _result(error: float, spread: float, share: float, **changes: Any) -> dict[str, Any]:
    return {
        "rmse_px": error,
        "mean_face_rmse_px": 4.0,
        "ratio": error / 4.0,
        "spread_px": spread,
        "per_point": dict.fromkeys(POINTS, error),
        "active": {"conv 1": 0.5, "dense 1": share},
        "alive": {"conv 1": 1.0, "dense 1": share},
        "history": {"epoch": [1, 2], "loss": [0.1, 0.02], "validation_loss": [0.1, 0.02], "rmse_px": [9.0, error]},
        "seconds": 3.0,
        "outcome": "ALL_EPOCHS",
        "stopped": "all 2 epochs done",
        "parameters": 1234,
    } | changes


MAP = {
    "point": "nose_tip", "loss_of_zeros": 1.085e-4, "loss_of_shares": 1.084e-4, "loss_of_this": 1.0845e-4,
    "highest_value": 0.004, "map": np.linspace(0, 1, 9216).tolist(), "true": [40.0, 50.0], "found": [60.0, 61.0],
}  # fmt: skip
LEVELS = [{"rmse_px": error, "per_point": dict.fromkeys(POINTS, error)} for error in (4.56, 3.0, 2.5)]
_RESULTS: dict[str, dict[str, Any]] = {e.name: _result(4.13, 0.05, 0.011) for e in EXPERIMENTS} | {
    "mean_face": _result(4.0, 0.0, 0.0, active={}, history={}),
    "eyes": _result(1.9, 2.1, 0.0, active={}, history={}),
    "mlp": _result(3.61, 3.05, 0.4),
    "f1_cured": _result(2.22, 3.33, 0.44),
    "map_squares": _result(9.99, 0.0, 0.3, extra=MAP),
    "map_softmax": _result(1.77, 3.0, 0.3, extra=MAP),
    "cascade": _result(3.0, 3.0, 0.3, extra={"levels": LEVELS[:2]}),
    "sun": _result(2.5, 3.0, 0.3, extra={"levels": LEVELS}),
}


@pytest.fixture
def made_up() -> dict[str, dict[str, Any]]:
    """Name of an experiment -> a result, for each of them."""
    return copy.deepcopy(_RESULTS)


@pytest.fixture
def made_up_result() -> Callable[..., dict[str, Any]]:
    """made_up_result(error, spread, share, **changes): one result."""
    return _result
