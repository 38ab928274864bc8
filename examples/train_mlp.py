"""Trains a network of dense layers to find 15 points in pictures of faces.

On faces that it draws:     python examples/train_mlp.py
On Kaggle's:                python examples/train_mlp.py --data training.zip
As well as in ten minutes:  the same with --recipe best --time-limit 10
"""

from collections.abc import Callable
from functools import partial

import numpy as np

import nnscratch as nn
from nnscratch.keypoints import networks, recipes
from nnscratch.keypoints.metrics import RMSE_PX
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.scripts import command_line, run_folder
from nnscratch.keypoints.start import centre_on, start_from_mean_face


def plain(rng: np.random.Generator) -> nn.Sequential:
    """96 x 96 pixels -> 15 points, every unit looking at everything."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Dense(96 * 96, 256, rng=rng),
        nn.ReLU(),
        nn.Dense(256, 100, rng=rng),
        nn.ReLU(),
        nn.Dense(100, 30, rng=rng),  # x and y of 15 points
    )


def wide(rng: np.random.Generator) -> nn.Sequential:
    """The same idea for --recipe best: pictures of equal contrast, and more units, a fifth of which is dropped."""
    return nn.Sequential(
        nn.ContrastNormalization(),
        nn.Flatten(),
        nn.Dense(96 * 96, 512, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(512, 256, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(256, 30, rng=rng),  # x and y of 15 points
    )


NETWORKS: dict[str, Callable[..., nn.Sequential]] = {
    "plain": plain,
    "wide": wide,
    "report": networks.report_mlp,
    "report-dropout": partial(networks.report_mlp, dropout=0.5),
}


def main() -> None:
    parser = command_line.training_parser(__doc__, out="runs/mlp", recipes=recipes.MLP, networks=NETWORKS)
    task = command_line.start(parser)
    recipe = task.adjusted(recipes.MLP[task.arguments.recipe]).for_faces(task.train)
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
