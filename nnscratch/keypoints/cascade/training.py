"""The training of one more level of a cascade.

    1. networks   one per region, or as many as the time allows (plan.py), side by side on the
                  cores, on displaced crops (region_crops.py)
                  (with several ranks each trains some of them: they need nothing of one another,
                  while the sum of their gradients would take longer than their small steps)
    2. blends     of what they find with what was known before (fit_blends.py)

Why displaced by held-out errors: a level's errors on its own training faces are too small. So the
next level trains on crops centred on truth + error, and the error is one that the level made on a
held-out face, in px of an upright face: thus the error of a tilted face fits any other.

Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection" (2013),
section 3, who draw shifts from a range chosen by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nnscratch.history import History, Outcome
from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.fit_blends import fit_blends, seconds_per_face
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.plan import cores_of, first_regions, seconds_per_epoch
from nnscratch.keypoints.cascade.region_crops import (
    ROTATION,
    SCALE,
    RegionCrops,
    has_labels,
    validation_crops,
    with_filled,
)
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.start import start_from_mean
from nnscratch.metric import Metric
from nnscratch.model import Sequential
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.checkpoint import OnError
from nnscratch.training.side_by_side import Job, train_on_ranks
from nnscratch.training.stopping import Stop

_ROWS_TO_START_FROM = 512


@dataclass(frozen=True)
class LevelRecipe:
    """How a level of a cascade after the first is trained (cascade/training.py).

    training : how each of its networks is trained, and made: by network(rng, region), from
        (N, side, side, 1) to (N, 2 G)
    regions  : what each of them sees, the most useful first
    least_share : the share of its epochs that each network has to get. If the time is too short for
        that, the last ones of `regions` are left out, as long as each point still has a network
        that finds it. 0: none is left out
    rotation : degrees; the largest turn of training crops, beyond that of the errors before
    scale    : the largest change of their size beyond that, as a share
    passes   : how often the level runs, each time around its last answers
    """

    training: Recipe
    regions: tuple[Region, ...]
    least_share: float = 0.0
    rotation: float = ROTATION
    scale: float = SCALE
    passes: int = 2


@dataclass(frozen=True)
class CascadeRecipe:
    """How a cascade of two levels is trained.

    level_1 : how its first network is trained
    level_2 : how the networks of its second level are trained
    share   : the share of a time limit that level 1 gets
    """

    level_1: Recipe
    level_2: LevelRecipe
    share: float

    @property
    def held_out(self) -> float:
        """The share of the faces that validates: that of level 1."""
        return self.level_1.held_out


@dataclass(frozen=True)
class LevelData:
    """What a level is trained on.

    train    : the faces that the levels before were trained on
    held_out : other faces with the answers of the cascade so far: their errors displace the crops,
        and they judge
    """

    train: Faces
    held_out: CascadeAnswers


@dataclass(frozen=True)
class TrainedLevel:
    """A cascade with one more level, and what came of its training.

    cascade   : with the new level
    held_out  : the held-out faces with the new level's answers, by blends that were fitted without
        these faces; `CascadeAnswers.in_conventions` moves them to where the labels of each are
    histories : region's name -> history
    """

    cascade: Cascade
    held_out: CascadeAnswers
    histories: dict[str, History]


def train_level(
    cascade: Cascade,
    recipe: LevelRecipe,
    data: LevelData,
    *,
    seed: int = 0,
    seconds: float | None = None,
    checkpoints: Path | None = None,
    on_checkpoint_error: OnError | None = None,
    stop: Stop | None = None,
    trained: Callable[[Cascade, dict[str, History]], object] | None = None,
    kept: Callable[[str, float], float] | None = None,
    ranks: Ranks | None = None,
) -> TrainedLevel:
    """Trains a network for each region, side by side, and adds them to the cascade as a level.

    cascade : the levels before
    recipe  : the regions, and how their networks are made and trained. A region without labels in
        the training or in the held-out faces, or whose network diverges, is left out
    data    : the faces
    seed    : the same seed gives the same level
    seconds : for all of it; None: as long as the recipe's epochs take
    checkpoints : folder; in its folder level_2, or 3, ..., each network has the checkpoint from
        which it goes on; None: none
    on_checkpoint_error, stop : as for `Trainer.fit`, of every network. A network that was stopped
        before its first epoch is left out, too
    trained : is called before the blends are fitted, with the cascade, whose new level has none and
        thus changes no answer, and the histories: the networks can be saved then
    kept : is given a number's name and value, and returns the value that it had when this level was
        begun: a level that goes on has the networks that it began with. None: begun now
    ranks : processes that share the networks out among them; each calls this with the same faces,
        and gets the same level. Rank 0's `seconds` and `trained` count. None: this one alone

    Raises
        CheckpointError : a checkpoint is damaged, or of other code, data or settings
        OSError : the folder of the checkpoints cannot be made
    """
    ranks = Ranks(None) if ranks is None else ranks
    seconds = ranks.from_first(lambda: seconds)
    deadline = None if seconds is None else time.perf_counter() + seconds
    number = len(cascade.levels) + 2
    title = f"level {number}"
    lesson = _Lesson.of(cascade, recipe, data, seed)
    networks = {
        region: recipe.training.network(np.random.default_rng([seed, number, k]), region)
        for k, region in enumerate(recipe.regions)
        if lesson.has_labels(region)
    }
    jobs = {region.name: lesson.job(region, network) for region, network in networks.items()}
    time_limit, costs = None, None
    if deadline is not None:
        if recipe.least_share > 0:
            costs = ranks.from_first(lambda: seconds_per_epoch(jobs))
            networks = lesson.in_time(deadline, networks, costs, ranks, kept)
            jobs = {region.name: jobs[region.name] for region in networks}
        time_limit = lesson.seconds_for_networks(deadline, networks)
    if checkpoints is not None:
        checkpoints = checkpoints / f"level_{number}"
        checkpoints.mkdir(parents=True, exist_ok=True)
    histories = train_on_ranks(
        ranks, jobs, epochs=recipe.training.epochs, seconds=time_limit, costs=costs, title=title,
        checkpoints=checkpoints, on_checkpoint_error=on_checkpoint_error, stop=stop,
    )  # fmt: skip
    usable = {  # the answers of a network that diverged may be NaN
        region: network
        for region, network in networks.items()
        if histories[region.name].outcome is not Outcome.DIVERGED and len(histories[region.name])
    }
    if trained is not None and ranks.is_first:
        trained(replace(cascade, levels=(*cascade.levels, _level(usable))), histories)
    level, answers = ranks.from_first(lambda: fit_blends(
        _level(usable), cascade.reference, lesson.train, lesson.held_out,
        passes=recipe.passes, sets=cascade.conventions.sets_apart, title=f"{title}, blends",
    ))  # fmt: skip
    return TrainedLevel(
        replace(cascade, levels=(*cascade.levels, level)),
        replace(data.held_out, answers=[*data.held_out.answers, answers]),
        histories,
    )


@dataclass(frozen=True)
class _Lesson:
    """What the networks of a level share while they are trained.

    reference : (15, 2) px, the cascade's
    train     : the training faces with the answers of the levels before; all labels in one
        convention (geometry/conventions.py)
    x, y      : the same faces for RegionCrops: (N, 96, 96, 1) and (N, 2, 30) float32
    held_out  : other faces with these answers; labels in the same convention
    offsets   : the label offsets of the training faces
    """

    reference: np.ndarray
    recipe: LevelRecipe
    train: CascadeAnswers
    x: np.ndarray
    y: np.ndarray
    held_out: CascadeAnswers
    offsets: LabelOffsets
    seed: int

    @classmethod
    def of(cls, cascade: Cascade, recipe: LevelRecipe, data: LevelData, seed: int) -> _Lesson:
        train, held_out = (each.alike(cascade) for each in (CascadeAnswers.of(cascade, data.train), data.held_out))
        y = with_filled(train.faces.points, train.answers[-1])
        offsets = LabelOffsets.of(train.faces)
        return cls(cascade.reference, recipe, train, data.train.x, y, held_out, offsets, seed)

    def has_labels(self, region: Region) -> bool:
        """Whether there are faces to learn the region from, and held-out faces to judge it."""
        labelled = has_labels(region, self.train.faces.points)
        return bool(labelled.any() and len(self.held_out.errors(region, self.reference)))

    def job(self, region: Region, network: Sequential) -> Job:
        """The training of a region's network, which starts from the mean answer."""
        recipe, labelled = self.recipe, has_labels(region, self.train.faces.points)
        errors = self.held_out.errors(region, self.reference)
        augment = RegionCrops(
            region, self.reference, errors, self.offsets, rotation=recipe.rotation, scale=recipe.scale
        )
        few = np.flatnonzero(labelled)[:_ROWS_TO_START_FROM]
        start_from_mean(network, augment(self.x[few], self.y[few], np.random.default_rng(self.seed))[1])
        trainer = replace(recipe.training, augment=augment).trainer(
            network, seed=self.seed + self.recipe.regions.index(region), metric=_rmse_px(region), progress=False
        )
        # All networks share one array of pictures. Selected rows are a copy, which only pays if
        # they are few.
        x, y = (self.x, self.y) if labelled.mean() > 0.9 else (self.x[labelled], self.y[labelled])
        return trainer, x, y, validation_crops(region, self.reference, self.held_out, self.offsets)

    def in_time(
        self,
        deadline: float,
        networks: dict[Region, Sequential],
        costs: dict[str, float],
        ranks: Ranks,
        kept: Callable[[str, float], float] | None,
    ) -> dict[Region, Sequential]:
        """The first of the networks: those that get enough of their epochs (plan.py)."""
        cores = cores_of(ranks)

        def count() -> int:
            seconds = [self.recipe.training.epochs * costs[region.name] for region in networks]
            limit = self.seconds_for_networks(deadline, networks)
            first = first_regions(list(networks), seconds, core_seconds=limit * cores, least=self.recipe.least_share)
            return first if kept is None else int(kept("networks", first))

        return dict(list(networks.items())[: ranks.from_first(count)])

    def seconds_for_networks(self, deadline: float, networks: dict[Region, Sequential]) -> float:
        """Seconds to train the networks: the time left less the blends'; at least half of it."""
        left = deadline - time.perf_counter()
        faces = self.recipe.passes * (len(self.train.faces) + len(self.held_out.faces))
        return max(left / 2, left - faces * seconds_per_face(_level(networks), self.reference, self.train))


def _level(networks: dict[Region, Sequential]) -> Level:
    """A level without blends."""
    return Level(tuple(networks), tuple(networks.values()), ())


def _rmse_px(region: Region) -> Metric:
    """The error of a region's network in pixels of a face of average size."""
    half = (region.side - 1) / 2 * region.width / region.side
    return Metric("rmse_px", "px", lambda y, target: half * float(np.sqrt(np.nanmean(np.square(y - target)))))
