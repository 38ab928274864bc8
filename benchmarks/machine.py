"""What all benchmarks print about the machine, and NumPy's product beside its roof.

A benchmark's main() begins with `start()`, prints `description()`, and measures with `in_turn`, all
of them the library's (nnscratch/profiling/).
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from nnscratch.kernels.threads import single_threaded_blas
from nnscratch.profiling import machine
from nnscratch.profiling.clock import WARM_UP, milliseconds
from nnscratch.profiling.roof import Roof
from nnscratch.profiling.table import percent


def description(*packages: str) -> dict[str, object]:
    """Processor, BLAS, threads and versions."""
    versions = {name: import_module(name).__version__ for name in ("nnscratch", *packages)}
    return {**machine.description(), "warm_up": WARM_UP, **versions}


def print_description(facts: dict[str, object]) -> None:
    print(", ".join(f"{name} {value}" for name, value in facts.items()))


def beside_the_roof(roof: Roof) -> str:
    """What NumPy's BLAS reaches of the roof, and whose kernels it runs."""
    gflops = gemm_gflops(roof.threads)
    return (
        f"NumPy's product of 2048 x 2048: {gflops:.0f} GFLOP/s, {percent(gflops / roof.gflops)} of the roof, "
        f"by {machine.blas()}"
    )


def gemm_gflops(threads: int = 1) -> float:
    """NumPy's float32 product of two 2048 x 2048 matrices, on one thread or all that BLAS takes."""
    a = np.random.default_rng(0).random((2048, 2048), dtype=np.float32)
    if threads == 1:
        with single_threaded_blas():
            best = min(milliseconds(lambda: a @ a) for _ in range(5))
    else:
        best = min(milliseconds(lambda: a @ a) for _ in range(9))
    return 2 * 2048**3 / best / 1e6
