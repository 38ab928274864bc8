"""How a run was trained, for its metrics.json."""

from __future__ import annotations

import platform
from pathlib import Path

import nnscratch as nn
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.run_config import config, settings, versions
from nnscratch.keypoints.scripts.task import TrainingTask
from tests.keypoints.report_page.made_runs import network


def test_options_recipe_and_what_both_levels_have(tmp_path: Path) -> None:
    faces = draw_faces(4, seed=0)
    task = TrainingTask(TrainingOptions(tmp_path, network="small"), faces.select(slice(0, 3)), faces.select([3]))
    recipe = Recipe(network, epochs=3, lr=0.5)
    made = config(task, SingleNetwork(network()), recipe, recipe)
    expected = {
        "network": "small",
        "epochs": 3,
        "lr": 0.5,
        "level_2_epochs": 3,
        "training_faces": 3,
        "validation_faces": 1,
    }
    assert expected.items() <= made.items()
    assert made["out"] == str(tmp_path)
    assert not {"resume", "overwrite"} & made.keys()
    assert made["versions"] == versions()
    assert "level_2_lr" not in config(task, SingleNetwork(network()), recipe, None)


def test_the_optimizers_numbers() -> None:
    assert settings(nn.SGD(network(), lr=0.1, momentum=0.5)) == {
        "optimizer": "sgd", "momentum": 0.5, "nesterov": False, "weight_decay": 0.0,
    }  # fmt: skip


def test_versions() -> None:
    assert list(versions()) == ["python", "nnscratch", "numba", "numpy"]
    assert versions()["python"] == platform.python_version()
