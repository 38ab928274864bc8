"""How many threads the environment allows, unless `set_threads` or --threads says otherwise.

    NNSCRATCH_NUM_THREADS    this many, whatever else is set
    OMP_NUM_THREADS, OMP_THREAD_LIMIT, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS, BLIS_NUM_THREADS,
    VECLIB_MAXIMUM_THREADS, NUMBA_NUM_THREADS, LOKY_MAX_CPU_COUNT
                             the least of those that are set and of the cores that are there

Who sets one of the others means all that computes in the process: joblib does so in its workers, so
that ten of them do not start ten times as many threads as there are cores. A value is a whole
number from 1 up; OpenMP's may be a list, "4,2", of which the first counts, since nothing here is
nested. Anything else is as if it were not set.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

_OWN = "NNSCRATCH_NUM_THREADS"
_NUMBA = "NUMBA_NUM_THREADS"
OTHERS = (
    "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", _NUMBA, "LOKY_MAX_CPU_COUNT",
)  # fmt: skip
_LIST = re.compile(r"\s*([0-9]{1,9})\s*(,.*)?", re.ASCII)


def default_threads(cores: int) -> int:
    """The threads of a process that may use so many cores, as the environment has it."""
    own = os.environ.get(_OWN, "").strip()
    if own:
        threads = _read(own)
        if threads is not None:
            return threads
        logging.getLogger("nnscratch").warning(
            "%s: got %r, expected a whole number from 1 up; it is ignored", _OWN, own[:40]
        )
    limits = [_read(os.environ.get(name, "")) for name in OTHERS]
    return min([cores, *(limit for limit in limits if limit is not None)])


def _read(value: str) -> int | None:
    """The number, or the first of a list; None if it is none from 1 up."""
    found = _LIST.fullmatch(value)
    return int(found[1]) or None if found else None


@contextmanager
def hidden_from_numba() -> Iterator[None]:
    """Takes a NUMBA_NUM_THREADS away that Numba cannot be imported with, such as 0; puts it back."""
    value = os.environ.get(_NUMBA)
    if value is None or re.fullmatch("[1-9][0-9]{0,8}", value):
        yield
        return
    del os.environ[_NUMBA]
    try:
        yield
    finally:
        os.environ[_NUMBA] = value
