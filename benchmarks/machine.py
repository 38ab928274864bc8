"""What a benchmark says about the machine, and how it takes times: in turn, medians, ratios.

A benchmark's main() begins with `start()`, prints `description()`, and measures with `in_turn`.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from threadpoolctl import threadpool_info

import nnscratch as nn
from nnscratch.kernels.threads import available_cores, in_blocks, single_threaded_blas
from nnscratch.kernels.vectors import VECTOR_BYTES

# Environment variables that make OpenBLAS run another processor's kernels, or block for another
# one's caches. Some machines set them for all programs; NumPy's products then take up to twice as
# long.
BLAS_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
WARM_UP = 2


def start() -> None:
    """Starts this program again without BLAS_OVERRIDES, if any is set, and says so in one line.

    The program that goes on is a new one, which has not loaded NumPy yet; so have all processes
    that it starts.
    """
    found = [f"{name}={os.environ[name]}" for name in BLAS_OVERRIDES if name in os.environ]
    if found:
        print(f"started again without {', '.join(found)}, so that BLAS is fitted to this processor", flush=True)
        environment = {name: value for name, value in os.environ.items() if name not in BLAS_OVERRIDES}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def in_turn(works: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Milliseconds of each work, A B C A B C ..., after a warm-up.

    In turn, because a machine that slows down then slows all of them.
    """
    for work in works:
        for _ in range(WARM_UP):
            work()
    rows = [[milliseconds(work) for work in works] for _ in range(repeats)]
    return [list(column) for column in zip(*rows, strict=True)]


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """The median of the ratios pair by pair."""
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))


_SUMS = 12  # independent sums: two multiply-adds begin per cycle, and each takes four cycles


@intrinsic
def _multiply_adds(typing: Any, rounds: Any) -> Any:
    """The sum of _SUMS vectors after `rounds` times  v <- v * a + b, all of them in registers."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = VECTOR_BYTES // 4
        vector = ir.VectorType(ir.FloatType(), lanes)
        name = f"llvm.fma.v{lanes}f32"
        fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
        a, b = ir.Constant(vector, [0.75] * lanes), ir.Constant(vector, [0.5] * lanes)
        sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, [float(k)] * lanes)) for k in range(_SUMS)]
        with cgutils.for_range(builder, arguments[0], intp=ir.IntType(64)):
            for v in sums:
                builder.store(builder.call(fma, [builder.load(v), a, b]), v)
        total = builder.load(sums[0])
        for v in sums[1:]:
            total = builder.fadd(total, builder.load(v))
        return builder.extract_element(total, ir.IntType(32)(0))

    return types.float32(types.int64), code


@njit(nogil=True)
def _run_multiply_adds(rounds: int) -> float:
    return _multiply_adds(rounds)


def arithmetic_gflops() -> float:
    """The roof of arithmetic on the threads that kernels use: float32 multiply-adds in registers.

    Not a BLAS product: an environment variable may have changed what that measures.
    """
    threads, rounds = nn.get_threads(), 20_000_000

    def work(start: int, stop: int) -> None:
        for _ in range(start, stop):
            _run_multiply_adds(rounds)

    _run_multiply_adds(1)
    best = min(milliseconds(lambda: in_blocks(work, threads, 1)) for _ in range(5))
    return 2 * threads * rounds * _SUMS * (VECTOR_BYTES // 4) / best / 1e6


def gemm_gflops(threads: int = 1) -> float:
    """NumPy's float32 product of two 2048 x 2048 matrices, on one thread or all that BLAS takes."""
    a = np.random.default_rng(0).random((2048, 2048), dtype=np.float32)
    if threads == 1:
        with single_threaded_blas():
            best = min(milliseconds(lambda: a @ a) for _ in range(5))
    else:
        best = min(milliseconds(lambda: a @ a) for _ in range(9))
    return 2 * 2048**3 / best / 1e6


def copy_gigabytes_per_second() -> float:
    """The roof of memory on one core: bytes read and written per second by copying 256 MB."""
    source = np.ones(1 << 26, np.float32)
    target = np.empty_like(source)
    best = min(milliseconds(lambda: np.copyto(target, source)) for _ in range(5))
    return 2 * source.nbytes / best / 1e6


def blas() -> str:
    """NumPy's BLAS: library, version, and the processor architecture whose kernels it runs."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    names = [
        " ".join(str(b[key]) for key in ("internal_api", "version", "architecture") if b.get(key)) for b in libraries
    ]
    return " and ".join(names) or "none that threadpoolctl knows"


def description(*packages: str) -> dict[str, object]:
    """Processor, BLAS, threads and versions."""
    versions = {name: import_module(name).__version__ for name in ("nnscratch", "numpy", "numba", *packages)}
    return {
        "processor": _processor(),
        "BLAS": blas(),
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
