"""A training step stage by stage: what runs, why, how long, how far from the roof.

python -m nnscratch profile
python -m nnscratch profile --network kfkd --batch 32 --threads 1
python -m nnscratch profile runs/cnn --json profile.json

Without a run's folder, a network as it is published, before its training. The
pictures are drawn faces; of a run, no file is opened because metrics.json names
it. A run is profiled with the optimizer that trained it, if metrics.json says
which; all else with SGD and momentum.

ms       mean of the middle half of the steps
GFLOP/s  operations of the plain formula per time; 2 per multiply-add
GB/s     the arrays that a stage reads and writes, once each, per time
roof     the share of what the machine can do at most, computing or moving
bound    which of the two; overhead where the roof explains less than a tenth
kept     buffers that stay from step to step, or from forward to backward
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.commands import Parser
from nnscratch.files import json_files
from nnscratch.files.file_set import one_set
from nnscratch.files.stored_files import told
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.networks import NETWORKS
from nnscratch.keypoints.predictors import load_predictor
from nnscratch.keypoints.scripts.command_line import tell, whole_number
from nnscratch.keypoints.scripts.diagnose import config_of, network_of, optimizer_of
from nnscratch.keypoints.scripts.run_files import METRICS_FILE, MODEL_FILE
from nnscratch.optimizers.base import Optimizer
from nnscratch.profiling.machine import description, start_command

_DRAWN_FACES = 100  # for larger batches they are repeated
_MOST_BATCH = 4096  # pictures: 150 MB, and what a network makes of them


def main(arguments: list[str]) -> None:
    """Prints the profile of a training step.

    Raises
        ValueError, OSError : a file is missing or damaged, or cannot be written
        SystemExit : an argument is wrong
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.run is not None and parsed.network is not None:
        parser.error("argument --network: got it with a RUN_DIR, expected one of the two")
    if parsed.json is not None and not parsed.json.parent.is_dir():
        parser.error(f"argument --json: got {parsed.json}, expected a name in a folder that exists")
    start_command()
    before = nn.get_threads()
    try:
        if parsed.threads is not None:
            nn.set_threads(parsed.threads)
        title, result = _profile(parsed)
        facts = {"network": title, "machine": description(), **result.as_dict()}
    finally:
        if parsed.threads is not None:
            nn.set_threads(before)
    tell(f"a training step of {title}\n\n{result}")
    if parsed.json:
        json_files.write(parsed.json, facts)


def _parser() -> Parser:
    parser = Parser(__doc__, "python -m nnscratch profile")
    add = parser.add_argument
    add("run", type=Path, nargs="?", metavar="RUN_DIR", help="the --out folder of a training script")
    add("--network", choices=list(NETWORKS), help="a published network in place of a run's (default: report)")
    add("--batch", type=_batch, default=100, metavar="N", help="pictures per step (default: %(default)s)")
    add("--threads", type=whole_number, metavar="N", help="threads to use (default: all cores)")
    add("--json", type=Path, metavar="FILE", help="also write the figures there")
    return parser


def _batch(text: str) -> int:
    batch = whole_number(text)
    if batch > _MOST_BATCH:
        raise argparse.ArgumentTypeError(f"got {text[:20]}, expected at most {_MOST_BATCH}")
    return batch


def _profile(parsed: Any) -> tuple[str, nn.Profile]:
    if parsed.run is None:
        name = parsed.network or "report"
        network, optimizer = NETWORKS[name](rng=0), None
    else:
        name = str(parsed.run)
        network, optimizer = _read(parsed.run)
    faces = draw_faces(min(parsed.batch, _DRAWN_FACES), seed=0)
    rows = np.arange(parsed.batch) % len(faces)
    return name, nn.profile(network, faces.x[rows], faces.y[rows], optimizer=optimizer)


def _read(run: Path) -> tuple[nn.Sequential, Optimizer | None]:
    """The network in a run's folder, and the optimizer that metrics.json names, or None."""
    with one_set(run, MODEL_FILE):
        network = network_of(load_predictor(run), run)
        config = config_of(run)
    with told(run / METRICS_FILE, came="a damaged config", expected="numbers", fix="train again"):
        return network, optimizer_of(network, config, None)
