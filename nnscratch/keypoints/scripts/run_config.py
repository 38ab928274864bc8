"""How a run was trained, for its metrics.json: options, the optimizer's numbers, versions."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path

import numba
import numpy as np

import nnscratch
from nnscratch.history import History
from nnscratch.kernels.threads import get_threads
from nnscratch.keypoints.predictors import Predictor
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts.task import TrainingTask
from nnscratch.optimizers.base import Optimizer


def config(
    task: TrainingTask, predictor: Predictor, recipe: Recipe, level_2_recipe: Recipe | None
) -> dict[str, object]:
    """How the run was trained: every option with the value that was used, defaults included."""
    options = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(task.options).items()
        if name not in ("resume", "overwrite", "quiet")
    }
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
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """What decides the numbers besides options and data: name -> version."""
    packages = {package.__name__: package.__version__ for package in (nnscratch, numba, np)}
    return {"python": platform.python_version(), **packages}


def rate_of(history: History | None, otherwise: float) -> float:
    """The learning rate that a run was trained with, to judge its steps by; `otherwise` if unknown.

    The largest: the history has the rate of each epoch's last step, 0 where a schedule has ended.
    """
    rates = history.columns.get("lr", []) if history else []
    return float(max(rates, default=0) or otherwise)


def settings(optimizer: Optimizer) -> dict[str, object]:
    """The optimizer's name and numbers, without the learning rate, which is in the history."""
    names = [name for name in ("momentum", "nesterov", "weight_decay") if hasattr(optimizer, name)]
    return {"optimizer": type(optimizer).__name__.lower(), **{name: getattr(optimizer, name) for name in names}}
