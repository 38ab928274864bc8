"""The process of one engine and one network, which engines.py starts: its times, as lines of JSON.

Whatever else the process needs is loaded before its engine: Python, NumPy, the pictures, and, for
an engine that reads our layers, nnscratch with a network. Then the clock of the first step starts,
and the memory that the process holds is noted: what comes on top is the engine's.
"""

from __future__ import annotations

import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from engine_builders import ENGINES, random_batch

_MOST = 1000  # calls of one work that are timed
_FEW_ROWS, _CALLS_BEFORE = 128, 12  # nnscratch's tenth step, or inference, of few rows is the first in one call


def milliseconds(work: Callable[[], object], seconds: float) -> float:
    """The median of the calls that fit into `seconds`, behind calls that warm up.

    The least is one of each, or two that count, if a call takes less than five times `seconds`: the
    engine has been called once before, and there are several rounds.
    """
    calls, began = 0, time.perf_counter()
    while calls < 1 or (calls < 20 and time.perf_counter() - began < seconds / 3):
        work()
        calls += 1
    times: list[float] = []
    began = time.perf_counter()
    while True:
        start = time.perf_counter()
        work()
        end = time.perf_counter()
        times.append(end - start)
        if len(times) >= (2 if times[0] < 5 * seconds else 1) and (end - began > seconds or len(times) == _MOST):
            return 1e3 * statistics.median(times)


def measure(engine: str, network: str, batches: list[int], seconds: float, onnx: str) -> None:
    """Prints a line for the first step, one for each batch, one for the process as a whole."""
    # JAX and XLA take gigabytes: if memory runs out, this process is to end, and no other.
    with suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    chosen = ENGINES[engine]
    pictures = [random_batch(size) for size in batches]
    early = None if engine == "nnscratch" else (lambda: onnx) if chosen.from_onnx else _layers_of(network)
    held, began = resident_megabytes(), time.perf_counter()
    source = early or _layers_of(network)
    for size, (x, y) in zip(batches, pictures, strict=True):
        steps = chosen.build(source(), x, y)
        (steps.train or steps.infer)()
        if size == batches[0]:
            tell(first_seconds=time.perf_counter() - began, answers=np.asarray(steps.infer()).tolist())
        for _ in range(_CALLS_BEFORE if size <= _FEW_ROWS else 0):
            for work in filter(None, (steps.train, steps.infer)):
                work()
        training = milliseconds(steps.train, seconds) if steps.train else None
        tell(batch=size, train=training, infer=milliseconds(steps.infer, seconds))
        del steps
        gc.collect()
    peak = peak_megabytes()
    from nnscratch.profiling.machine import blas  # after the peak: only now nnscratch may be loaded

    version = import_module(chosen.packages[0]).__version__.partition("-")[0]
    tell(peak_megabytes=peak, added_megabytes=peak - held, version=version, BLAS=blas())


def _layers_of(network: str) -> Callable[[], Any]:
    from engine_networks import NETWORKS

    make = NETWORKS[network]
    make()  # so that what it needs is loaded
    return make


def resident_megabytes() -> float:
    """What this process holds in memory; what it held at most, where the system says no more."""
    return _of_status("VmRSS") or peak_megabytes()


def peak_megabytes() -> float:
    """The most memory that this process has had; NaN on a system that does not say."""
    # Linux counts this anew for a new program; getrusage goes on from the one that started it.
    if peak := _of_status("VmHWM"):
        return peak
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _of_status(name: str) -> float | None:
    """Megabytes of a line of Linux's /proc/self/status; None elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return None


def tell(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    measure(**json.loads(sys.argv[1]))
