"""Recipes: what they say is what a trainer does, and what a run's folder gets to know of them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.networks import report_mlp
from nnscratch.keypoints.recipe import Recipe

RECIPE = Recipe(report_mlp, epochs=3, lr=0.01, warmup=0.25, batch_size=7, weight_decay=0.5, average=0.9)


def test_a_trainer_does_what_the_recipe_says() -> None:
    network = nn.Sequential(nn.Dense(2, 1, rng=0))
    augment = Augmentation(flip=0.5)
    trainer = replace(RECIPE, augment=augment).trainer(network, seed=3, progress=False)
    assert trainer.model is network
    assert isinstance(trainer.optimizer, nn.Adam)
    assert (trainer.optimizer.weight_decay, trainer.optimizer.lr) == (0.5, 0.01)
    assert (trainer.batch_size, trainer.average) == (7, 0.9)
    assert (trainer.augment, trainer.progress, trainer.metric) == (augment, False, None)
    assert trainer.rng.random() == np.random.default_rng(3).random()
    assert trainer.lr is not None
    rates = [trainer.lr(progress) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)]
    np.testing.assert_allclose(rates, [0.0001, 0.005, 0.01, 0.005, 0], atol=1e-12)


def test_flips_learn_the_offset_of_the_labels_and_nothing_else_changes() -> None:
    faces = draw_faces(250, seed=0, missing=False)
    faces.points[..., 0] += 2
    flips = replace(RECIPE, augment=Augmentation(flip=0.5, rotation=5)).for_faces(faces)
    assert isinstance(flips.augment, Augmentation)
    assert flips.augment.offsets == LabelOffsets.of(faces)
    np.testing.assert_allclose(flips.augment.offsets(faces.points), 2.0, atol=0.5)
    assert replace(flips.augment, offsets=None) == Augmentation(flip=0.5, rotation=5)
    assert replace(flips, augment=None) == RECIPE


@pytest.mark.parametrize("augment", [None, Augmentation(rotation=5), lambda x, y, rng: (x, y)])
def test_without_flips_a_recipe_stays_as_it_is(augment: Any) -> None:
    recipe = replace(RECIPE, augment=augment)
    faces = draw_faces(10, seed=0)
    assert recipe.for_faces(faces) is recipe


def test_settings_are_all_fields_and_fit_into_json() -> None:
    recipe = replace(RECIPE, augment=Augmentation(flip=0.5), both_ways=True)
    settings = recipe.settings()
    assert list(settings) == list(vars(recipe))
    assert json.loads(json.dumps(settings)) == settings
    assert settings["network"] == "report_mlp"
    assert settings["lr"] == 0.01
    assert "flip=0.5" in str(settings["augment"])
    assert "dropout=0.5" in str(replace(recipe, network=partial(report_mlp, dropout=0.5)).settings()["network"])
