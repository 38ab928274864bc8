"""Compiles the kernels of the published networks, once, in several processes.

python -m nnscratch compile
python -m nnscratch compile --processes 1   one after the other

Otherwise a kernel is compiled when it is first called, so that the first step
of a training takes some seconds longer. The code is kept beside the sources, or
in NUMBA_CACHE_DIR, until nnscratch, Numba or NumPy changes. Networks of float64
and layers that no published network has are still compiled at their first step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

import nnscratch
from nnscratch.command_output import add_json, add_quiet, muted, write_json
from nnscratch.commands import Parser, exit_statuses, program
from nnscratch.kernels import cache
from nnscratch.kernels.cores import available_cores
from nnscratch.keypoints.faces import POINTS, SIDE
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.crops import crops
from nnscratch.keypoints.networks import kfkd, report_cnn, report_mlp
from nnscratch.keypoints.scripts.command_line import whole_number
from nnscratch.keypoints.scripts.outputs import check_outputs
from nnscratch.layers import ContrastNormalization, Conv2D, Dense, MaxPool2D, ReLU
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD, Adam
from nnscratch.stages.runner import PASSES_BEFORE_ONE_CALL
from nnscratch.training.averaging import WeightAverage
from nnscratch.training.clipping import clip_gradients
from nnscratch.training.progress import progress_line

_BATCHES = (16, 1)  # a single row has kernels of its own


def _steps(model: Sequential, *shape: int, learns: bool = True) -> None:
    """Per batch size as many training steps, if it learns, and inferences as one call needs."""
    passes = PASSES_BEFORE_ONE_CALL + 2  # the last but one lays it out, the last one runs it
    optimizers = (SGD(model, lr=0.1, momentum=0.9), Adam(model)) if learns else ()
    for images in _BATCHES:
        x = np.zeros((images, *shape), np.float32)
        for optimizer in optimizers:
            for _ in range(passes):
                model.backward(np.zeros_like(model.forward(x, training=True)))
                optimizer.step()
        for _ in range(passes):
            model.forward(x)


def _many_channels() -> None:
    _steps(Sequential(*kfkd(rng=0)[:6]), 96, 96, 1)


def _few_channels() -> None:
    _steps(Sequential(ContrastNormalization(), *report_cnn(rng=0)[:12]), 96, 96, 1)


def _dense_layers() -> None:
    _steps(report_mlp(rng=0, dropout=0.5), 96, 96, 1)


def _winograd() -> None:
    _steps(Sequential(Conv2D(32, 64, 3, padding=1, rng=0), ReLU(), MaxPool2D(2)), 24, 24, 32, learns=False)


def _updates_and_pictures() -> None:
    model = Sequential(Dense(2, 2, rng=0))
    model.layers[0].grads = {name: np.zeros_like(w) for name, w in model.layers[0].params.items()}
    clip_gradients(model, 1.0)
    average = WeightAverage(model)
    for optimizer in (SGD(model, lr=0.1), SGD(model, lr=0.1, momentum=0.9), Adam(model)):
        optimizer.step()
        average.update()
    x, y = np.zeros((1, SIDE, SIDE, 1), np.float32), np.zeros((1, 2 * len(POINTS)), np.float32)
    Augmentation(rotation=1)(x, y, np.random.default_rng(0))
    crops(x, AffineMaps(np.eye(2, 3)[np.newaxis]), (8, 8))


# The kernels of each part are hardly used in another; the most work first.
PARTS: dict[str, Callable[[], None]] = {
    "convolutions, many channels": _many_channels,
    "dense layers": _dense_layers,
    "few channels, normalization": _few_channels,
    "Winograd": _winograd,
    "updates, pictures": _updates_and_pictures,
}


@dataclass(frozen=True)
class Compiled:
    """What a part took.

    found, compiled, kept : signatures of kernels, as in `nnscratch.kernels.cache.Counts`
    seconds               : without the start of the process
    """

    part: str
    found: int
    compiled: int
    kept: int
    seconds: float


def compile_part(part: str) -> Compiled:
    """Compiles the kernels of a part in this process, by the steps of small batches of zeros."""
    now, before, began = cache.counts, replace(cache.counts), time.perf_counter()
    PARTS[part]()
    seconds = time.perf_counter() - began
    made, kept = now.compiled - before.compiled, now.kept - before.kept
    return Compiled(part, now.found - before.found, made, kept, seconds)


def main(arguments: list[str]) -> None:
    """Compiles all parts, and says what was made.

    Raises
        OSError    : no folder can be written to, or the file of --json
        SystemExit : an argument is wrong; 1 if a kernel could not be compiled or kept
    """
    options = _parser().parse_args(arguments)
    check_outputs({"--json": options.json}, [])
    folder = cache.folder()
    if folder is None:
        raise OSError(
            "compile: got no folder that can be written to, expected one for compiled kernels; set NUMBA_CACHE_DIR"
        )
    began = time.perf_counter()
    done = []
    with muted(options), progress_line(len(PARTS), "compiling", unit="parts") as line:
        for each in _in_processes(options.processes or available_cores()):
            done.append(each)
            line.update(1)
    seconds = time.perf_counter() - began
    done.sort(key=lambda each: list(PARTS).index(each.part))
    with muted(options):
        print(_table(done, seconds, folder))
    write_json(options.json, {"seconds": seconds, "folder": str(folder), "parts": [vars(each) for each in done]})
    if any(each.kept < each.compiled for each in done):
        _fail("got a kernel that could not be written, expected to keep all; see python -m nnscratch info")


def _parser() -> Parser:
    parser = Parser(__doc__, program("compile"), statuses=exit_statuses("a kernel could not be compiled or written"))
    parser.add_argument(
        "--processes", type=whole_number, metavar="N", help="that compile at once (default: one per core)"
    )
    add_json(parser)
    add_quiet(parser)
    return parser


def _in_processes(processes: int) -> Iterator[Compiled]:
    """The parts, as they are done, each in a process of its own: in one, Numba's threads wait for
    each other.

    Raises
        SystemExit : status 1 after one line, if a process failed
    """
    waiting, running = list(PARTS), list[subprocess.Popen[str]]()
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                running.append(_start(waiting.pop(0)))
            ended = [process for process in running if process.poll() is not None]
            for process in ended:
                running.remove(process)
                out, err = process.communicate()
                if process.returncode:
                    reason = (err.strip() or f"exit status {process.returncode}").splitlines()[-1]
                    _fail(f"got a process that ended early ({reason}), expected compiled kernels")
                yield Compiled(**json.loads(out))
            if not ended:
                time.sleep(0.05)
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _start(part: str) -> subprocess.Popen[str]:
    program = f"import json; from {__name__} import compile_part; print(json.dumps(vars(compile_part({part!r}))))"
    # The package as it was found here, wherever that is.
    paths = [str(Path(nnscratch.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _table(done: list[Compiled], seconds: float, folder: Path) -> str:
    lines = [f"{'part':30}{'compiled':>9}{'found':>8}{'seconds':>10}"]
    lines += [f"{each.part:30}{each.compiled:9}{each.found:8}{each.seconds:10.1f}" for each in done]
    compiled, found = sum(each.compiled for each in done), sum(each.found for each in done)
    lines += ["", f"{compiled} compiled, {found} found in the cache, in {seconds:.1f} s", f"kept in {folder}"]
    return "\n".join(lines)


def _fail(message: str) -> NoReturn:
    print(f"{program('compile')}: error: {message}", file=sys.stderr)
    sys.exit(1)
