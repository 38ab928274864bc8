"""What a command looks into: the network of a run, or a published one by its name, with faces."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nnscratch as nn
from nnscratch.commands import Parser
from nnscratch.files import json_files
from nnscratch.files.file_set import one_set
from nnscratch.files.json_files import Record
from nnscratch.files.stored_files import told
from nnscratch.keypoints.cascade.cascade import MODEL_FILE
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.archives import ALL, TRAINING
from nnscratch.keypoints.kaggle.files import table_file
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.networks import NETWORKS
from nnscratch.keypoints.predictors import load_predictor
from nnscratch.keypoints.scripts.command_line import seed
from nnscratch.keypoints.scripts.outputs import check_outputs
from nnscratch.keypoints.scripts.parts import chosen_part
from nnscratch.keypoints.scripts.run_config import rate_of
from nnscratch.keypoints.scripts.run_files import METRICS_FILE, results_in
from nnscratch.keypoints.scripts.task import usable_rows
from nnscratch.messages import shown
from nnscratch.optimizers.base import Optimizer

_MOST = 10**15  # of any number in a config
_LR, _MOMENTUM = 0.01, 0.9  # of a network that no run has trained


@dataclass(frozen=True)
class Studied:
    """A network with what it was trained by, and faces.

    name      : for people: the run's folder, or the network's name
    network   : of a cascade one, its first if none was asked for
    faces     : shuffled
    optimizer : with no memory of earlier steps; None: the run does not say which it was
    history   : of the run; None: there is none
    crops     : (x, y) that a cascade's later network is trained on; None: the faces themselves
    """

    name: str
    network: nn.Sequential
    faces: Faces
    optimizer: Optimizer | None
    history: nn.History | None = None
    crops: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """(x, y) of the network."""
        return (self.faces.x, self.faces.y) if self.crops is None else self.crops


def add_subject(parser: Parser, *, parts: bool = False) -> None:
    """Adds RUN_DIR, --network, --data and --seed, which `studied` reads.

    parts : whether --network may also name a network of the run
    """
    parser.add_argument("run", nargs="?", type=Path, metavar="RUN_DIR", help="the --out folder of a training script")
    names = f"in place of a run: a network that has learnt nothing yet (default: {next(iter(NETWORKS))})"
    if parts:
        names = f"{names}, of {', '.join(NETWORKS)}; beside a cascade's run: one of its networks (default: level_1)"
        parser.add_argument("--network", metavar="NAME", help=names)
    else:
        parser.add_argument("--network", choices=list(NETWORKS), help=names)
    parser.add_argument(
        "--data", metavar="FILE", help=f"Kaggle's training.csv, .zip or .gz, or {ALL}; without it, faces are drawn"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of weights and drawn faces (default: %(default)s)")


def studied(parser: Parser, parsed: argparse.Namespace, drawn: int, *, parts: bool = False) -> Studied:
    """The run or the network that the command line asks for.

    drawn : how many faces are drawn if it names no file
    parts : as of `add_subject`

    Raises
        ValueError, OSError : a file is missing or damaged, or the run has no such network; an
            output would replace what is read
        SystemExit : both a run and a network are asked for, or there is no such network
    """
    inputs = [] if parsed.run is None else [parsed.run / name for name in results_in(parsed.run)]
    inputs += [table_file(parsed.data, TRAINING)] if parsed.data else []
    options = ("json", "html", "picture")
    check_outputs({f"--{name}": getattr(parsed, name) for name in options if hasattr(parsed, name)}, inputs)
    if parts and parsed.run is not None:
        return studied_run(parsed.run, parsed.data, drawn, parsed.network)
    if parsed.run is not None and parsed.network is not None:
        parser.error(f"argument --network: got it beside the run {parsed.run}, expected one of the two; leave one out")
    if parsed.run is not None:
        return studied_run(parsed.run, parsed.data, drawn)
    name = parsed.network or next(iter(NETWORKS))
    if name not in NETWORKS:
        parser.error(
            f"argument --network: got {shown(name)}, expected one of {', '.join(NETWORKS)}, or a run before it"
        )
    network = NETWORKS[name](rng=parsed.seed)
    faces = _faces(parsed.data, "all", drawn, parsed.seed)
    return Studied(name, network, faces, nn.SGD(network, lr=_LR, momentum=_MOMENTUM))


def studied_run(run: Path, data: str | None, drawn: int, network: str | None = None) -> Studied:
    """A network in the folder of a run, and how it was trained.

    data : file with the faces that it was trained on; None: drawn faces. A path that metrics.json
        names is never opened, for the folder may come from somebody else
    drawn : how many faces are drawn without `data`
    network : its name in `parts_of`; None: the first

    Raises
        ValueError, OSError : a file is missing or damaged, or there is no such network
    """
    with one_set(run, MODEL_FILE):
        predictor = load_predictor(run, allow_not_finite=True)
        config = run_config(run)
        part = chosen_part(predictor, network, str(run))
        history = _history(run / part.history_file)
    with told(run / METRICS_FILE, came="a damaged config", expected="numbers", fix="train again"):
        # For what metrics.json does not say: earlier scripts wrote null for an option that was not
        # given.
        seed = config.whole_number("seed", 0, least=0, most=_MOST)
        own = part.config(config)
        batch_size = own.whole_number("batch_size", 64, least=1, most=_MOST)
        rows_trained_on = config.whole_number("training_faces", 0, least=0, most=_MOST)
        rows = config.text("rows", "all", among=("all", "complete"))
        config.text("data", "")
        optimizer = _optimizer(part.network, own, history)
    faces = _faces(data, rows, drawn, seed)
    if optimizer is not None:
        optimizer.steps = len(history or ()) * math.ceil((rows_trained_on or len(faces)) / batch_size)
    crops = part.crops(faces, seed=seed, drawn=not data)
    return Studied(str(run), part.network, faces, optimizer, history, crops)


def _faces(data: str | None, rows: str, drawn: int, seed: int) -> Faces:
    faces = load_faces(data) if data else draw_faces(drawn, seed=seed)
    faces = usable_rows(faces, rows, str(data or "drawn faces"))
    # A file's own order says nothing about the training, which shuffles.
    return faces.select(np.random.default_rng(0).permutation(len(faces)))


def run_config(run: Path) -> Record:
    """How the run was trained, as far as metrics.json says."""
    path = run / METRICS_FILE
    with told(path, expected="a config", fix="train again"):
        try:
            config = Record(json_files.read(path)).fields["config"]
        except FileNotFoundError:
            config = {}
        return Record(config if isinstance(config, dict) else {}, "config.")


def _optimizer(network: nn.Sequential, config: Record, history: nn.History | None) -> Optimizer | None:
    """The optimizer that trained the run; None if the config does not name it."""
    name = config.text("optimizer", "").lower()
    lr = rate_of(history, config.number("lr", 0, least=0, most=_MOST))
    decay = config.number("weight_decay", 0, least=0, most=_MOST)
    momentum, nesterov = config.number("momentum", 0, least=0, most=1), config.flag("nesterov", False)
    if name.startswith("adam"):
        return nn.Adam(network, lr=lr, weight_decay=decay)
    if name.startswith("sgd"):
        return nn.SGD(network, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    return None


def _history(path: Path) -> nn.History | None:
    """The training's history; None without the file or without an epoch."""
    try:
        history = nn.History.load_csv(path)
    except FileNotFoundError:
        return None
    history.shuffled = True  # every script trains with a Trainer
    return history or None
