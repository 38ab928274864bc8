"""Predictors find points in pictures: a network or a cascade, saved to and loaded from a folder."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from nnscratch import checkpoints
from nnscratch.files import atomic, json_files
from nnscratch.files.file_set import one_set
from nnscratch.files.json_files import Record
from nnscratch.files.stored_files import told
from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.cascade.cascade import MODEL_FILE, Cascade
from nnscratch.keypoints.cascade.level import check_answers
from nnscratch.keypoints.faces import POINTS, SIDE, to_network_input, to_points
from nnscratch.keypoints.kaggle.files import DataError, unreadable
from nnscratch.keypoints.loaded_networks import load_network
from nnscratch.keypoints.mirror_pass import both_ways
from nnscratch.keypoints.onnx_graphs.graph_file import write_graph
from nnscratch.keypoints.onnx_graphs.networks import add_both_ways, add_points
from nnscratch.model import Sequential


class Predictor(Protocol):
    """Pictures in, points out."""

    def predict_points(self, images: np.ndarray, asked: np.ndarray | None = None) -> np.ndarray:
        """(N, 15, 2) float32 px from (N, 96, 96) uint8.

        asked : (N, 15) bool, the points that are asked for: they tell a cascade what labels it is
            compared with (`Cascade.predict_points`), and a single network nothing. None: all

        Raises
            NotFiniteError : the weights are so large that the answers are NaN or infinite
        """
        ...

    def export_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Writes one ONNX graph that answers as `predict_points`; returns its file.

        path : the file, or a folder

        Raises
            ImportError, ValueError, OSError : as `Cascade.export_onnx`
        """
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

    def predict_points(self, images: np.ndarray, asked: np.ndarray | None = None) -> np.ndarray:
        """(N, 15, 2) float32 px from (N, 96, 96) uint8, whatever is asked for."""
        x = to_network_input(images)
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            y = both_ways(self.network, x)[0] if self.both_ways else self.network.predict(x)
            points = to_points(y)
        check_answers("SingleNetwork", points)
        return points

    def export_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Writes the network, and its mirror pass, as one ONNX graph; returns its file.

        The graph, and what is raised, are as of `Cascade.export_onnx`.

        path : the file, or a folder, which gets "network.onnx"

        >>> import tempfile, nnscratch as nn
        >>> network = nn.Sequential(nn.MaxPool2D(16), nn.Flatten(), nn.Dense(36, 30, rng=0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     SingleNetwork(network, both_ways=True).export_onnx(folder).name
        'network.onnx'
        """

        def add(graph: Graph, x: str) -> str:
            return add_both_ways(graph, self.network, x)[0] if self.both_ways else add_points(graph, self.network, x)

        return write_graph("SingleNetwork.export_onnx", path, "network.onnx", add, what="A network")

    def save(self, folder: Path) -> list[str]:
        """Writes model.npz and network.json into `folder`, which exists; returns their names.

        Raises
            OSError : the folder cannot be written
        """
        checkpoints.save(self.network, folder / MODEL_FILE)
        atomic.write_text(folder / self.FILE, json.dumps({"both_ways": self.both_ways}) + "\n")
        return [MODEL_FILE, self.FILE]

    @classmethod
    def load(cls, folder: Path, *, allow_not_finite: bool = False) -> SingleNetwork:
        """The network that `save` wrote to `folder`; without network.json, both_ways is False.

        Raises
            OSError, ValueError : a file is missing or damaged
        """
        description = folder / cls.FILE
        ways = False
        with told(description, expected="JSON with both_ways", fix="train again"), suppress(FileNotFoundError):
            ways = Record(json_files.read(description, at_most=1 << 16)).flag("both_ways", False)
        path = folder / MODEL_FILE
        return cls(load_network(path, SIDE, len(POINTS), allow_not_finite=allow_not_finite), ways)


def load_predictor(folder: str | os.PathLike[str], *, allow_not_finite: bool = False) -> Predictor:
    """The network or cascade that a training script wrote to `folder`, its run folder.

    allow_not_finite : True takes a first network with NaN or infinite weights, to look into it

    Raises
        DataError : the folder is not that of a run, or a model in it is damaged
    """
    folder = Path(folder)
    try:
        with one_set(folder, MODEL_FILE):
            is_cascade = os.path.lexists(folder / Cascade.FILE)  # Path.exists() raises for some names
            kind = Cascade if is_cascade else SingleNetwork
            return kind.load(folder, allow_not_finite=allow_not_finite)
    except FileNotFoundError as error:
        missing = Path(error.filename or MODEL_FILE).name
        came = f"a folder without {missing}" if folder.is_dir() else "no such folder"
        fix = "give the --out folder of a training script"
        raise DataError.at(str(folder), came=came, expected="the folder of a finished run", fix=fix) from None
    except OSError as error:
        raise unreadable(str(error.filename or folder), error, is_archive=False) from None
    except ValueError as error:
        raise DataError(str(error)) from None


def export_onnx(run: str | os.PathLike[str] | Predictor, path: str | os.PathLike[str]) -> Path:
    """Writes the network or the cascade of a run as one ONNX graph; returns its file.

    run  : the folder that a training script wrote, or a predictor
    path : the file, or a folder; the graph is as of `Cascade.export_onnx`

    Raises
        DataError : as `load_predictor`
        ImportError, ValueError, OSError : as `Cascade.export_onnx`
    """
    predictor = load_predictor(run) if isinstance(run, str | os.PathLike) else run
    return predictor.export_onnx(path)
