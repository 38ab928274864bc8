"""Trains a convolutional network to find 15 points in pictures of faces.

On faces that it draws:    python examples/train_cnn.py
On Kaggle's:               python examples/train_cnn.py --data training.zip
As well as in 10 minutes:  the same with --recipe best --time-limit 10
"""

import numpy as np

import nnscratch as nn
from nnscratch.keypoints import networks, recipes
from nnscratch.keypoints.metrics import RMSE_PX
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.scripts import command_line, run_folder
from nnscratch.keypoints.start import centre_on, start_from_mean_face


def small(rng: np.random.Generator) -> nn.Sequential:
    """96 x 96 pixels -> 15 points: four times convolution, ReLU and max pooling, then two dense layers."""
    return nn.Sequential(
        nn.Conv2D(1, 8, 5, rng=rng),  # 92 x 92 x 8
        nn.ReLU(),
        nn.MaxPool2D(2),  # 46 x 46 x 8
        nn.Conv2D(8, 16, 3, rng=rng),  # 44 x 44 x 16
        nn.ReLU(),
        nn.MaxPool2D(2),  # 22 x 22 x 16
        nn.Conv2D(16, 32, 3, rng=rng),  # 20 x 20 x 32
        nn.ReLU(),
        nn.MaxPool2D(2),  # 10 x 10 x 32
        nn.Conv2D(32, 64, 3, rng=rng),  # 8 x 8 x 64
        nn.ReLU(),
        nn.MaxPool2D(2),  # 4 x 4 x 64
        nn.Flatten(),
        nn.Dense(4 * 4 * 64, 256, rng=rng),
        nn.ReLU(),
        nn.Dense(256, 30, rng=rng),  # x and y of 15 points
    )


def stage(c_in: int, c_out: int, rng: np.random.Generator) -> list[nn.Layer]:
    """H x W x c_in -> H/2 x W/2 x c_out."""
    convolution = nn.Conv2D(c_in, c_out, 3, padding=1, weight_init="he_normal", rng=rng)
    return [convolution, nn.ReLU(), nn.MaxPool2D(2)]


def deep(rng: np.random.Generator, values: int = 30) -> nn.Sequential:
    """The same idea with four times the work, for --recipe best: more maps, and pictures of equal contrast."""
    return nn.Sequential(
        nn.ContrastNormalization(),
        *stage(1, 16, rng),  # 48 x 48 x 16
        *stage(16, 32, rng),  # 24 x 24 x 32
        *stage(32, 64, rng),  # 12 x 12 x 64
        *stage(64, 128, rng),  # 6 x 6 x 128
        nn.Flatten(),
        nn.Dense(6 * 6 * 128, 256, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.3, rng=rng),
        nn.Dense(256, values, rng=rng),  # x and y of 15 points, or of those of a part
    )


NETWORKS = {"small": small, "deep": deep, **networks.CNNS}


def main() -> None:
    parser = command_line.training_parser(__doc__, out="runs/cnn", recipes=recipes.CNN, networks=NETWORKS)
    task = command_line.start(parser)
    recipe = task.adjusted(recipes.CNN[task.arguments.recipe]).for_faces(task.train)
    network = NETWORKS[recipe.network](rng=np.random.default_rng(task.arguments.seed))
    start_from_mean_face(network, task.train.points)
    trainer = recipe.trainer(network, seed=task.arguments.seed, metric=RMSE_PX)
    x, y = task.train.x, task.train.y
    history = trainer.fit(
        x,
        y,
        validation=(task.validation.x, task.validation.y),
        epochs=recipe.epochs,
        time_limit=task.seconds_left(),
    )
    centre_on(network, x, y)
    predictor = SingleNetwork(network, both_ways=recipe.both_ways)
    run_folder.finish(task, predictor, {"": history}, trainer.optimizer)


if __name__ == "__main__":
    command_line.run(main)
