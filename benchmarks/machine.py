"""What a benchmark says about the machine, and how it takes times: many, in turn, medians and ratios."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

import nnscratch as nn
from nnscratch.kernels.threads import available_cores, single_threaded_blas

WARM_UP = 2


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def in_turn(works: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Milliseconds of each work, A B C A B C ..., after a warm-up: a machine that slows down slows all of them."""
    for work in works:
        for _ in range(WARM_UP):
            work()
    rows = [[milliseconds(work) for work in works] for _ in range(repeats)]
    return [list(column) for column in zip(*rows, strict=True)]


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """The median of the ratios pair by pair."""
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))


def gemm_gflops(threads: int = 1) -> float:
    """The machine's float32 rate of a 2048^3 matrix product: of BLAS on all cores, or on one."""
    a = np.random.default_rng(0).random((2048, 2048), dtype=np.float32)
    if threads == 1:
        with single_threaded_blas():
            best = min(milliseconds(lambda: a @ a) for _ in range(5))
    else:
        best = min(milliseconds(lambda: a @ a) for _ in range(9))
    return 2 * 2048**3 / best / 1e6


def copy_gigabytes_a_second() -> float:
    """The machine's memory rate on one core: bytes read and written by copying 256 MB."""
    source = np.ones(1 << 26, np.float32)
    target = np.empty_like(source)
    best = min(milliseconds(lambda: np.copyto(target, source)) for _ in range(5))
    return 2 * source.nbytes / best / 1e6


def description(*packages: str) -> dict[str, object]:
    """Machine, threads and versions."""
    versions = {name: import_module(name).__version__ for name in ("nnscratch", "numpy", "numba", *packages)}
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "threads": nn.get_threads(),
        "python": platform.python_version(),
        "warm_up": WARM_UP,
        **versions,
    }


def print_description(facts: dict[str, object]) -> None:
    print(", ".join(f"{name} {value}" for name, value in facts.items()))


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
