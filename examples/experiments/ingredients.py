"""Measures what each ingredient of the best recipe brings: the error without it.

All trainings have the same epochs, seed, faces and split (look-alikes stay on
one side); each lacks one ingredient. Prints the table of docs/results.md.

On faces that it draws:  python ingredients.py
On Kaggle's:             python ingredients.py --data training.zip
"""

import runpy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.keypoints.faces import to_points
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.metrics import RMSE_PX, mean_face, rmse_px
from nnscratch.keypoints.mirror_pass import both_ways
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.options import MeasuringOptions, TrainingParser
from nnscratch.keypoints.scripts.task import start_task, usable_rows
from nnscratch.keypoints.start import start_from_mean_face
from nnscratch.model import Sequential
from nnscratch.training.side_by_side import Job, train_together

# The script next door is in no package, so it cannot be imported: run_path gives its names.
TRAIN_CNN = runpy.run_path(str(Path(__file__).parents[1] / "train_cnn.py"))
NETWORKS, RECIPES = TRAIN_CNN["NETWORKS"], TRAIN_CNN["RECIPES"]


@dataclass(frozen=True)
class Variant:
    """The recipe, the network and the rows ("all" or "complete") of one training."""

    recipe: Recipe
    network: Sequential
    rows: str = "all"


def without(network: Sequential, kind: type[nn.Layer]) -> Sequential:
    """The network without its layers of one kind; all other layers are the same objects."""
    return nn.Sequential(*(layer for layer in network.layers if not isinstance(layer, kind)))


def variants(recipe: Recipe, seed: int) -> dict[str, Variant]:
    """Name in the table -> what is trained; `recipe` knows the label offsets of the faces."""
    warp = recipe.augment
    assert isinstance(warp, Augmentation)
    still = replace(warp, rotation=0, scale=0, shift=0)

    def other(**changes: Any) -> Variant:
        return Variant(replace(recipe, **changes), NETWORKS["deep"](np.random.default_rng(seed)))

    return {
        "everything": other(),
        "rows with all 15 points alone": replace(other(), rows="complete"),
        "no mirror images": other(augment=replace(warp, flip=0)),
        "mirrored about the picture's middle, not the labels'": other(augment=replace(warp, offsets=None)),
        "no turns, sizes, shifts": other(augment=still),
        "no augmentation": other(augment=None),
        "no averaged weights": other(average=None),
        "no contrast normalization": replace(other(), network=without(other().network, nn.ContrastNormalization)),
        "no dropout": replace(other(), network=without(other().network, nn.Dropout)),
        "no weight decay": other(weight_decay=0.0),
        'recipe and network "plain"': Variant(
            replace(RECIPES["plain"], epochs=recipe.epochs), NETWORKS["small"](np.random.default_rng(seed))
        ),
    }


def main() -> None:
    options = TrainingParser(__doc__, out="runs", recipes=["best"], networks=["deep"], keeps_run=False).read(
        MeasuringOptions
    )
    with command_line.muted(options):
        scores = measure(options)
    command_line.write_json(options.json, scores)


def measure(options: MeasuringOptions) -> dict[str, object]:
    """Trains all variants and prints their scores; returns them, in px."""
    task = start_task(options)
    recipe = options.adjusted(RECIPES["best"], NETWORKS).for_faces(task.train)
    chosen = variants(recipe, options.seed)
    rows = {rows: usable_rows(task.train, rows, "the training faces") for rows in ("all", "complete")}
    learnt = {name: (faces.x, faces.y) for name, faces in rows.items()}
    x, y = task.validation.x, task.validation.y
    jobs: dict[str, Job] = {}
    for name, variant in chosen.items():
        start_from_mean_face(variant.network, task.train.points)
        trainer = variant.recipe.trainer(variant.network, seed=options.seed, metric=RMSE_PX, progress=False)
        jobs[name] = trainer, *learnt[variant.rows], (x, y)
    train_together(jobs, epochs=recipe.epochs, seconds=task.seconds_left(), title="ingredients")

    constant = np.broadcast_to(mean_face(task.train.points), task.validation.points.shape)
    epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    print(f"| {epochs}; validation RMSE | one pass | with the mirror pass |\n|---|---|---|")
    baseline = rmse_px(constant, task.validation.points)
    print(f"| mean face | {baseline:.2f} px | |")
    found: dict[str, object] = {}
    for name, variant in chosen.items():
        answers = variant.network.predict(x), both_ways(variant.network, x)[0]
        scores = [rmse_px(to_points(answer), task.validation.points) for answer in answers]
        print(f"| {name} | {scores[0]:.3f} px | {scores[1]:.3f} px |", flush=True)
        found[name] = {"one_pass": scores[0], "mirror_pass": scores[1]}
    return {"epochs": recipe.epochs, "mean_face": baseline, "variants": found}


if __name__ == "__main__":
    command_line.run(main)
