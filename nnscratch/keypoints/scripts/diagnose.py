"""Why the network in a run's folder does not learn, or that it does.

python -m nnscratch diagnose runs/cnn

The network is judged on the faces of --data, or on drawn ones. Pass the file
that it was trained on: metrics.json names it, but no file is opened because
another file names it. Steps and weight decay are judged if metrics.json names
the optimizer ("sgd" or "adam").
"""

from __future__ import annotations

import math
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
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.predictors import Predictor, SingleNetwork, load_predictor
from nnscratch.keypoints.scripts.run_files import METRICS_FILE
from nnscratch.keypoints.scripts.task import usable_rows
from nnscratch.messages import shown
from nnscratch.optimizers.base import Optimizer

_DRAWN_FACES = 1000  # enough for a diagnosis, and drawn in three seconds
_MOST = 10**15  # of any number in a config


def main(arguments: list[str]) -> None:
    """Prints the diagnosis of a run.

    Raises
        ValueError, OSError : a file is missing or damaged
        SystemExit : an argument is wrong
    """
    parser = Parser(__doc__, "python -m nnscratch diagnose")
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the --out folder of a training script")
    parser.add_argument("--data", metavar="FILE", help="Kaggle's training.csv, .zip or .gz that it was trained on")
    parsed = parser.parse_args(arguments)
    diagnosis = diagnose_run(parsed.run, parsed.data)
    trained_on = config_of(parsed.run).text("data", "")
    if trained_on and parsed.data is None:
        print(f"Judged on drawn faces. Pass --data to judge it on what it was trained on:\n{shown(trained_on, 70)}\n")
    print(diagnosis)


def diagnose_run(run: Path, data: str | None = None) -> nn.Diagnosis:
    """What is wrong with the network (a cascade's first one) in the folder of a run.

    data : file with the faces that it was trained on; None: drawn faces. A path that metrics.json
        names is never opened, for the folder may come from somebody else

    Raises
        ValueError, OSError : a file is missing or damaged
    """
    with one_set(run, MODEL_FILE):
        predictor = load_predictor(run, allow_not_finite=True)
        config, history = config_of(run), history_of(run)
    network = network_of(predictor, run)
    with told(run / METRICS_FILE, came="a damaged config", expected="numbers", fix="train again"):
        # For what metrics.json does not say: earlier scripts wrote null for an option that was not
        # given.
        seed = config.whole_number("seed", 0, least=0, most=_MOST)
        batch_size = config.whole_number("batch_size", 64, least=1, most=_MOST)
        rows_trained_on = config.whole_number("training_faces", 0, least=0, most=_MOST)
        rows = config.text("rows", "all", among=("all", "complete"))
        config.text("data", "")
        optimizer = optimizer_of(network, config, history)
    faces = load_faces(data) if data else draw_faces(_DRAWN_FACES, seed=seed)
    faces = usable_rows(faces, rows, str(data or "drawn faces"))
    # The file's own order says nothing about the training, which shuffles.
    faces = faces.select(np.random.default_rng(0).permutation(len(faces)))
    if optimizer is not None:
        optimizer.steps = len(history or ()) * math.ceil((rows_trained_on or len(faces)) / batch_size)
    return nn.diagnose(network, faces.x, faces.y, optimizer=optimizer, history=history)


def network_of(predictor: Predictor, run: Path) -> nn.Sequential:
    """The network in a run's folder; a cascade's first one.

    Raises
        ValueError : the folder holds something else
    """
    network = predictor.network if isinstance(predictor, SingleNetwork) else getattr(predictor, "level_1", None)
    if network is None:
        raise ValueError(f"{run}: got a {type(predictor).__name__}, expected one network; give another folder")
    return network


def config_of(run: Path) -> Record:
    """How the run was trained, as far as metrics.json says."""
    path = run / METRICS_FILE
    with told(path, expected="a config", fix="train again"):
        try:
            config = Record(json_files.read(path)).fields["config"]
        except FileNotFoundError:
            config = {}
        return Record(config if isinstance(config, dict) else {}, "config.")


def optimizer_of(network: nn.Sequential, config: Record, history: nn.History | None) -> Optimizer | None:
    """The optimizer that trained the run; None if the config does not name it."""
    name = config.text("optimizer", "").lower()
    rates = (history.columns.get("lr") if history else None) or [config.number("lr", 0, least=0, most=_MOST)]
    lr, decay = float(max(rates)), config.number("weight_decay", 0, least=0, most=_MOST)
    momentum, nesterov = config.number("momentum", 0, least=0, most=1), config.flag("nesterov", False)
    if name.startswith("adam"):
        return nn.Adam(network, lr=lr, weight_decay=decay)
    if name.startswith("sgd"):
        return nn.SGD(network, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    return None


def history_of(run: Path) -> nn.History | None:
    """The training's history; None without the file or without an epoch."""
    try:
        return nn.History.load_csv(run / "history.csv") or None
    except FileNotFoundError:
        return None
