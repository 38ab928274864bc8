"""Recipe: how a training script trains a network, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.losses import MSELoss
from nnscratch.metric import Metric
from nnscratch.model import Sequential
from nnscratch.optimizers import Adam, schedules
from nnscratch.training.batches import Augment
from nnscratch.training.trainer import Trainer

HELD_OUT = 0.15  # the share of the faces that validates, if a recipe has none of its own
Network = Callable[..., Sequential]  # makes a new network


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: by Adam, at a rate that rises to `lr`, then falls along a cosine.

    network      : the function that makes a new network, called as network(rng=...)
    epochs       : times to go through the data; a time limit may end the training earlier
    lr           : the highest learning rate
    warmup       : share of the training in which the learning rate rises
    batch_size   : rows per step
    weight_decay : of Adam, decoupled: each step takes lr * weight_decay of each weight away
    average      : decay of the averaged weights per step; None: no averaging
    augment      : changes every batch anew; None: no change
    both_ways    : average the answers for a picture and for its mirror image
    held_out     : the share of the faces that validates; the others are learnt from

    >>> from nnscratch.keypoints.networks import report_mlp
    >>> Recipe(report_mlp, epochs=30).batch_size
    64
    """

    network: Network
    epochs: int
    lr: float = 0.002
    warmup: float = 0.05
    batch_size: int = 64
    weight_decay: float = 0.0
    average: float | None = None
    augment: Augment | None = None
    both_ways: bool = False
    held_out: float = HELD_OUT

    def for_faces(self, faces: Faces) -> Recipe:
        """The recipe whose augmentation knows the label offset of these faces, to mirror them."""
        if not isinstance(self.augment, Augmentation) or not self.augment.flip:
            return self
        return replace(self, augment=replace(self.augment, offsets=LabelOffsets.of(faces)))

    def trainer(
        self, network: Sequential, *, seed: int, metric: Metric | None = None, progress: bool | None = None
    ) -> Trainer:
        """The Trainer that the scripts write out: it trains `network` by this recipe."""
        return Trainer(
            network,
            MSELoss(),
            Adam(network, lr=self.lr, weight_decay=self.weight_decay),
            batch_size=self.batch_size,
            lr=schedules.cosine(self.lr, 0.0, warmup=self.warmup),
            augment=self.augment,
            average=self.average,
            seed=seed,
            metric=metric,
            progress=progress,
        )

    def settings(self) -> dict[str, object]:
        """All fields, ready for JSON: the network by its function's name, the augmentation as text.

        >>> from nnscratch.keypoints.networks import report_mlp
        >>> settings = Recipe(report_mlp, epochs=30).settings()
        >>> settings["network"], settings["epochs"], settings["augment"]
        ('report_mlp', 30, None)
        """
        values: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        augment = None if self.augment is None else repr(self.augment)
        return values | {"network": getattr(self.network, "__name__", repr(self.network)), "augment": augment}
