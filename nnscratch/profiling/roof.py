"""The machine's roof: what it can do at most, of arithmetic and of moving memory.

No kernel can do more multiply-adds per second than begin in registers alone, nor bring numbers from
memory faster than a plain copy. With an intensity of I operations per byte moved, a computation
stays below the lower of the two:

    GFLOP/s <= min(GFLOP/s in registers, GB/s copied * I)

Source: Williams, Waterman & Patterson, "Roofline: an insightful visual performance model for
multicore architectures" (2009).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.checks import floating, whole_number
from nnscratch.kernels.roof import SUMS, multiply_adds
from nnscratch.kernels.threads import get_threads, in_blocks
from nnscratch.kernels.vectors import VECTOR_BYTES
from nnscratch.profiling.clock import milliseconds

# Many short runs, of which the best counts: another program may interrupt most of them.
_ROUNDS, _RUNS = 1_500_000, 25  # of SUMS vectors: 3 ms a run
_COPIED = 1 << 28  # bytes: with the copy, more than the third-level caches of servers hold
_PARTS, _PASSES = 8, 3  # of the bytes, each timed by itself; through all of them


@dataclass(frozen=True)
class Roof:
    """What so many threads of a machine can do at most.

    gflops               : 1e9 operations per second in registers; a multiply-add is two
    gigabytes_per_second : 1e9 bytes per second, read and written by a copy
    threads              : how many threads did that
    dtype                : of the numbers

    >>> roof = Roof(gflops=100, gigabytes_per_second=10, threads=1)
    >>> roof.at(2), roof.at(50)  # memory is the roof up to 10 operations per byte
    (20.0, 100.0)
    """

    gflops: float
    gigabytes_per_second: float
    threads: int
    dtype: str = "float32"

    def at(self, intensity: Any) -> Any:
        """GFLOP/s at `intensity` operations per byte, a number or an array."""
        result = np.minimum(self.gflops, self.gigabytes_per_second * np.asarray(intensity, float))
        return result if np.ndim(intensity) else float(result)

    def milliseconds(self, operations: float, moved: float) -> tuple[float, float]:
        """The least time for so many operations, and for so many bytes moved."""
        return operations / self.gflops / 1e6, moved / self.gigabytes_per_second / 1e6

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.gflops:.0f} GFLOP/s, {self.gigabytes_per_second:.0f} GB/s on {threads}"


def roof(dtype: Any = np.float32, threads: int | None = None) -> Roof:
    """The roof of this machine, measured once per process and number of threads, in half a second.

    dtype   : float32 or float64, of the multiply-adds
    threads : 1, or None for those that kernels use (`nn.set_threads`)

    Raises
        ValueError : another dtype, or fewer than one thread
    """
    threads = get_threads() if threads is None else whole_number("roof", "threads", threads)
    return _measured(floating("roof", dtype).name, threads)


@functools.cache
def _measured(dtype: str, threads: int) -> Roof:
    # Twice, half a second apart: what disturbs all runs of one may have ended by the other. A roof
    # that is too low flatters whatever stands under it.
    before, copied = arithmetic(dtype, threads, _ROUNDS), copying(threads, _COPIED)
    return Roof(max(before, arithmetic(dtype, threads, _ROUNDS)), copied, threads, dtype)


def arithmetic(dtype: Any, threads: int, rounds: int) -> float:
    """GFLOP/s of multiply-adds in registers, the best of some runs."""
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize

    def work(start: int, stop: int) -> None:
        for _ in range(start, stop):
            multiply_adds(np.zeros((SUMS, lanes), dtype), np.array([0.5, 1.5], dtype), rounds)

    work(0, 1)
    best = min(milliseconds(lambda: in_blocks(work, threads, 1)) for _ in range(_RUNS))
    return 2 * threads * rounds * SUMS * lanes / best / 1e6


def copying(threads: int, size: int) -> float:
    """GB/s, read and written, of copying `size` bytes, the best of their parts."""
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
    part = size // _PARTS
    block = -(-part // threads)

    def copy_part(first: int) -> None:
        def work(start: int, stop: int) -> None:
            np.copyto(target[first + start : first + stop], source[first + start : first + stop])

        in_blocks(work, part, block)

    times = [[milliseconds(lambda: copy_part(k * part)) for k in range(_PARTS)] for _ in range(_PASSES)]  # noqa: B023
    return 2 * part / min(map(min, times)) / 1e6
