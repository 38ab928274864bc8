"""python -m nnscratch diagnose RUN_DIR: why the network in a run's folder does not learn, or that it does.

RUN_DIR is the --out folder of a training script. The run is judged on the faces of --data, the file that it was
trained on; without it, on faces that are drawn, as the scripts do. The steps and the weight decay are judged if the
config in metrics.json names the optimizer ("sgd" or "adam", with lr, momentum and weight_decay).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.history import History
from nnscratch.optimizers.base import Optimizer

_ROWS = 1000  # generated faces: enough for a diagnosis, and drawn in three seconds


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line and prints a diagnosis.

    Raises
        SystemExit : status 2, after one line, for bad input
    """
    # Late: the library itself knows nothing of faces, but a run's folder does.
    from nnscratch.keypoints.scripts import command_line

    parser = command_line.Parser(__doc__)
    parser.prog = "python -m nnscratch"
    parser.add_argument("command", choices=["diagnose"])
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the --out folder of a training script")
    parser.add_argument("--data", metavar="FILE", help="Kaggle's training.csv, .zip or .gz that it was trained on")
    parsed = parser.parse_args(arguments)
    try:
        print(_diagnose(parsed))
    except (ValueError, OSError) as error:  # a DataError is a ValueError
        print(f"{parser.prog}: error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def _diagnose(parsed: argparse.Namespace) -> nn.Diagnosis:
    from nnscratch.keypoints.drawn.faces import draw_faces
    from nnscratch.keypoints.kaggle.training_file import load_faces
    from nnscratch.keypoints.predictors import SingleNetwork, load_predictor
    from nnscratch.keypoints.scripts.command_line import usable_rows

    predictor = load_predictor(parsed.run)
    network = predictor.network if isinstance(predictor, SingleNetwork) else getattr(predictor, "level_1", None)
    if network is None:
        raise ValueError(f"{parsed.run}: got a {type(predictor).__name__}, expected one network; give another folder")
    config = _config(parsed.run)
    data = parsed.data or config.get("data")
    faces = load_faces(data) if data else draw_faces(_ROWS, seed=int(config.get("seed", 0)))
    faces = usable_rows(faces, str(config.get("rows", "all")), str(data or "generated"))
    # The file's own order says nothing about the training, which shuffles.
    faces = faces.select(np.random.default_rng(0).permutation(len(faces)))
    history = _history(parsed.run)
    optimizer = _optimizer(network, config, history, len(faces))
    return nn.diagnose(network, faces.x, faces.y, optimizer=optimizer, history=history)


def _config(run: Path) -> dict[str, Any]:
    """What the run was started with; empty if that is not known."""
    from nnscratch.keypoints.scripts.run_folder import METRICS_FILE

    try:
        config = json.loads((run / METRICS_FILE).read_text())["config"]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{run / 'metrics.json'}: got a damaged file ({error}), expected a config; train again"
        ) from None
    return config if isinstance(config, dict) else {}


def _optimizer(network: nn.Sequential, config: dict[str, Any], history: History | None, rows: int) -> Optimizer | None:
    """The optimizer that trained the run, as far as its config tells; None if it does not say which one."""
    name = str(config.get("optimizer", "")).lower()
    rates = (history.columns.get("lr") if history else None) or [config.get("lr", 0.0)]
    try:
        lr, decay = float(max(rates)), float(config.get("weight_decay", 0.0))
        if name.startswith("adam"):
            optimizer: Optimizer = nn.Adam(network, lr=lr, weight_decay=decay)
        elif name.startswith("sgd"):
            momentum, nesterov = float(config.get("momentum", 0.0)), bool(config.get("nesterov", False))
            optimizer = nn.SGD(network, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)
        else:
            return None
        batch = max(1, int(config.get("batch_size", 64)))
        optimizer.steps = len(history or ()) * math.ceil(int(config.get("training_faces", rows)) / batch)
    except (TypeError, ValueError) as error:
        raise ValueError(f"metrics.json: got a damaged config ({error}), expected numbers; train again") from None
    return optimizer


def _history(run: Path) -> History | None:
    """The training's history; None without the file or without an epoch."""
    path = run / "history.csv"
    history = History.load_csv(path) if path.exists() else None
    return history if history else None


if __name__ == "__main__":
    main()
