"""Trains a cascade to find 15 points in pictures of faces.

One network finds all points in the picture; then others look at each, and at
parts of the face, from close by. Left and right share theirs.

On faces that it draws:    python examples/train_cascade.py
On Kaggle's:               python examples/train_cascade.py --data training.zip
As well as in 30 minutes:  the same with --recipe best --time-limit 30
"""

from dataclasses import replace

import numpy as np
from train_cnn import NETWORKS, deep, stage

import nnscratch as nn
from nnscratch.keypoints import recipes
from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.cascade.training import LevelData, train_level
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.metrics import RMSE_PX, mean_face
from nnscratch.keypoints.scripts import command_line, run_folder
from nnscratch.keypoints.start import start_from_mean_face


def small_level_2(rng: np.random.Generator, region: Region) -> nn.Sequential:
    """32 x 32 pixels around a point -> where in them it is."""
    return nn.Sequential(
        nn.Conv2D(1, 8, 5, rng=rng),  # 28 x 28 x 8
        nn.ReLU(),
        nn.MaxPool2D(2),  # 14 x 14 x 8
        nn.Conv2D(8, 16, 3, rng=rng),  # 12 x 12 x 16
        nn.ReLU(),
        nn.MaxPool2D(2),  # 6 x 6 x 16
        nn.Flatten(),
        nn.Dense(6 * 6 * 16, 64, rng=rng),
        nn.ReLU(),
        nn.Dense(64, 2 * len(region.points), rng=rng),  # x and y
    )


def deep_level_2(rng: np.random.Generator, region: Region) -> nn.Sequential:
    """48 x 48 pixels around a point, 64 x 64 or 96 x 96 of more -> where its points are, for --recipe best."""
    if region.side == 96:
        return deep(rng, values=2 * len(region.points))
    side = region.side // 8  # halved by each stage
    return nn.Sequential(
        nn.ContrastNormalization(),
        *stage(1, 16, rng),  # of 48 x 48: 24 x 24 x 16
        *stage(16, 32, rng),  # 12 x 12 x 32
        *stage(32, 64, rng),  # 6 x 6 x 64
        nn.Flatten(),
        nn.Dense(side * side * 64, 256, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.3, rng=rng),
        nn.Dense(256, 2 * len(region.points), rng=rng),  # x and y
    )


LEVEL_2 = {"small": small_level_2, "deep": deep_level_2}


def main() -> None:
    parser = command_line.training_parser(__doc__, out="runs/cascade", recipes=recipes.CASCADE, networks=NETWORKS)
    command_line.add_number(parser, "--level-2-epochs", help="epochs of each network of level 2")
    task = command_line.start(parser)
    arguments = task.arguments
    recipe = recipes.CASCADE[arguments.recipe]
    first = task.adjusted(recipe.level_1).for_faces(task.train)
    second = replace(
        recipe.level_2.training,
        epochs=arguments.level_2_epochs or recipe.level_2.training.epochs,
        batch_size=arguments.batch_size or recipe.level_2.training.batch_size,
    )

    network = NETWORKS[first.network](rng=np.random.default_rng(arguments.seed))
    start_from_mean_face(network, task.train.points)
    trainer = first.trainer(network, seed=arguments.seed, metric=RMSE_PX)
    history = trainer.fit(
        task.train.x,
        task.train.y,
        validation=(task.validation.x, task.validation.y),
        epochs=first.epochs,
        time_limit=task.seconds_left(share=recipe.share),
    )
    cascade = Cascade(network, symmetrical(mean_face(task.train.points)))
    held_out = CascadeAnswers.of(cascade, task.validation)
    histories = {"": history}
    if history.outcome is not nn.Outcome.INTERRUPTED:
        level_2 = train_level(
            cascade,
            replace(recipe.level_2, training=second),
            LevelData(task.train, held_out),
            LEVEL_2[second.network],
            seed=arguments.seed,
            seconds=task.seconds_left(),
        )
        cascade, held_out = level_2.cascade, level_2.held_out
        histories |= {f"{region}_": each for region, each in level_2.histories.items()}
        print(held_out.error_table(), flush=True)
    run_folder.finish(task, cascade, histories, trainer.optimizer, predicted=held_out.answers[-1])


if __name__ == "__main__":
    command_line.run(main)
