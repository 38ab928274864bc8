"""Trains a convolutional network to find 15 points in pictures of faces.

On faces that it draws:  python examples/train_cnn.py
On Kaggle's:             python examples/train_cnn.py --data training.zip
"""

import numpy as np

import nnscratch as nn
from nnscratch.keypoints import command_line, networks, runs
from nnscratch.keypoints.metrics import RMSE_PX
from nnscratch.keypoints.predictors import SingleNetwork


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


NETWORKS = {"small": small, **networks.CNNS}


def main() -> None:
    task = command_line.start(command_line.training_parser(__doc__, out="runs/cnn", epochs=30, networks=NETWORKS))
    arguments = task.arguments
    network = NETWORKS[arguments.network](rng=np.random.default_rng(arguments.seed))
    networks.start_from_mean_face(network, task.train.points)
    trainer = nn.Trainer(
        network,
        nn.MSELoss(),  # over the labelled points: rows with missing ones teach what they can
        nn.Adam(network),
        batch_size=arguments.batch_size,
        lr=nn.schedules.cosine(0.002, 0.0, warmup=0.05),
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
