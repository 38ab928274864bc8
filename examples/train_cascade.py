"""Trains a cascade to find 15 points in pictures of faces.

One network finds all points; then, for each, a small network corrects it from
close by. Of a --time-limit, the first gets 40 %, the others share the rest.

On faces that it draws:  python examples/train_cascade.py
On Kaggle's:             python examples/train_cascade.py --data training.zip
"""

from argparse import Namespace

import numpy as np
from train_cnn import NETWORKS

import nnscratch as nn
from nnscratch.keypoints import command_line, runs
from nnscratch.keypoints.cascade import Cascade, crop_rmse_px, crops_of_point, training_crops
from nnscratch.keypoints.data import POINTS, to_points
from nnscratch.keypoints.metrics import RMSE_PX, rmse_per_point
from nnscratch.keypoints.networks import start_from_mean_face
from nnscratch.training import INTERRUPTED

SIDE = 32  # pixels of a crop: several times level 1's error, so that the point is inside


def level_2(rng: np.random.Generator) -> nn.Sequential:
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
        nn.Dense(64, 2, rng=rng),  # x and y
    )


def main() -> None:
    parser = command_line.training_parser(__doc__, out="runs/cascade", epochs=20, networks=NETWORKS)
    command_line.add_number(parser, "--level-2-epochs", default=6, help="epochs of each network of level 2")
    task = command_line.start(parser)
    arguments, train, validation = task.arguments, task.train, task.validation
    rng = np.random.default_rng(arguments.seed)

    level_1 = NETWORKS[arguments.network](rng=rng)
    start_from_mean_face(level_1, train.points)
    level_1_trainer = trainer(level_1, RMSE_PX, arguments)
    history = level_1_trainer.fit(
        train.x,
        train.y,
        validation=(validation.x, validation.y),
        epochs=arguments.epochs,
        time_limit=task.seconds_left(share=0.4),
    )
    histories = {"": history}
    found = to_points(level_1.predict(validation.x))
    spread = rmse_per_point(found, validation.points)

    networks = {}
    points = [point for point in POINTS if np.isfinite(spread[point])]  # those with a label in the validation faces
    for k, point in enumerate(points):
        if history.stopped == INTERRUPTED:
            break  # Ctrl-C ends the whole training, and what there is so far is written
        network = level_2(rng)
        x, y = training_crops(train, point, spread[point], side=SIDE, copies=2, rng=rng)
        history = trainer(network, crop_rmse_px(SIDE), arguments).fit(
            x,
            y,
            validation=crops_of_point(validation, point, found[:, POINTS.index(point)], SIDE),
            epochs=arguments.level_2_epochs,
            time_limit=task.seconds_left(share=1 / (len(points) - k)),
        )
        if not history.best:
            continue  # stopped before its first epoch was over: this point keeps level 1's answer
        networks[point], histories[f"{point}_"] = network, history
        print(f"{point:26s}{spread[point]:6.2f} px by level 1 -> {history.best['rmse_px']:5.2f} px", flush=True)
    runs.finish(task, Cascade(level_1, networks, SIDE), histories, level_1_trainer.optimizer)


def trainer(network: nn.Sequential, metric: nn.Metric, arguments: Namespace) -> nn.Trainer:
    return nn.Trainer(
        network,
        nn.MSELoss(),
        nn.Adam(network),
        batch_size=arguments.batch_size,
        lr=nn.schedules.cosine(0.002, 0.0, warmup=0.05),
        seed=arguments.seed,
        metric=metric,
    )


if __name__ == "__main__":
    command_line.run(main)
