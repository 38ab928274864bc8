"""Recipes: what they say is what a trainer does, and scripts have the networks that they name."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import recipes
from nnscratch.keypoints.drawn.faces import generate_faces
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.recipes import CascadeRecipe, Recipe

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPE = Recipe("small", epochs=3, lr=0.01, warmup=0.25, batch_size=7, weight_decay=0.5, average=0.9, clip_norm=2.0)


def test_a_trainer_does_what_the_recipe_says() -> None:
    network = nn.Sequential(nn.Dense(2, 1, rng=0))
    augment = Augmentation(flip=0.5)
    trainer = replace(RECIPE, augment=augment).trainer(network, seed=3, progress=False)
    assert trainer.model is network
    assert isinstance(trainer.optimizer, nn.Adam)
    assert (trainer.optimizer.weight_decay, trainer.optimizer.lr) == (0.5, 0.01)
    assert (trainer.batch_size, trainer.average, trainer.clip_norm) == (7, 0.9, 2.0)
    assert (trainer.augment, trainer.progress, trainer.metric) == (augment, False, None)
    assert trainer.rng.random() == np.random.default_rng(3).random()
    assert trainer.lr is not None
    rates = [trainer.lr(progress) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)]
    np.testing.assert_allclose(rates, [0, 0.005, 0.01, 0.005, 0], atol=1e-12)


def test_flips_learn_the_offset_of_the_labels_and_nothing_else_changes() -> None:
    faces = generate_faces(250, seed=0, missing=False)
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
    faces = generate_faces(10, seed=0)
    assert recipe.for_faces(faces) is recipe


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What an example script defines, by the script's name."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return lambda name: runpy.run_path(str(EXAMPLES / name))


@pytest.mark.parametrize(
    ("name", "known"), [("train_mlp.py", recipes.MLP), ("train_cnn.py", recipes.CNN)], ids=["mlp", "cnn"]
)
def test_scripts_have_the_networks_of_their_recipes(script: Any, name: str, known: dict[str, Recipe]) -> None:
    makers = script(name)["NETWORKS"]
    for recipe in known.values():
        network = makers[recipe.network](rng=np.random.default_rng(0))
        assert network.predict(np.zeros((1, 96, 96, 1), np.float32)).shape == (1, 30)


def test_the_cascade_script_has_the_networks_of_its_recipes(script: Any) -> None:
    """Those of level 2 fit their regions' crops, and have outputs for all their points."""
    example = script("train_cascade.py")
    for recipe in recipes.CASCADE.values():
        assert recipe.level_1.network in example["NETWORKS"]
        regions = recipe.level_2.regions
        assert len({region.name for region in regions}) == len(regions)
        for region in regions:
            network = example["LEVEL_2"][recipe.level_2.training.network](np.random.default_rng(0), region)
            outputs = network.predict(np.zeros((1, region.side, region.side, 1), np.float32))
            assert outputs.shape == (1, 2 * len(region.points))


@pytest.mark.parametrize("recipe", recipes.CASCADE.values(), ids=recipes.CASCADE)
def test_a_cascade_has_a_region_for_every_point(recipe: CascadeRecipe) -> None:
    found = np.concatenate([region.indices_both_sides for region in recipe.level_2.regions])
    assert set(found.tolist()) == set(range(15))
    assert 0 < recipe.share < 1


@pytest.mark.parametrize("known", [recipes.MLP, recipes.CNN, recipes.CASCADE], ids=["mlp", "cnn", "cascade"])
def test_the_plain_recipe_is_the_default(known: dict[str, Any]) -> None:
    assert list(known) == ["plain", "best"]
