"""Recipes: how the training scripts train, as data. "plain" is quick; "best" is what found points best in a given time.

What each ingredient of the best ones brought is in the README, with the command that measured it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nnscratch.history import Metric
from nnscratch.keypoints.cascade.regions import Region, one_per_point
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential
from nnscratch.optimizers import Adam, schedules
from nnscratch.training.batches import Augment
from nnscratch.training.trainer import Trainer


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: by Adam, with a learning rate that rises a little, then falls to 0 along a cosine.

    network      : its name in the script
    epochs       : times to go through the data; with a time limit, at most so many
    lr           : the highest learning rate
    warmup       : share of the training in which the learning rate rises
    batch_size   : rows a step
    weight_decay : of Adam, decoupled
    average      : decay of averaged weights; None: the last weights themselves
    clip_norm    : largest norm of a gradient; None: any
    augment      : what is done to every batch anew; None: nothing
    both_ways    : look at pictures and at their mirror images, when points are wanted

    >>> Recipe("small", epochs=30).batch_size
    64
    """

    network: str
    epochs: int
    lr: float = 0.002
    warmup: float = 0.05
    batch_size: int = 64
    weight_decay: float = 0.0
    average: float | None = None
    clip_norm: float | None = None
    augment: Augment | None = None
    both_ways: bool = False

    def for_faces(self, faces: Faces) -> Recipe:
        """The recipe whose flips know how far the labels of these faces lie beside what they name (mirror.py)."""
        if not isinstance(self.augment, Augmentation) or not self.augment.flip:
            return self
        return replace(self, augment=replace(self.augment, offsets=LabelOffsets.of(faces)))

    def trainer(
        self, network: Sequential, *, seed: int, metric: Metric | None = None, progress: bool | None = None
    ) -> Trainer:
        """What trains `network` by this recipe, with a loss over the labelled points."""
        return Trainer(
            network,
            MSELoss(),
            Adam(network, lr=self.lr, weight_decay=self.weight_decay),
            batch_size=self.batch_size,
            lr=schedules.cosine(self.lr, 0.0, warmup=self.warmup),
            seed=seed,
            metric=metric,
            progress=progress,
            augment=self.augment,
            average=self.average,
            clip_norm=self.clip_norm,
        )


@dataclass(frozen=True)
class LevelRecipe:
    """How a level of a cascade after the first is trained (cascade/training.py).

    training : of each of its networks
    regions  : what each of them sees
    rotation : degrees; the largest turn of training crops beyond what errors of the level before bring
    scale    : the largest change of their size beyond that, as a share
    passes   : how often the level runs, each time around its last answers
    """

    training: Recipe
    regions: tuple[Region, ...]
    rotation: float = 8.0
    scale: float = 0.08
    passes: int = 2


@dataclass(frozen=True)
class CascadeRecipe:
    """How a cascade of two levels is trained.

    level_1 : how its first network is trained
    level_2 : how the networks of its second level are
    share   : of a time limit, for level 1
    """

    level_1: Recipe
    level_2: LevelRecipe
    share: float


_WARP = Augmentation(flip=0.5, rotation=12, scale=0.1, shift=1.0)
_EYE = (
    "left_eye_center",
    "left_eye_inner_corner",
    "left_eye_outer_corner",
    "left_eyebrow_inner_end",
    "left_eyebrow_outer_end",
)
_MOUTH = ("nose_tip", "mouth_left_corner", "mouth_right_corner", "mouth_center_top_lip", "mouth_center_bottom_lip")
_HALF = (*_EYE, "nose_tip", "mouth_left_corner")
# A network for each point, and one each for an eye, the mouth, half of the face and all of it, which learn how their
# points lie together. Held-out error: 1.388 px with the points, an eye and the mouth; about 1.36 px with these.
_POINTS_AND_PARTS = (
    *one_per_point(side=48, width=40),
    Region("eye", _EYE, side=48, width=40),
    Region("mouth", _MOUTH, side=48, width=40),
    Region("half_face", _HALF, side=64, width=64),
    Region("face", POINTS, side=96, width=84),
)

MLP = {
    "plain": Recipe("plain", epochs=30, lr=0.0005),
    "best": Recipe("wide", epochs=300, lr=0.001, weight_decay=0.02, average=0.998, augment=_WARP, both_ways=True),
}
CNN = {
    "plain": Recipe("small", epochs=30),
    "best": Recipe("deep", epochs=100, warmup=0.1, weight_decay=0.001, average=0.998, augment=_WARP, both_ways=True),
}
CASCADE = {
    "plain": CascadeRecipe(
        level_1=Recipe("small", epochs=20),
        level_2=LevelRecipe(Recipe("small", epochs=6), regions=one_per_point(side=32, width=32)),
        share=0.4,
    ),
    "best": CascadeRecipe(
        # Level 1 only has to place the crops: whether it ended at 1.58, 1.65, 1.67 or 1.89 px, level 2 (one pass) ended
        # at 1.40, 1.40, 1.41 or 1.42 px. So it is short, whatever the machine; the time goes to level 2.
        level_1=replace(CNN["best"], epochs=10),
        level_2=LevelRecipe(
            Recipe("deep", epochs=40, warmup=0.1, weight_decay=0.001, average=0.998), regions=_POINTS_AND_PARTS
        ),
        share=0.1,
    ),
}
