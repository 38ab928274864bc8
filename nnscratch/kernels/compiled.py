"""`njit` for kernels: Numba's, with our cache, and with checked bounds if the user asks for them.

NNSCRATCH_CHECK=1 makes every kernel check where it reads and writes: an index behind the end of an
array, or a vector load or store of which a lane lies outside, raises IndexError instead of doing
harm. That takes several times as long and has compiled code of its own; it is for tests, and for a
look at a crash. Without the variable the machine code has no trace of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numba
from numba.core.dispatcher import Dispatcher

from nnscratch.kernels.cache import cache_of

CHECKED = os.environ.get("NNSCRATCH_CHECK", "").strip() not in ("", "0")


def njit(*, cache: bool = False, **options: Any) -> Callable[[Any], Any]:
    """Compiles a function of nnscratch/kernels at its first call with arguments of each type.

    cache   : keep its machine code on disk; for what Python calls
    options : Numba's, such as nogil and fastmath

    >>> @njit(nogil=True)
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """
    if CHECKED:
        options["boundscheck"] = True

    def compiled(function: Any) -> Any:
        kernel: Any = numba.njit(**options)(function)
        if cache and isinstance(kernel, Dispatcher):  # NUMBA_DISABLE_JIT=1 gives the function back
            kernel._cache = cache_of(function, CHECKED)  # type: ignore[attr-defined]
        return kernel

    return compiled
