"""Why the network in a run's folder does not learn, or that it does.

python -m nnscratch diagnose runs/cnn

The network is judged on the faces of --data, or of the file that metrics.json
names, or on drawn ones if the run had no file. Steps and weight decay are
judged if metrics.json names the optimizer ("sgd" or "adam").
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.commands import Parser
from nnscratch.file_set import one_set
from nnscratch.keypoints.cascade.cascade import MODEL_FILE
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.predictors import SingleNetwork, load_predictor
from nnscratch.keypoints.scripts.run_files import METRICS_FILE
from nnscratch.keypoints.scripts.task import usable_rows
from nnscratch.optimizers.base import Optimizer

_DRAWN_FACES = 1000  # enough for a diagnosis, and drawn in three seconds
# For what metrics.json does not say: earlier scripts wrote null for an option that was not given.
_DEFAULTS = {"batch_size": 64, "seed": 0, "rows": "all"}


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
    print(diagnose_run(parsed.run, parsed.data))


def diagnose_run(run: Path, data: str | None = None) -> nn.Diagnosis:
    """What is wrong with the network (a cascade's first one) in the folder of a run.

    data : file with the faces that it was trained on; None: the one that metrics.json names, if any

    Raises
        ValueError, OSError : a file is missing or damaged
    """
    with one_set(run, MODEL_FILE):
        predictor = load_predictor(run)
        config, history = _config(run), _history(run)
    network = predictor.network if isinstance(predictor, SingleNetwork) else getattr(predictor, "level_1", None)
    if network is None:
        raise ValueError(f"{run}: got a {type(predictor).__name__}, expected one network; give another folder")
    data = data or config.get("data")
    try:
        seed, batch_size = int(config["seed"]), int(config["batch_size"])
        rows_trained_on = int(config.get("training_faces", 0))
        optimizer = _optimizer(network, config, history)
    except (TypeError, ValueError, OverflowError) as error:
        where = run / METRICS_FILE
        raise ValueError(f"{where}: got a damaged config ({error}), expected numbers; train again") from None
    faces = load_faces(data) if data else draw_faces(_DRAWN_FACES, seed=seed)
    faces = usable_rows(faces, config["rows"], str(data or "drawn faces"))
    # The file's own order says nothing about the training, which shuffles.
    faces = faces.select(np.random.default_rng(0).permutation(len(faces)))
    if optimizer is not None:
        optimizer.steps = len(history or ()) * math.ceil((rows_trained_on or len(faces)) / max(1, batch_size))
    return nn.diagnose(network, faces.x, faces.y, optimizer=optimizer, history=history)


def _config(run: Path) -> dict[str, Any]:
    """How the run was trained, as far as is known; `_DEFAULTS` for what is missing or null."""
    try:
        config = json.loads((run / METRICS_FILE).read_text(encoding="utf-8"))["config"]
    except FileNotFoundError:
        config = {}
    except (ValueError, KeyError, TypeError) as error:
        where = run / METRICS_FILE
        raise ValueError(f"{where}: got a damaged file ({error!r}), expected a config; train again") from None
    known = config.items() if isinstance(config, dict) else ()
    return _DEFAULTS | {name: value for name, value in known if value is not None}


def _optimizer(network: nn.Sequential, config: dict[str, Any], history: nn.History | None) -> Optimizer | None:
    """The optimizer that trained the run; None if the config does not name it."""
    name = str(config.get("optimizer", "")).lower()
    rates = (history.columns.get("lr") if history else None) or [config.get("lr", 0.0)]
    lr, decay = float(max(rates)), float(config.get("weight_decay", 0.0))
    if name.startswith("adam"):
        return nn.Adam(network, lr=lr, weight_decay=decay)
    if name.startswith("sgd"):
        momentum, nesterov = float(config.get("momentum", 0.0)), bool(config.get("nesterov", False))
        return nn.SGD(network, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    return None


def _history(run: Path) -> nn.History | None:
    """The training's history; None without the file or without an epoch."""
    path = run / "history.csv"
    history = nn.History.load_csv(path) if path.exists() else None
    return history or None
