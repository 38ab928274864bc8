"""Trains a cascade to find 15 points in pictures of faces.

Level 1 is a network that finds all points in the whole picture. Level 2 has
networks that see crops around these points, upright and of one size, and
correct them. A network for the left eye also finds the right eye's points, in
the mirror image of the picture.

On faces that it draws:     python examples/train_cascade.py
On Kaggle's:                python examples/train_cascade.py --data training.zip
Best result in 30 minutes:  the same with --recipe best --time-limit 30
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.regions import Region, one_per_point
from nnscratch.keypoints.cascade.training import CascadeRecipe, LevelData, LevelRecipe, train_level
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.metrics import RMSE_PX
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.options import TrainingOptions, TrainingParser
from nnscratch.keypoints.scripts.run_folder import save_networks, save_run
from nnscratch.keypoints.scripts.task import TrainingTask, training_task
from nnscratch.keypoints.start import start_from_mean_face


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


def small_level_2(rng: np.random.Generator, region: Region) -> nn.Sequential:
    """32 x 32 pixels around a point -> where in these pixels it is, -1 to 1."""
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


def deep(rng: np.random.Generator, side: int = 96, values: int = 30, first: int = 16) -> nn.Sequential:
    """side x side pixels -> x and y of some points; more channels and dropout, for --recipe best.

    side   : 96 becomes 6 x 6, halved four times; 48 becomes 6 x 6 and 64 becomes 8 x 8, halved
        three times
    values : two per point
    first  : channels of the first convolution; each further one has twice as many
    """
    channels = [1, *(first << k for k in range(4 if side == 96 else 3))]
    layers: list[nn.Layer] = [nn.ContrastNormalization()]  # dark, bright, pale pictures: all alike
    for c_in, c_out in pairwise(channels):
        # he_normal: larger weights, because ReLU removes half of the signal.
        layers.append(nn.Conv2D(c_in, c_out, 3, padding=1, weight_init="he_normal", rng=rng))
        layers += [nn.ReLU(), nn.MaxPool2D(2)]
        side //= 2  # by pooling; the convolution, with padding=1, keeps the size
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Dense(side * side * channels[-1], 256, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.3, rng=rng),  # in training: no unit may rely on one other
        nn.Dense(256, values, rng=rng),
    )


def wide(rng: np.random.Generator) -> nn.Sequential:
    """The same for whole pictures with half as many channels again."""
    return deep(rng, first=24)


def deep_level_2(rng: np.random.Generator, region: Region) -> nn.Sequential:
    """The region's crop, 48, 64 or 96 pixels wide -> where in it the region's points are.

    Half as many channels again bring 0.2 % with 48 pixels, for 1.9 times the time, so only the
    largest crops, where most is to be told apart, have them.
    """
    return deep(rng, region.side, 2 * len(region.points), first=24 if region.side == 96 else 16)


# The networks of level 1, for --network; a report of 2015 has or cites the last three.
NETWORKS = {"small": small, "deep": deep, "wide": wide, **networks.CNNS}
EYE = (
    "left_eye_center",
    "left_eye_inner_corner",
    "left_eye_outer_corner",
    "left_eyebrow_inner_end",
    "left_eyebrow_outer_end",
)
MOUTH = ("nose_tip", "mouth_left_corner", "mouth_right_corner", "mouth_center_top_lip", "mouth_center_bottom_lip")
HALF_FACE = (*EYE, "nose_tip", "mouth_left_corner")
EYES = (*EYE, *(name.replace("left", "right") for name in EYE))
# The most useful first: a network of the whole face finds all points, those of its parts see them
# larger, and those of one point each see nothing else. A machine that has the time trains more of
# them: other cut-outs of the same parts err in other ways, and the mean of all errs less. So do
# crops in local contrast, each pixel as it stands out from the 13 x 13 pixels around it: a network
# that sees these errs up to 1 % less, or the same, and less like the others. Each part has both.
# Five networks, all of them so, err by 1.0 % less; the five of before added, by 1.2 %.
LOCAL = 13
PARTS_AND_POINTS = (
    Region("face", POINTS, side=96, width=84, window=LOCAL),
    Region("half_face", HALF_FACE, side=64, width=80, window=LOCAL),
    Region("eye", EYE, side=48, width=40, window=LOCAL),
    Region("mouth", MOUTH, side=48, width=40, window=LOCAL),
    *one_per_point(side=48, width=40),
    Region("face_wide", POINTS, side=96, width=100),
    Region("lower_face", MOUTH, side=64, width=60),
    Region("eye_wide", EYE, side=64, width=56, window=LOCAL),
    Region("mouth_wide", MOUTH, side=64, width=50, window=LOCAL),
    Region("eye_near", EYE, side=48, width=44),
    Region("mouth_near", MOUTH, side=48, width=44),
    Region("face_near", POINTS, side=96, width=90),
    Region("half_face_near", HALF_FACE, side=96, width=76),
    Region("eyes", EYES, side=96, width=76, window=LOCAL),
    Region("half_face_wide", HALF_FACE, side=96, width=92, window=LOCAL),
    Region("eyes_wide", EYES, side=96, width=88),
)
# Each epoch shows each face changed anew, so that the network cannot learn pictures by heart:
# mirrored or not, turned by up to 12 degrees, resized by up to a tenth, shifted by up to a pixel.
CHANGES = Augmentation(flip=0.5, rotation=12, scale=0.1, shift=1.0)
# 530 of 6,600 faces judge: 15 % fewer to learn from cost 0.6 % of the error.
HELD_OUT = 0.08
# Each step takes lr times this share of each weight away. With 0.001 in place of 0.1, the network
# for an eye errs by 1 % more.
WEIGHT_DECAY = 0.1
RECIPES = {
    "plain": CascadeRecipe(
        level_1=Recipe(small, epochs=20),
        level_2=LevelRecipe(Recipe(small_level_2, epochs=6), regions=one_per_point(side=32, width=32)),
        share=0.4,
    ),
    "best": CascadeRecipe(
        # Level 1 only has to place the crops: whether it ended at 1.58, 1.65, 1.67 or 1.89 px,
        # level 2 (one pass) ended at 1.40, 1.40, 1.41 or 1.42 px. So level 1 is short on any
        # machine, and level 2 gets the time.
        level_1=Recipe(
            deep, epochs=10, warmup=0.1, weight_decay=0.001, average=0.998, augment=CHANGES, held_out=HELD_OUT
        ),
        level_2=LevelRecipe(
            Recipe(deep_level_2, epochs=60, warmup=0.1, weight_decay=WEIGHT_DECAY, average=0.998),
            regions=PARTS_AND_POINTS,
            passes=3,
            least_share=0.5,  # 30 of the 60 epochs: with less time than that, fewer networks
        ),
        share=0.1,
    ),
}


@dataclass(frozen=True)
class CascadeOptions(TrainingOptions):
    """The options of all training scripts, and one more.

    level_2_epochs : in place of the recipe's; None: the recipe's
    """

    level_2_epochs: int | None = None


def main() -> None:
    parser = TrainingParser(__doc__, out="runs/cascade", recipes=RECIPES, networks=NETWORKS)
    command_line.add_number(parser, "--level-2-epochs", help="epochs of each network of level 2")
    options = parser.read(CascadeOptions)
    with training_task(options) as task:  # the folder is this run's alone; Ctrl-C lets it finish its batch
        train(options, task)


def train(options: CascadeOptions, task: TrainingTask) -> None:
    recipe = RECIPES[options.recipe]
    # for_faces: mirroring must know how far to the right of what they name these labels lie.
    first = options.adjusted(recipe.level_1, NETWORKS).for_faces(task.train)
    second = replace(
        recipe.level_2.training,
        epochs=options.level_2_epochs or recipe.level_2.training.epochs,
        batch_size=options.batch_size or recipe.level_2.training.batch_size,
    )

    network = first.network(rng=np.random.default_rng(options.seed))
    # It starts by answering with the mean face, so only how each face differs is left to learn.
    start_from_mean_face(network, task.train.points)
    trainer = nn.Trainer(
        network,
        nn.MSELoss(),
        nn.Adam(network, lr=first.lr, weight_decay=first.weight_decay),
        batch_size=first.batch_size,
        # A short rise, for Adam's first steps rest on few gradients; then a fall: long steps come
        # near, short ones settle.
        lr=nn.schedules.cosine(first.lr, 0.0, warmup=first.warmup),
        augment=first.augment,
        average=first.average,  # the mean of the last steps' weights errs less than the last weights
        seed=options.seed,
        metric=RMSE_PX,  # scores each epoch on the validation faces; the best weights are kept
        communicator=task.communicator,  # --distributed: several processes share the faces of every step
    )
    task.warn(trainer)  # of what is certain to keep it from learning, before hours go by
    history = trainer.fit(
        task.train.x,
        task.train.y,
        validation=(task.validation.x, task.validation.y),
        epochs=first.epochs,
        time_limit=task.time_limit(share=recipe.share),
        checkpoint=task.checkpoint,  # --resume goes on from this file
        on_checkpoint_error=task.checkpoint_failed,
        stop=task.stop,
        callbacks=task.keep_epochs(network),  # --every
    )

    # Crops are turned and resized to the mean face: upright, of average size. And labels of several
    # sources, each with its own idea of where a nose ends, are moved into one convention.
    cascade = Cascade.begun(network, task.train)
    # The errors of level 1 on held-out faces are what level 2 learns to correct.
    held_out = CascadeAnswers.of(cascade, task.validation)
    histories: dict[str, nn.History] = {}
    how = {"recipe": first, "optimizer": trainer.optimizer, "history": history, "level_2_recipe": second}
    if history.outcome is not nn.Outcome.INTERRUPTED:  # Ctrl-C ends level 1 and leaves out level 2
        level_2 = train_level(
            cascade,
            replace(recipe.level_2, training=second),
            LevelData(task.train, held_out),
            seed=options.seed,
            seconds=task.seconds_left(),
            checkpoints=task.checkpoints,
            on_checkpoint_error=task.checkpoint_failed,
            stop=task.stop,
            kept=task.kept,
            ranks=task.ranks,  # --distributed: several processes share the networks
            # On disk before the blends are fitted, which takes a while.
            trained=lambda cascade, histories: save_networks(task, cascade, level_2_histories=histories, **how),
        )
        cascade, histories = level_2.cascade, level_2.histories
        held_out = level_2.held_out.in_conventions(cascade)
        command_line.tell(held_out.error_table())
    if not task.ranks.is_first:  # all processes have the same networks now, and one keeps them
        return
    save_run(
        task,
        cascade,
        level_2_histories=histories,
        # The cascade's own blends have learnt from the held-out faces too. These answers come from
        # blends that have not: only they may be scored.
        predicted=held_out.answers[-1],
        levels=held_out.answers,
        **how,
    )


if __name__ == "__main__":
    command_line.run(main)
