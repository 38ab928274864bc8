"""The networks of a run by their names, each with what it is trained on: faces, or crops of them.

level_1             a cascade's first network; "model" is another name, as of a single network
level_2_nose_tip_32 the one in the file of this name; level_2_nose_tip is enough if only one
                    begins so
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from nnscratch.files.json_files import Record
from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.region_crops import has_labels, training_crops
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.predictors import Predictor, SingleNetwork
from nnscratch.keypoints.splits import split_apart, split_random
from nnscratch.messages import shown
from nnscratch.model import Sequential

_FIRST = "model"  # a run's first network, by its file
_MOST_FACES = 1000  # of which crops are made: enough for a diagnosis


@dataclass(frozen=True)
class Part:
    """A network of a run.

    name    : as in `parts_of`
    network : the network
    level   : of a cascade
    before  : the levels before it; None: it sees whole pictures
    region  : what it sees of them; None: everything
    """

    name: str
    network: Sequential
    level: int = 1
    before: Cascade | None = None
    region: Region | None = None

    @property
    def history_file(self) -> str:
        """The file of its history, in the run's folder."""
        return "history.csv" if self.region is None else f"{self.region.name}_history.csv"

    def config(self, config: Record) -> Record:
        """How metrics.json says that it was trained. What a later level has of its own counts."""
        prefix = f"level_{self.level}_"
        own = {name.removeprefix(prefix): value for name, value in config.fields.items() if name.startswith(prefix)}
        return Record({**config.fields, **own}, "config.")

    def crops(self, faces: Faces, *, seed: int, drawn: bool) -> tuple[np.ndarray, np.ndarray] | None:
        """(x, y): crops of the faces, as training makes them; None: it sees whole faces.

        A part of the faces is held out, as in the training: the errors of the levels before on
        these displace the crops of the others. At most 1000 faces with labels for it are taken.

        drawn : whether they were drawn: none looks like another then

        Raises
            ValueError : too few faces have its points
        """
        if self.before is None or self.region is None:
            return None
        faces = faces.select(np.flatnonzero(has_labels(self.region, faces.points))[:_MOST_FACES])
        if len(faces) < 2:
            raise ValueError(
                f"{self.name}: got {len(faces)} faces with its points, expected at least two; give other --data"
            )
        sides = (split_random if drawn else split_apart)(faces, 0.15, seed=seed)
        train, held_out = (CascadeAnswers.of(self.before, side) for side in sides)
        return training_crops(self.region, self.before.reference, train, held_out, seed=seed)


def parts_of(predictor: Predictor) -> list[Part]:
    """The networks of a run, in order; none of a predictor of a kind of one's own."""
    if isinstance(predictor, SingleNetwork):
        return [Part(_FIRST, predictor.network)]
    if not isinstance(predictor, Cascade):
        return []
    parts = [Part("level_1", predictor.level_1)]
    for number, level in enumerate(predictor.levels, 2):
        before = replace(predictor, levels=predictor.levels[: number - 2])
        for region, network in zip(level.regions, level.networks, strict=True):
            parts.append(Part(f"level_{number}_{region.name}", network, number, before, region))
    return parts


def chosen_part(predictor: Predictor, name: str | None, run: str) -> Part:
    """The network of this name; None: the first.

    run : for the message

    Raises
        ValueError : there is none, or more than one begins so; the message has the names
    """
    parts = parts_of(predictor)
    if not parts:
        raise ValueError(f"{run}: got a {type(predictor).__name__}, expected one network; give another folder")
    if name is None or name == _FIRST:
        return parts[0]
    exact = [part for part in parts if part.name == name]
    # A region's name ends with the width of its crop.
    shortened = [part for part in parts if re.fullmatch(rf"{re.escape(name)}_[0-9.]+", part.name)]
    for found in (exact, shortened):
        if len(found) == 1:
            return found[0]
    names = ", ".join(part.name for part in parts)
    raise ValueError(f"{run}: got the network {shown(name)}, expected one of {names}; give one with --network")
