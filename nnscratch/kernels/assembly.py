"""The machine code of a kernel, to be read or counted."""

from __future__ import annotations

from typing import Any

from numba import jit, typeof


def assembly(kernel: Any, *arguments: object) -> str:
    """The assembly that `kernel(*arguments)` would run; it is compiled, and not called.

    Numba's own `kernel.inspect_asm` has nothing to show for code that came from the disk cache, so the
    kernel is compiled again, with the same options. Set NUMBA_CPU_NAME=generic and NUMBA_CPU_FEATURES
    (say, to "+avx2,+fma") before the program starts to see what another processor would run.

    >>> import numpy as np
    >>> from nnscratch.kernels.products.gemv import row_by_matrix
    >>> x, w, y = np.ones((1, 8)), np.ones((8, 3)), np.ones((1, 3))
    >>> "mul" in assembly(row_by_matrix, x, w, y, 0, 8)
    True
    """
    options = {name: value for name, value in kernel.targetoptions.items() if name != "cache"}
    again = jit(**options)(kernel.py_func)
    again.compile(tuple(typeof(argument) for argument in arguments))
    return str(again.inspect_asm(again.signatures[0]))
