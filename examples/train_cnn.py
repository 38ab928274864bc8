"""Trains a convolutional network to find 15 points in pictures of faces.

On faces that it draws:      python examples/train_cnn.py
On Kaggle's:                 python examples/train_cnn.py --data training.zip
Best result in ten minutes:  the same with --recipe best --time-limit 10
"""

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


def small(rng: np.random.Generator) -> nn.Sequential:
    """96 x 96 pixels -> 15 points: four times convolution, ReLU, pooling; then two dense layers."""
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


def conv_pool(c_in: int, c_out: int, rng: np.random.Generator) -> list[nn.Layer]:
    """H x W x c_in -> H/2 x W/2 x c_out; padding=1: the convolution itself keeps H x W."""
    # he_normal: larger weights, because ReLU removes half of the signal.
    convolution = nn.Conv2D(c_in, c_out, 3, padding=1, weight_init="he_normal", rng=rng)
    return [convolution, nn.ReLU(), nn.MaxPool2D(2)]


def deep(rng: np.random.Generator, first: int = 16) -> nn.Sequential:
    """Equal contrast, more channels, dropout: four times the work.

    first : channels of the first convolution; each further one has twice as many
    """
    return nn.Sequential(
        nn.ContrastNormalization(),  # dark, bright, pale pictures: all alike
        *conv_pool(1, first, rng),  # 48 x 48
        *conv_pool(first, 2 * first, rng),  # 24 x 24
        *conv_pool(2 * first, 4 * first, rng),  # 12 x 12
        *conv_pool(4 * first, 8 * first, rng),  # 6 x 6
        nn.Flatten(),
        nn.Dense(6 * 6 * 8 * first, 256, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.3, rng=rng),  # in training: no unit may rely on one other
        nn.Dense(256, 30, rng=rng),  # x and y of 15 points
    )


def wide(rng: np.random.Generator) -> nn.Sequential:
    """The same with half as many channels again, for --recipe best."""
    return deep(rng, first=24)


# The networks for --network; a report of 2015 has or cites the last three.
NETWORKS = {"small": small, "deep": deep, "wide": wide, **networks.CNNS}
# Each epoch shows each face changed anew, so that the network cannot learn pictures by heart:
# mirrored or not, turned by up to 12 degrees, resized by up to a tenth, shifted by up to a pixel.
CHANGES = Augmentation(flip=0.5, rotation=12, scale=0.1, shift=1.0)
RECIPES = {
    "plain": Recipe(small, epochs=30),
    "best": Recipe(
        wide, epochs=150, warmup=0.1, weight_decay=0.05, average=0.998, augment=CHANGES, both_ways=True, held_out=0.08
    ),
}


def main() -> None:
    options = TrainingParser(__doc__, out="runs/cnn", recipes=RECIPES, networks=NETWORKS).read(TrainingOptions)
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
