"""One operation by several methods, on the same numbers: that all agree, and how fast each is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nnscratch.profiling import table
from nnscratch.profiling.clock import in_turn_within, ratio
from nnscratch.profiling.cost import Count, bound
from nnscratch.profiling.roof import Roof

Arrays = Mapping[str, np.ndarray]
_SECONDS = 1.5  # for all rounds of a comparison


@dataclass(frozen=True)
class Method:
    """One way to compute an operation.

    name     : in the table
    idea     : what it does, in a sentence
    forward, backward : compute it once; return their results by name, such as y, or dx and dweight.
        A backward follows its forward
    moved    : bytes, forward and backward
    chosen   : whether it is what the library takes, forward and backward
    part     : None; for a slow method the share of the work that it does. It is run once, and its
        times and bytes are scaled up
    expected : the right results for that part; None: those of the whole operation
    check    : what is compared in place of the results of forward and backward
    """

    name: str
    idea: str
    forward: Callable[[], Arrays]
    backward: Callable[[], Arrays]
    moved: tuple[float, float]
    chosen: tuple[bool, bool] = (False, False)
    part: float | None = None
    expected: tuple[Arrays, Arrays] | None = None
    check: tuple[Callable[[], Arrays], Callable[[], Arrays]] | None = None


@dataclass(frozen=True)
class Operation:
    """What all methods compute.

    title      : for the table
    operations : of the plain formula, forward and backward; two per multiply-add
    expected   : the right results, in float64, forward and backward
    bounds     : the largest difference that rounding explains, forward and backward, relative to
        the largest number of the array
    notes      : what the reader must know, in sentences
    """

    title: str
    operations: tuple[int, int]
    expected: tuple[Arrays, Arrays]
    bounds: tuple[float, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparisonRow:
    """One method in one direction.

    milliseconds  : the median; of a slow method one run, scaled
    times_as_fast : as the first method that was run as a whole
    megabytes     : 1e6 bytes moved
    intensity     : operations per byte
    share_of_roof : 1 is what the machine can do at most at this intensity
    bound         : "compute", "memory" or "overhead" (profiling/cost.py)
    difference    : the largest, relative to the largest number of the array
    chosen        : whether the library takes this method
    part          : the share of the work that was run
    """

    method: str
    direction: str
    milliseconds: float
    times_as_fast: float
    gflops: float
    megabytes: float
    gigabytes_per_second: float
    intensity: float
    share_of_roof: float
    bound: str
    difference: float
    chosen: bool
    part: float


@dataclass(frozen=True)
class Comparison:
    """What `compare` measured; print it."""

    operation: Operation
    rows: tuple[ComparisonRow, ...]
    ideas: Mapping[str, str]
    roof: Roof

    def __str__(self) -> str:
        return table.comparison_table(self)

    def as_dict(self) -> dict[str, Any]:
        """The same facts as names, numbers and lists, for JSON."""
        return {
            "title": self.operation.title,
            "operations": list(self.operation.operations),
            "bounds": list(self.operation.bounds),
            "notes": list(self.operation.notes),
            "roof": asdict(self.roof),
            "methods": dict(self.ideas),
            "rows": [asdict(row) for row in self.rows],
        }


def compare(operation: Operation, methods: Sequence[Method], roof: Roof, *, seconds: float = _SECONDS) -> Comparison:
    """Checks that all methods give the same numbers, then takes their times in turn.

    seconds : for the rounds, of which there are from 3 to 25

    Raises
        ValueError : a method differs from the right results by more than rounding explains
    """
    differences, once = {}, {}
    for method in methods:
        differences[method.name], once[method.name] = _check(operation, method)
    whole = [method for method in methods if method.part is None]
    works = [work for method in whole for work in (method.forward, method.backward)]
    columns = in_turn_within(works, seconds)
    times = {method.name: columns[2 * k : 2 * k + 2] for k, method in enumerate(whole)}
    for method in methods:
        if method.part is not None:
            times[method.name] = [[taken / method.part] for taken in once[method.name]]
    first = times[whole[0].name]
    rows = []
    for method in methods:
        for k, direction in enumerate(("forward", "backward")):
            own = times[method.name][k]
            median = statistics.median(own)
            fast = ratio(first[k], own) if method.part is None else statistics.median(first[k]) / median
            count = Count(operation.operations[k], round(method.moved[k]))
            share, bounded_by = bound(count, median, roof)
            rows.append(
                ComparisonRow(
                    method.name, direction, median, fast, count.operations / median / 1e6, count.moved / 1e6,
                    count.moved / median / 1e6, count.operations / count.moved, share, bounded_by,
                    differences[method.name][k], method.chosen[k], method.part or 1.0,
                )
            )  # fmt: skip
    return Comparison(operation, tuple(rows), {method.name: method.idea for method in methods}, roof)


def _check(operation: Operation, method: Method) -> tuple[list[float], list[float]]:
    """The largest differences of y and of the gradients, and the milliseconds of this first run.

    Raises
        ValueError : rounding does not explain one
    """
    expected = method.expected or operation.expected
    found: list[float] = []
    times: list[float] = []
    works = method.check or (method.forward, method.backward)
    for work, right, most in zip(works, expected, operation.bounds, strict=True):
        began = time.perf_counter()
        results = work()
        times.append(1e3 * (time.perf_counter() - began))
        by_name = {name: difference(results[name], right[name]) for name in right}
        name = max(by_name, key=by_name.__getitem__)
        if not by_name[name] <= most:  # so that NaN is one, too
            raise ValueError(
                f"compare: got {name} by {method.name} that differs by {by_name[name]:.2g} of its largest number, "
                f"expected at most {most:.2g}; the kernel is wrong"
            )
        found.append(by_name[name])
    return found, times


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """max |a - b| / max |b|, in float64; 0 where both are 0 throughout.

    >>> difference(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    0.5
    """
    if a.shape != b.shape:
        raise ValueError(f"compare: got a result of shape {a.shape}, expected {b.shape}; the kernel is wrong")
    distance = float(np.abs(a.astype(np.float64) - b).max(initial=0.0))
    return distance / (float(np.abs(b).max(initial=0.0)) or 1.0)


def rounding(terms: int, dtype: Any) -> float:
    """What rounding explains of a sum: ten times epsilon times the root of its number of terms."""
    return float(10 * np.finfo(dtype).eps * np.sqrt(terms))
