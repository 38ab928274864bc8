"""Trains a network of dense layers to find 15 points in pictures of faces.

On faces that it draws:      python examples/train_mlp.py
On Kaggle's:                 python examples/train_mlp.py --data training.zip
Best result in ten minutes:  the same with --recipe best --time-limit 10
"""

from collections.abc import Callable
from functools import partial

import numpy as np

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.metrics import RMSE_PX
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.options import TrainingOptions, TrainingParser
from nnscratch.keypoints.scripts.run_folder import save_run
from nnscratch.keypoints.scripts.task import TrainingTask, training_task
from nnscratch.keypoints.start import centre_on, start_from_mean_face


def plain(rng: np.random.Generator) -> nn.Sequential:
    """96 x 96 pixels -> 15 points; every unit is connected to every value before it."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Dense(96 * 96, 256, rng=rng),
        nn.ReLU(),
        nn.Dense(256, 100, rng=rng),
        nn.ReLU(),
        nn.Dense(100, 30, rng=rng),  # x and y of 15 points
    )


def wide(rng: np.random.Generator) -> nn.Sequential:
    """Equal contrast, more units, dropout: for --recipe best."""
    return nn.Sequential(
        nn.ContrastNormalization(),  # dark, bright, pale pictures: all alike
        nn.Flatten(),
        # he_normal: larger weights, because ReLU removes half of the signal.
        nn.Dense(96 * 96, 512, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),  # in training: no unit may rely on one other
        nn.Dense(512, 256, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(256, 30, rng=rng),  # x and y of 15 points
    )


# The networks for --network; a report of 2015 has the last two.
NETWORKS: dict[str, Callable[..., nn.Sequential]] = {
    "plain": plain,
    "wide": wide,
    "report": networks.report_mlp,
    "report-dropout": partial(networks.report_mlp, dropout=0.5),
}
# Each epoch shows each face changed anew, so that the network cannot learn pictures by heart:
# mirrored or not, turned by up to 12 degrees, resized by up to a tenth, shifted by up to a pixel.
CHANGES = Augmentation(flip=0.5, rotation=12, scale=0.1, shift=1.0)
RECIPES = {
    "plain": Recipe(plain, epochs=30, lr=0.0005),
    "best": Recipe(wide, epochs=300, lr=0.001, weight_decay=0.02, average=0.998, augment=CHANGES, both_ways=True),
}


def main() -> None:
    options = TrainingParser(__doc__, out="runs/mlp", recipes=RECIPES, networks=NETWORKS).read(TrainingOptions)
    with training_task(options) as task:  # the folder is this run's alone; Ctrl-C lets it finish its batch
        train(options, task)


def train(options: TrainingOptions, task: TrainingTask) -> None:
    x, y = task.train.x, task.train.y  # (N, 96, 96, 1) pixels, (N, 30) coordinates
    # for_faces: mirroring must know how far to the right of what they name these labels lie.
    recipe = options.adjusted(RECIPES[options.recipe], NETWORKS).for_faces(task.train)

    network = recipe.network(rng=np.random.default_rng(options.seed))
    # It starts by answering with the mean face, so only how each face differs is left to learn.
    start_from_mean_face(network, task.train.points)
    trainer = nn.Trainer(
        network,
        nn.MSELoss(),
        nn.Adam(network, lr=recipe.lr, weight_decay=recipe.weight_decay),
        batch_size=recipe.batch_size,
        # A short rise, for Adam's first steps rest on few gradients; then a fall: long steps come
        # near, short ones settle.
        lr=nn.schedules.cosine(recipe.lr, 0.0, warmup=recipe.warmup),
        augment=recipe.augment,
        average=recipe.average,  # the mean of the last steps' weights errs less than the last weights
        seed=options.seed,
        metric=RMSE_PX,  # scores each epoch on the validation faces; the best weights are kept
        communicator=task.communicator,  # --distributed: several processes share the faces of every step
    )
    task.warn(trainer)  # of what is certain to keep it from learning, before hours go by
    history = trainer.fit(
        x,
        y,
        validation=(task.validation.x, task.validation.y),
        epochs=recipe.epochs,
        time_limit=task.time_limit(),
        checkpoint=task.checkpoint,  # --resume goes on from this file
        on_checkpoint_error=task.checkpoint_failed,
        stop=task.stop,
        callbacks=task.keep_epochs(network),  # --every
    )
    if not task.ranks.is_first:  # --distributed: all processes have the same network now, and one keeps it
        return
    # It has learnt from changed faces: centre_on makes its mean error 0 on the unchanged ones.
    centre_on(network, x, y)
    # both_ways: the answers for a picture and its mirror image err differently, their mean less.
    predictor = SingleNetwork(network, both_ways=recipe.both_ways)
    save_run(task, predictor, recipe, trainer.optimizer, history)


if __name__ == "__main__":
    command_line.run(main)
