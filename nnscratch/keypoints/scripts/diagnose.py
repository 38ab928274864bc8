"""Why the network in a run's folder does not learn, or that it does.

python -m nnscratch diagnose runs/cnn
python -m nnscratch diagnose runs/cnn --data training.zip --json diagnosis.json
python -m nnscratch diagnose --network report     before its first step
python -m nnscratch diagnose runs/cascade --network level_2_nose_tip

Each network of a cascade is judged on what it sees: level 1 on whole faces, a
later one on its crops, displaced as in its training by what the levels before
it are off. A wrong name is answered with the names that there are.

The network is judged on the faces of --data, or on drawn ones. Pass the file
that it was trained on: metrics.json names it, but no file is opened because
another file names it. Steps and weight decay are judged if metrics.json names
the optimizer ("sgd" or "adam").

--try-remedies trains a copy of the network with each remedy for some seconds.
--picture draws what the table says: signal, gradient and silent units by layer,
with the findings at the layers that they name.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nnscratch as nn
from nnscratch.command_output import add_json, add_quiet, muted, write_json
from nnscratch.commands import Parser, program
from nnscratch.keypoints.scripts.outputs import png
from nnscratch.keypoints.scripts.studied import (
    Studied,
    add_subject,
    run_config,
    studied,
    studied_run,
)
from nnscratch.messages import shown

_DRAWN_FACES = 1000  # enough for a diagnosis, and drawn in three seconds


def main(arguments: list[str]) -> None:
    """Prints the diagnosis of a run.

    Raises
        ValueError, OSError : a file is missing or damaged, or cannot be written
        SystemExit : an argument is wrong
    """
    parser = Parser(__doc__, program("diagnose"))
    add_subject(parser, parts=True)
    add_json(parser)
    add_quiet(parser)
    parser.add_argument("--picture", type=png, metavar="FILE.png", help="draw the diagnosis by layer")
    parser.add_argument("--try-remedies", action="store_true", help="try each remedy on a copy, and say what it brings")
    parsed = parser.parse_args(arguments)
    found = studied(parser, parsed, _DRAWN_FACES, parts=True)
    diagnosis = _diagnose(found, parsed.try_remedies)
    with muted(parsed):
        _print(found, diagnosis, parsed)
    write_json(parsed.json, diagnosis.facts())
    if parsed.picture is not None:
        diagnosis.save_picture(parsed.picture)


def _print(found: Studied, diagnosis: nn.Diagnosis, parsed: argparse.Namespace) -> None:
    trained_on = run_config(parsed.run).text("data", "") if parsed.run is not None else ""
    if trained_on and parsed.data is None:
        print(f"Judged on drawn faces. Pass --data to judge it on what it was trained on:\n{shown(trained_on, 70)}\n")
    if found.crops is not None:
        count, side = found.crops[0].shape[:2]
        print(f"Judged on {count:,} crops of {side} x {side} pixels, as its training makes them.\n")
    print(diagnosis)


def diagnose_run(run: Path, data: str | None = None, network: str | None = None) -> nn.Diagnosis:
    """What is wrong with a network in the folder of a run.

    data : file with the faces that it was trained on; None: drawn faces
    network : of a cascade the one of this name, such as "level_2_nose_tip"; None: its first

    Raises
        ValueError, OSError : a file is missing or damaged, or there is no such network
    """
    return _diagnose(studied_run(run, data, _DRAWN_FACES, network))


def _diagnose(found: Studied, try_remedies: bool = False) -> nn.Diagnosis:
    x, y = found.rows
    return nn.diagnose(found.network, x, y, optimizer=found.optimizer, history=found.history, try_remedies=try_remedies)
