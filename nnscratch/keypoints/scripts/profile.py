"""A training step stage by stage: what runs, why, how long, how far from the roof.

python -m nnscratch profile
python -m nnscratch profile --network kfkd --batch 32 --threads 1
python -m nnscratch profile runs/cnn --json profile.json

Without a run's folder, a network as it is published, before its training. A run
is profiled with the optimizer that trained it, if metrics.json says which; all
else with SGD and momentum. The network stays as it is.

ms       mean of the middle half of the steps
GFLOP/s  operations of the plain formula per time; 2 per multiply-add
GB/s     the arrays that a stage reads and writes, once each, per time
roof     the share of what the machine can do at most, computing or moving
bound    which of the two; overhead where the roof explains less than a tenth
kept     buffers that stay from step to step, or from forward to backward
"""

from __future__ import annotations

import argparse

import numpy as np

import nnscratch as nn
from nnscratch.command_output import add_json, add_quiet, muted, write_json
from nnscratch.commands import Parser, program
from nnscratch.keypoints.scripts.command_line import tell, whole_number
from nnscratch.keypoints.scripts.studied import add_subject, studied
from nnscratch.profiling.machine import description, start_command

_FACES = 100  # drawn; for larger batches they are repeated
_MOST_BATCH = 4096  # pictures: 150 MB, and what a network makes of them


def main(arguments: list[str]) -> None:
    """Prints the profile of a training step.

    Raises
        ValueError, OSError : a file is missing or damaged, or cannot be written
        SystemExit : an argument is wrong
    """
    parser = Parser(__doc__, program("profile"))
    add_subject(parser)
    parser.add_argument(
        "--batch", type=_batch, default=100, metavar="N", help="pictures per step (default: %(default)s)"
    )
    parser.add_argument("--threads", type=whole_number, metavar="N", help="threads to use (default: all cores)")
    add_json(parser)
    add_quiet(parser)
    parsed = parser.parse_args(arguments)
    with muted(parsed):
        start_command()
    found = studied(parser, parsed, drawn=min(parsed.batch, _FACES))
    rows = np.arange(parsed.batch) % len(found.faces)
    before = nn.get_threads()
    try:
        if parsed.threads is not None:
            nn.set_threads(parsed.threads)
        result = nn.profile(found.network, found.faces.x[rows], found.faces.y[rows], optimizer=found.optimizer)
        facts = {"network": found.name, "machine": description(), **result.as_dict()}
    finally:
        if parsed.threads is not None:
            nn.set_threads(before)
    with muted(parsed):
        tell(f"a training step of {found.name}\n\n{result}")
    write_json(parsed.json, facts)


def _batch(text: str) -> int:
    batch = whole_number(text)
    if batch > _MOST_BATCH:
        raise argparse.ArgumentTypeError(f"got {text[:20]}, expected at most {_MOST_BATCH}")
    return batch
