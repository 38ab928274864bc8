"""Predictors find points in pictures: a network or a cascade, saved to and loaded from a folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from nnscratch import atomic, checkpoints
from nnscratch.file_set import one_set
from nnscratch.keypoints.cascade.cascade import MODEL_FILE, Cascade
from nnscratch.keypoints.faces import COLUMNS, POINTS, SIDE, to_network_input, to_points
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.mirror_pass import both_ways
from nnscratch.model import Sequential


class Predictor(Protocol):
    """Pictures in, points out."""

    def predict_points(self, images: np.ndarray) -> np.ndarray:
        """(N, 15, 2) float32 px from (N, 96, 96) uint8."""
        ...

    def save(self, folder: Path) -> list[str]:
        """Writes what `load_predictor` needs into `folder`, which exists; returns the files' names.

        Raises
            OSError : the folder cannot be written
        """
        ...


@dataclass(frozen=True)
class SingleNetwork:
    """One network, from whole pictures (N, 96, 96, 1) to all points (N, 30).

    both_ways : whether its answers for the picture and for the mirror image are averaged
        (mirror_pass.py)

    >>> from nnscratch.keypoints.networks import report_mlp
    >>> SingleNetwork(report_mlp(rng=0)).predict_points(np.zeros((2, 96, 96), np.uint8)).shape
    (2, 15, 2)
    """

    network: Sequential
    both_ways: bool = False

    FILE = "network.json"

    def predict_points(self, images: np.ndarray) -> np.ndarray:
        """(N, 15, 2) float32 px from (N, 96, 96) uint8."""
        x = to_network_input(images)
        return to_points(both_ways(self.network, x)[0] if self.both_ways else self.network.predict(x))

    def save(self, folder: Path) -> list[str]:
        """Writes model.npz and network.json into `folder`, which exists; returns their names.

        Raises
            OSError : the folder cannot be written
        """
        checkpoints.save(self.network, folder / MODEL_FILE)
        with atomic.write(folder / self.FILE) as temporary:
            temporary.write_text(json.dumps({"both_ways": self.both_ways}) + "\n")
        return [MODEL_FILE, self.FILE]

    @classmethod
    def load(cls, folder: Path) -> SingleNetwork:
        """The network that `save` wrote to `folder`; without network.json, both_ways is False.

        Raises
            OSError, ValueError : a file is missing or damaged
        """
        description = folder / cls.FILE
        try:
            settings = json.loads(description.read_text()) if description.exists() else {}
            ways = bool(settings.get("both_ways", False))
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{description}: got a damaged file ({error!r}), expected JSON; train again") from None
        return cls(checkpoints.load(folder / MODEL_FILE), ways)


def load_predictor(folder: str | os.PathLike[str]) -> Predictor:
    """The network or cascade that a training script wrote to `folder`, its run folder.

    Raises
        DataError : the folder is not that of a run, or a model in it is damaged
    """
    folder = Path(folder)
    try:
        with one_set(folder, MODEL_FILE):
            return _load(folder)
    except OSError as error:
        missing = Path(error.filename or MODEL_FILE).name
        came = f"a folder without {missing}" if folder.is_dir() else "no such folder"
        fix = "give the --out folder of a training script"
        raise DataError.at(str(folder), came=came, expected="the folder of a finished run", fix=fix) from None
    except ValueError as error:
        raise DataError(str(error)) from None


def _load(folder: Path) -> Predictor:
    if (folder / Cascade.FILE).exists():
        cascade = Cascade.load(folder)
        _check_network(folder, cascade.level_1)
        return cascade
    single = SingleNetwork.load(folder)
    _check_network(folder, single.network)
    return single


def _check_network(folder: Path, network: Sequential) -> None:
    """Raises DataError for a model that was trained for something else."""
    shape: tuple[int, ...] = (SIDE, SIDE, 1)
    try:
        for layer in network.layers:
            shape = layer.output_shape(shape)
        came = f"a network with outputs {shape}"
    except ValueError as error:
        came = str(error)
    if shape != (len(COLUMNS),):
        expected = f"a network from {SIDE} x {SIDE} pictures to {len(POINTS)} points"
        raise DataError.at(str(folder / MODEL_FILE), came=came, expected=expected, fix="give another folder")
