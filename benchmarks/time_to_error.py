"""How long a training takes until its points are good: nnscratch beside PyTorch.

  python benchmarks/time_to_error.py [--data training.zip] [--target PX]

Both train the network and the recipe of examples/train_cnn.py --recipe best:
from the same first weights, on the same faces in the same order, augmented
alike, with the same learning rate after the same number of images. Both stop
after the first epoch whose averaged weights reach the target on the validation
faces (from the pictures alone, without their mirror images).

"seconds" counts training steps, augmentation included. It leaves out reading
data, validation, and warm-up steps of a throwaway network, which compile the
kernels; for PyTorch also the trials that choose the fastest of two memory
layouts, with and without warping in the background. "with all" goes from before
the warm-up to the end of the last epoch's validation, in which nnscratch's
Trainer scores the live weights too.

Each training has a process of its own, and they take turns. A ratio is
PyTorch's time over nnscratch's, the median of the pairs. PyTorch comes with
`pip install -e '.[bench]'`; without it, nnscratch runs alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from engine_builders import KEEP_MEMORY
from engine_networks import best_recipe
from machine import description, print_description

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.kernels.cores import available_cores
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.metrics import RMSE_PX
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.outputs import writable
from nnscratch.keypoints.scripts.task import usable_rows
from nnscratch.keypoints.splits import split_apart, split_random
from nnscratch.keypoints.start import start_from_mean_face
from nnscratch.profiling.clock import in_turn, ratio
from nnscratch.profiling.machine import start

RECIPE = best_recipe()
LIBRARIES = {"nnscratch": "nnscratch", "PyTorch": "torch"}  # name -> package
TRIAL_STEPS, TRIALS = 8, 3


@dataclass(frozen=True)
class Task:
    """What both libraries train, and for how long."""

    train: Faces
    validation: Faces
    recipe: Recipe
    seed: int
    target: float
    limit: float  # seconds

    @property
    def warm_up(self) -> slice:
        """Rows for one step of each size: a whole batch, and the last one of an epoch."""
        return slice(0, self.recipe.batch_size + len(self.train) % self.recipe.batch_size)

    def trainer(self) -> nn.Trainer:
        """A new Trainer of a new network, with the same first weights every time."""
        network = self.recipe.network(rng=np.random.default_rng(self.seed))
        start_from_mean_face(network, self.train.points)
        return self.recipe.trainer(network, seed=self.seed, metric=RMSE_PX, progress=False)


@dataclass
class Curve:
    """How a training went, epoch by epoch; its clock starts before the warm-up."""

    task: Task
    rows: list[dict[str, float]] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def add(self, seconds: float, images: int, rmse_px: float) -> str | None:
        """Notes an epoch that was validated just now; returns a reason to stop, or None.

        seconds, images : of its training steps
        """
        before = self.rows[-1] if self.rows else {"seconds": 0.0, "images": 0}
        row = {"epoch": len(self.rows) + 1, "seconds": before["seconds"] + seconds}
        row |= {"with_all": time.perf_counter() - self.began, "images": before["images"] + images, "rmse_px": rmse_px}
        self.rows.append(row)
        command_line.show(f"epoch {row['epoch']}/{self.task.recipe.epochs}, {row['seconds']:.0f} s, {rmse_px:.3f} px")
        if rmse_px <= self.task.target:
            return "target reached"
        if not math.isfinite(rmse_px):
            return "diverged"
        return "time is up" if row["with_all"] >= self.task.limit else None


def nnscratch_training(task: Task) -> dict[str, Any]:
    x, y = task.train.x, task.train.y
    validation = task.validation.x, task.validation.y
    curve = Curve(task)
    task.trainer().fit(x[task.warm_up], y[task.warm_up], epochs=1, validation=validation)

    def follow(trainer: nn.Trainer, history: nn.History) -> str | None:
        last = {name: column[-1] for name, column in history.columns.items()}
        return curve.add(last["images"] / last["images_per_second"], int(last["images"]), last[history.score])

    epochs = task.recipe.epochs
    history = task.trainer().fit(x, y, epochs=epochs, validation=validation, keep_best=False, callbacks=[follow])
    return {"curve": curve.rows, "stopped": history.stopped}


def pytorch_training(task: Task) -> dict[str, Any]:
    import torch
    from torch_twin import Training, pictures

    torch.set_num_threads(nn.get_threads())
    torch.set_flush_denormal(True)
    torch.manual_seed(task.seed)
    x, y, validation_x = pictures(task.train.x), task.train.y, pictures(task.validation.x)
    total, few = -(-len(x) // task.recipe.batch_size) * task.recipe.epochs, TRIAL_STEPS * task.recipe.batch_size
    trials = pytorch_trials(task, x[:few], y[:few])
    layout, place = min(trials, key=lambda choice: trials[choice])
    curve = Curve(task)
    Training(task.trainer(), layout, place == "background").epoch(x[task.warm_up], y[task.warm_up], total)
    training = Training(task.trainer(), layout, place == "background")
    stopped: str | None = None
    for _ in range(task.recipe.epochs):
        began = time.perf_counter()
        training.epoch(x, y, total)
        seconds = time.perf_counter() - began
        rmse_px = RMSE_PX.function(training.predict(validation_x), task.validation.y)
        if stopped := curve.add(seconds, len(x), rmse_px):
            break
    milliseconds = {" ".join(choice): value for choice, value in trials.items()}
    return {
        "curve": curve.rows,
        "stopped": stopped or "all epochs done",
        "choice": f"{layout} {place}",
        "milliseconds": milliseconds,
    }


def pytorch_trials(task: Task, x: Any, y: np.ndarray) -> dict[tuple[str, str], float]:
    """(memory layout, where pictures are warped) -> milliseconds per step.

    The median over epochs of a few steps.
    """
    from torch_twin import Training

    places = ["foreground"] + ["background"] * (nn.get_threads() > 1)
    choices = list(product(("contiguous_format", "channels_last"), places))
    trainings = [Training(task.trainer(), layout, place == "background") for layout, place in choices]
    steps = -(-len(x) // task.recipe.batch_size)
    # 10**9 steps keep the rate at the start of its schedule; these networks are thrown away.
    times = in_turn([lambda t=t: t.epoch(x, y, 10**9) for t in trainings], TRIALS)  # type: ignore[misc]
    return {choice: statistics.median(column) / steps for choice, column in zip(choices, times, strict=True)}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One training, in this process."""
    name = arguments.data or "drawn faces"
    faces = load_faces(arguments.data) if arguments.data else draw_faces(arguments.faces, seed=0)
    split = split_apart if arguments.data else split_random  # as the training scripts do
    train, validation = split(usable_rows(faces, "all", name), 0.15, seed=0)
    recipe = replace(RECIPE, epochs=arguments.epochs).for_faces(train)
    task = Task(train, validation, recipe, arguments.seed, arguments.target, 60 * arguments.limit)
    result = nnscratch_training(task) if arguments.measure == "nnscratch" else pytorch_training(task)
    return {"faces": [len(train), len(validation)], **result}


def in_new_process(library: str, seed: int) -> dict[str, Any]:
    """`measure` with the arguments of this process; its messages go to this one's stderr."""
    command = [sys.executable, __file__, *sys.argv[1:], "--measure", library, "--seed", str(seed)]
    environment = {**os.environ, **KEEP_MEMORY}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    result = json.loads(done.stdout)
    if not result["curve"]:
        sys.exit(f"{library}: {result['stopped']}")
    last = result["curve"][-1]
    per_image = last["seconds"] / last["images"]
    return {"run": seed + 1, "library": library, "seconds_per_image": per_image, **last, **result}


def print_row(row: dict[str, Any], arguments: argparse.Namespace) -> None:
    print(
        f"{row['run']:3d}  {row['library']:10s}{row['epoch']:6d}{row['images']:10,d}{row['seconds']:10.1f}"
        f"{row['with_all']:10.1f}{row['rmse_px']:8.3f}{1 / row['seconds_per_image']:10.0f}",
        flush=True,
    )
    if row["rmse_px"] > arguments.target:
        print(f"{'':5s}not at {arguments.target:g} px: {row['stopped']}", flush=True)
    if "choice" in row:
        print(f"{'':5s}{row['choice']}; ms per step:")
        for choice, value in row["milliseconds"].items():
            print(f"{'':7s}{choice:30s}{value:8.1f}", flush=True)
    for line in row["curve"] if arguments.curve else []:
        print(f"{'':5s}epoch {line['epoch']:4d}{line['seconds']:10.1f} s{line['rmse_px']:8.3f} px", flush=True)


def ratios(rows: list[dict[str, Any]], target: float) -> dict[str, float]:
    """PyTorch's times over nnscratch's: to the target, where both reached it, and per image."""
    ours, theirs = ([row for row in rows if row["library"] == library] for library in LIBRARIES)
    pairs = list(zip(ours, theirs, strict=False))
    reached = [pair for pair in pairs if all(row["rmse_px"] <= target for row in pair)]
    found = {}
    for name, of in (("seconds", reached), ("with_all", reached), ("seconds_per_image", pairs)):
        if of:
            found[name] = ratio([row[name] for _, row in of], [row[name] for row, _ in of])
    return found


def parse() -> argparse.Namespace:
    parser = command_line.Parser(__doc__)
    add = parser.add_argument
    add("--data", metavar="FILE", help="Kaggle's training.csv, .zip or .gz; without it, faces are drawn")
    command_line.add_number(parser, "--faces", help="how many are drawn", default=4000)
    add("--target", type=float, default=2.0, metavar="PX", help="RMSE to reach (default: %(default)s)")
    command_line.add_number(parser, "--epochs", help="of the schedule", default=RECIPE.epochs)
    add(
        "--limit", type=float, default=math.inf, metavar="MINUTES", help="end a training after the epoch that passes it"
    )
    command_line.add_number(
        parser, "--runs", help="trainings per library, each pair with other first weights", default=1
    )
    command_line.add_number(parser, "--threads", help="threads, and cores, to use", default=available_cores())
    add("--curve", action="store_true", help="print every epoch's RMSE")
    add("--json", metavar="FILE", type=writable, help="also write the figures there")
    add("--measure", choices=LIBRARIES, help=argparse.SUPPRESS)
    add("--seed", type=int, help=argparse.SUPPRESS)
    arguments: argparse.Namespace = parser.parse_args()
    return arguments


def main() -> None:
    start()
    arguments = parse()
    if arguments.threads < available_cores() and hasattr(os, "sched_setaffinity"):  # holds for new processes too
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    nn.set_threads(arguments.threads)
    if arguments.measure:
        print(json.dumps(measure(arguments)))
        return
    libraries = [library for library, package in LIBRARIES.items() if find_spec(package)]
    facts = description(*["torch"] * ("PyTorch" in libraries))
    del facts["warm_up"]
    print_description(facts)
    source = Path(arguments.data).name if arguments.data else f"{arguments.faces:,} drawn faces"
    print(f"{RECIPE.network.__name__}, {arguments.epochs} epochs, to {arguments.target:g} px on {source}")
    print(f"run  {'':10s}epochs    images   seconds  with all      px  images/s")
    rows = []
    for run, library in product(range(arguments.runs), libraries):
        rows.append(in_new_process(library, seed=run))
        print_row(rows[-1], arguments)
    found = ratios(rows, arguments.target)
    for name, value in found.items():
        print(f"PyTorch / nnscratch, {name.replace('_', ' '):17s}{value:6.2f} x")
    figures = {"machine": facts, "recipe": replace(RECIPE, epochs=arguments.epochs).settings(), "rows": rows}
    figures |= {"target_px": arguments.target, "ratios": found}
    write_json(arguments.json, figures)


if __name__ == "__main__":
    command_line.run(main)
