"""Trains a network of dense layers to find 15 points in pictures of faces.

On faces that it draws:  python examples/train_mlp.py
On Kaggle's:             python examples/train_mlp.py --data training.zip
"""

from collections.abc import Callable
from functools import partial

import numpy as np

import nnscratch as nn
from nnscratch.keypoints import command_line, networks, runs
from nnscratch.keypoints.metrics import RMSE_PX
from nnscratch.keypoints.predictors import SingleNetwork


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


NETWORKS: dict[str, Callable[..., nn.Sequential]] = {
    "plain": plain,
    "report": networks.report_mlp,
    "report-dropout": partial(networks.report_mlp, dropout=0.5),
}


def main() -> None:
    task = command_line.start(command_line.training_parser(__doc__, out="runs/mlp", epochs=30, networks=NETWORKS))
    arguments = task.arguments
    network = NETWORKS[arguments.network](rng=np.random.default_rng(arguments.seed))
    networks.start_from_mean_face(network, task.train.points)
    trainer = nn.Trainer(
        network,
        nn.MSELoss(),  # over the labelled points: rows with missing ones teach what they can
        nn.Adam(network),
        batch_size=arguments.batch_size,
        lr=nn.schedules.cosine(0.0005, 0.0, warmup=0.05),
        seed=arguments.seed,
        metric=RMSE_PX,
    )
    history = trainer.fit(
        task.train.x,
        task.train.y,
        validation=(task.validation.x, task.validation.y),
        epochs=arguments.epochs,
        time_limit=task.seconds_left(),
    )
    runs.finish(task, SingleNetwork(network), {"": history}, trainer.optimizer)


if __name__ == "__main__":
    command_line.run(main)
