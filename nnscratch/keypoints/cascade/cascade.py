"""A cascade: one network finds all points in the picture, then others find them again in crops.

    level 1   p1 = all points, from the picture and its mirror image
    level 2   pass 1: for each region, crop it from the picture, upright, around p1, and find its
                      points in the crop;
                      p = what the regions' networks found, blended with p1 (blending.py)
              pass 2: the same networks on crops around p; p2 = what they found, blended with p
    level 3   the same with other networks, around p2, and so on

A network that sees only a mouth, always upright and of one size, can be wrong in fewer ways than
one that sees a whole picture. What it cannot see, where the mouth is in the face and in the
picture, the blend adds. And a point is found more accurately the nearer it is to the middle of its
crop: hence the second pass.

Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection" (2013).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch import checkpoints
from nnscratch.files import array_files, atomic, json_files
from nnscratch.files.array_files import Form
from nnscratch.files.json_files import Record
from nnscratch.files.stored_files import told
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.level import PICTURES, Level, check_answers, row_blocks
from nnscratch.keypoints.cascade.onnx_levels import add_cascade
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import POINTS, SIDE, Faces, to_network_input, to_points
from nnscratch.keypoints.geometry.conventions import LabelConventions
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.loaded_networks import load_network
from nnscratch.keypoints.metrics import mean_face
from nnscratch.keypoints.mirror_pass import both_ways
from nnscratch.keypoints.onnx_graphs.graph_file import write_graph
from nnscratch.messages import shown
from nnscratch.model import Sequential

MODEL_FILE = "model.npz"
_ARRAYS_FILE = "cascade.npz"
_PASSES = "looks"  # the name, in cascade.json, of how often a level runs
_SETS = "sets"  # the name, in cascade.json, of those with a blend of their own
_MOST_LEVELS, _MOST_REGIONS, _MOST_PASSES, _MOST_SETS = 20, 100, 100, 100


@dataclass(frozen=True)
class Cascade:
    """Level 1 and the levels after it. Without any, its answers are those of its first network.

    level_1   : network from (N, 96, 96, 1) to (N, 30)
    reference : (15, 2) px, a symmetrical mean face: it defines upright and average size
    levels    : level 2, level 3, ...
    conventions : of the sources of labels; all levels after the first answer in one of them
    """

    level_1: Sequential
    reference: np.ndarray
    levels: tuple[Level, ...] = ()
    conventions: LabelConventions = field(default_factory=LabelConventions)

    FILE = "cascade.json"

    @classmethod
    def begun(cls, level_1: Sequential, faces: Faces) -> Cascade:
        """The cascade of a first network, by the faces that it was trained on."""
        first = cls(level_1, symmetrical(mean_face(faces.points)))
        answers, reference = first.predict_levels(faces.images)[0], first.reference
        conventions = LabelConventions.of(faces.points, answers, lambda: level_1[:-1].predict(faces.x), reference)
        return replace(first, conventions=conventions)

    def predict_points(self, images: np.ndarray, asked: np.ndarray | None = None) -> np.ndarray:
        """(N, 15, 2) float32 px from (N, 96, 96) uint8.

        asked : (N, 15) bool, the points that are asked for: if some of the training faces had
            labels for these alone, the answers are in the convention of these labels. None: all
        """
        answers = self.answers(images, asked)[0][-1]
        if asked is not None and self.levels:
            answers = self.conventions.added(answers, asked, self.reference)
        return answers.astype(np.float32)

    def predict_levels(self, images: np.ndarray) -> list[np.ndarray]:
        """The answers of each level: (N, 15, 2) float64 px from (N, 96, 96) uint8."""
        return self.answers(images)[0]

    def answers(
        self, images: np.ndarray, asked: np.ndarray | None = None, *, at_once: int = PICTURES
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Each level's answers, (N, 15, 2) float64 px, and each face's label offset, (N,) px.

        images  : (N, 96, 96) uint8
        asked   : (N, 15) bool, the points that are asked for, as for `Level`; None: all
        at_once : so many pictures at a time
        """
        with np.errstate(over="ignore", invalid="ignore"):  # told by check_answers
            parts = [
                self._answers(to_network_input(images[rows]), None if asked is None else asked[rows])
                for rows in row_blocks(len(images), at_once)
            ]
        levels, offsets = zip(*parts, strict=True)
        return [np.concatenate(answers) for answers in zip(*levels, strict=True)], np.concatenate(offsets)

    def _answers(self, x: np.ndarray, asked: np.ndarray | None) -> tuple[list[np.ndarray], np.ndarray]:
        """As `answers`, from x (N, 96, 96, 1) float32, all at once."""
        y, offset = both_ways(self.level_1, x)
        levels = [to_points(y).astype(np.float64)]
        check_answers("Cascade", levels[0])
        for level in self.levels:
            levels.append(level(x, levels[-1], offset, self.reference, asked))
        return levels, offset

    def export_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Writes the whole cascade as one ONNX graph; returns its file.

        The graph takes "images", (N, 96, 96) uint8, and gives "points", (N, 15, 2) float32 px: what
        `predict_points` gives. It needs neither nnscratch nor NumPy. Nothing in it raises an error:
        where `predict_points` raises NotFiniteError, its points are mostly NaN or far outside.

        path : the file, or a folder, which gets "cascade.onnx"

        Raises
            ImportError : the package onnx is missing: pip install 'nnscratch[onnx]'
            ValueError  : a network has a layer of one's own, is of float64, or does not fit
            NotFiniteError : a weight is NaN or infinite
            OSError     : the file cannot be written

        >>> import tempfile, nnscratch as nn
        >>> level_1 = nn.Sequential(nn.MaxPool2D(16), nn.Flatten(), nn.Dense(36, 30, rng=0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Cascade(level_1, reference=np.zeros((15, 2))).export_onnx(folder).name
        'cascade.onnx'
        """
        return write_graph(
            "Cascade.export_onnx", path, "cascade.onnx", lambda graph, x: add_cascade(graph, self, x), what="A cascade"
        )

    def save(self, folder: Path) -> list[str]:
        """Writes the cascade's files into `folder`, which exists; returns their names."""
        files = [MODEL_FILE]
        checkpoints.save(self.level_1, folder / MODEL_FILE)
        arrays: dict[str, Any] = {"reference": self.reference}
        for number, level in enumerate(self.levels, 2):
            for region, network in zip(level.regions, level.networks, strict=True):
                files.append(_network_file(number, region))
                checkpoints.save(network, folder / files[-1])
            for key, blend in zip(_blend_keys(number, len(level.blends), level.by_set), _blends(level), strict=True):
                arrays |= {f"{key}.{name}": value for name, value in vars(blend).items()}
        if offsets := self.conventions.offsets:
            arrays["conventions"] = np.stack([*offsets.values()])
        array_files.write(folder / _ARRAYS_FILE, {name: np.asarray(value) for name, value in arrays.items()})
        description: dict[str, Any] = {"levels": [_description(level) for level in self.levels]}
        if offsets:
            description["conventions"] = [*offsets]
        atomic.write_text(folder / self.FILE, json.dumps(description, indent=1) + "\n")
        return [*files, _ARRAYS_FILE, self.FILE]

    @classmethod
    def load(cls, folder: Path, *, allow_not_finite: bool = False) -> Cascade:
        """The cascade that `save` wrote to `folder`.

        allow_not_finite : as for `nnscratch.load`, for level 1

        Raises
            OSError, ValueError : a file is missing or damaged
        """
        with told(folder / cls.FILE, came="a damaged cascade", expected="what a training wrote", fix="train again"):
            content = Record(json_files.read(folder / cls.FILE))
            described = [_Described.of(record) for record in content.records("levels", most=_MOST_LEVELS)]
            sets = _described_sets(content, "conventions")
            keys = [_blend_keys(number, each.passes, each.sets) for number, each in enumerate(described, 2)]
            arrays = array_files.read(folder / _ARRAYS_FILE, _forms(keys, len(sets)))
            levels = tuple(_load_level(folder, number, each, arrays) for number, each in enumerate(described, 2))
            reference = arrays["reference"]
            if not (np.abs(reference - SIDE / 2) <= 1.5 * SIDE).all():
                raise ValueError(f"its reference has points beyond {-SIDE}..{2 * SIDE} px")
            conventions = LabelConventions(dict(zip(sets, arrays.get("conventions", ()), strict=True)))
        path = folder / MODEL_FILE
        level_1 = load_network(path, SIDE, len(POINTS), allow_not_finite=allow_not_finite)
        return cls(level_1, reference, levels, conventions)


@dataclass(frozen=True)
class _Described:
    """A level as cascade.json describes it; `sets` have a blend of their own."""

    regions: tuple[Region, ...]
    passes: int
    sets: list[int]

    @classmethod
    def of(cls, record: Record) -> _Described:
        regions = []
        for each in record.records("regions", most=_MOST_REGIONS):
            each.only(("name", "points", "side", "width", "window"))
            points = tuple(str(point) for point in each.items("points", most=len(POINTS)))
            side = each.whole_number("side", least=2, most=10_000)
            width = each.number("width", least=0, most=1e6)
            window = each.whole_number("window", 0, least=0, most=10_000)
            regions.append(Region(each.text("name"), points, side, width, window))
        if len({region.name for region in regions}) < len(regions):
            raise ValueError("two regions of a level have one name")
        passes = record.whole_number(_PASSES, least=0, most=_MOST_PASSES)
        return cls(tuple(regions), passes, _described_sets(record, _SETS))


def _description(level: Level) -> dict[str, Any]:
    """What `_Described.of` reads."""
    described = {_PASSES: len(level.blends), "regions": [asdict(region) for region in level.regions]}
    return described | ({_SETS: [*level.by_set]} if level.by_set else {})


def _described_sets(record: Record, name: str) -> list[int]:
    """The sets of points, as bits, in the field `name`; none if there is no such field."""
    sets = record.items(name, most=_MOST_SETS) if name in record.fields else []
    are_sets = all(type(each) is int and 0 < each < 1 << len(POINTS) for each in sets)
    if not are_sets or len(set(sets)) < len(sets):
        raise ValueError(f"its {name} are {shown(str(sets))}, expected numbers of sets, each once")
    return sets


def _blend_keys(number: int, passes: int, sets: Iterable[int]) -> list[str]:
    """What the names of a level's blends in cascade.npz begin with: one per pass, one per set."""
    return [f"{number}.{each}" for each in [*range(passes), *(f"set_{value}" for value in sets)]]


def _blends(level: Level) -> list[Blend]:
    """A level's blends in the order of their keys."""
    return [*level.blends, *level.by_set.values()]


def _forms(keys: list[list[str]], sets: int = 0) -> dict[str, Form]:
    """What cascade.npz must hold, for the keys of each level's blends and so many conventions."""
    forms = {"reference": Form(np.dtype(np.float64), (len(POINTS), 2))}
    if sets:
        forms["conventions"] = Form(np.dtype(np.float64), (sets, len(POINTS), 2))
    for key in chain.from_iterable(keys):
        forms |= {f"{key}.{name}": Form(np.dtype(dtype), shape) for name, (shape, dtype) in Blend.FORMS.items()}
    return forms


def _load_level(folder: Path, number: int, described: _Described, arrays: dict[str, np.ndarray]) -> Level:
    blends = []
    for key in _blend_keys(number, described.passes, described.sets):
        weight, bias, is_off, strength = (arrays[f"{key}.{name}"] for name in Blend.FORMS)
        blends.append(Blend(weight, bias, is_off, float(strength)))
    regions = described.regions
    files = [folder / _network_file(number, region) for region in regions]
    networks = [
        load_network(path, region.side, len(region.points)) for path, region in zip(files, regions, strict=True)
    ]
    by_set = dict(zip(described.sets, blends[described.passes :], strict=True))
    return Level(regions, tuple(networks), tuple(blends[: described.passes]), by_set)


def _network_file(number: int, region: Region) -> str:
    return f"level_{number}_{region.name}.npz"
