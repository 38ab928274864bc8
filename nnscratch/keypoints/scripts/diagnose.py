"""Why the network in a run's folder does not learn, or that it does.

python -m nnscratch diagnose runs/cnn

The network is judged on the faces of --data, or on drawn ones. Pass the file
that it was trained on: metrics.json names it, but no file is opened because
another file names it. Steps and weight decay are judged if metrics.json names
the optimizer ("sgd" or "adam").
"""

from __future__ import annotations

from pathlib import Path

import nnscratch as nn
from nnscratch.commands import Parser
from nnscratch.keypoints.scripts.studied import run_config, studied_run
from nnscratch.messages import shown

_DRAWN_FACES = 1000  # enough for a diagnosis, and drawn in three seconds


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
    trained_on = run_config(parsed.run).text("data", "")
    if trained_on and parsed.data is None:
        print(f"Judged on drawn faces. Pass --data to judge it on what it was trained on:\n{shown(trained_on, 70)}\n")
    print(diagnosis)


def diagnose_run(run: Path, data: str | None = None) -> nn.Diagnosis:
    """What is wrong with the network (a cascade's first one) in the folder of a run.

    data : file with the faces that it was trained on; None: drawn faces

    Raises
        ValueError, OSError : a file is missing or damaged
    """
    found = studied_run(run, data, _DRAWN_FACES)
    return nn.diagnose(found.network, found.faces.x, found.faces.y, optimizer=found.optimizer, history=found.history)
