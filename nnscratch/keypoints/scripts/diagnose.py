"""Why the network in a run's folder does not learn, or that it does.

python -m nnscratch diagnose runs/cnn
python -m nnscratch diagnose runs/cnn --data training.zip --json diagnosis.json
python -m nnscratch diagnose --network report     before its first step

The network is judged on the faces of --data, or on drawn ones. Pass the file
that it was trained on: metrics.json names it, but no file is opened because
another file names it. Steps and weight decay are judged if metrics.json names
the optimizer ("sgd" or "adam").
"""

from __future__ import annotations

from pathlib import Path

import nnscratch as nn
from nnscratch.commands import Parser
from nnscratch.keypoints.scripts.studied import (
    Studied,
    add_json,
    add_subject,
    run_config,
    studied,
    studied_run,
    write_json,
)
from nnscratch.messages import shown

_DRAWN_FACES = 1000  # enough for a diagnosis, and drawn in three seconds


def main(arguments: list[str]) -> None:
    """Prints the diagnosis of a run.

    Raises
        ValueError, OSError : a file is missing or damaged, or cannot be written
        SystemExit : an argument is wrong
    """
    parser = Parser(__doc__, "python -m nnscratch diagnose")
    add_subject(parser)
    add_json(parser)
    parsed = parser.parse_args(arguments)
    found = studied(parser, parsed, _DRAWN_FACES)
    diagnosis = _diagnose(found)
    trained_on = run_config(parsed.run).text("data", "") if parsed.run is not None else ""
    if trained_on and parsed.data is None:
        print(f"Judged on drawn faces. Pass --data to judge it on what it was trained on:\n{shown(trained_on, 70)}\n")
    print(diagnosis)
    write_json(parsed.json, diagnosis.facts())


def diagnose_run(run: Path, data: str | None = None) -> nn.Diagnosis:
    """What is wrong with the network (a cascade's first one) in the folder of a run.

    data : file with the faces that it was trained on; None: drawn faces

    Raises
        ValueError, OSError : a file is missing or damaged
    """
    return _diagnose(studied_run(run, data, _DRAWN_FACES))


def _diagnose(found: Studied) -> nn.Diagnosis:
    x, y = found.faces.x, found.faces.y
    return nn.diagnose(found.network, x, y, optimizer=found.optimizer, history=found.history)
