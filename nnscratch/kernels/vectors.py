"""Whole vector registers in Numba: the notation in which the files named *_tiles.py are written.

Numba leaves it to LLVM to find vectors in a loop. LLVM then uses half of an AVX-512 register, and
keeps running sums in memory. An intrinsic says itself which register holds what. Compiled code
calls it like a function:

>>> import numba
>>> import numpy as np
>>> @writes_vectors
... def add_scaled(v: Vectors, x: Array, factor: Number, y: Array, length: Index) -> None:
...     "y[k] += factor * x[k]    for k in 0..length"
...     factors = v.splat(factor)
...
...     def step(v: Vectors, k: Index) -> None:
...         v.store(v.add_product(factors, v.load(x + k), v.load(y + k)), y + k)
...
...     v.each_vector(length, step)
>>> @numba.njit
... def add_twice(x, y):
...     add_scaled(x, 2.0, y, x.size)
>>> x, y = np.arange(5.0), np.ones(5)
>>> add_twice(x, y)
>>> y
array([1., 3., 5., 7., 9.])

The body runs once per compilation, and writes instructions. So there are two times, and two kinds
of everything:

- `for` repeats at compile time: it writes its body several times over. `with v.loop(...)` writes a
  loop of the program.
- `if` decides at compile time. `with v.when(condition)` writes a branch, `v.choose` a choice
  without one.
- A Python int is a constant. A Value (Index, Number, Vector) is known when the program runs. An
  argument annotated `int` must be a literal in the call; one that is None in the call is None.
- An array begins at its first number, whatever its shape (it must be contiguous). All places and
  steps count numbers from there: `x + i` is the array from number i on, `x[i]` the number there,
  `v.load(x + i)` the vector that begins there.

A vector has `v.lanes` numbers of the dtype of the first argument: 16 float32 or 8 float64 with
AVX-512, half as many with AVX. `v.first(count)` is the same with fewer lanes: what it loads and
stores ends after `count` numbers.

Bounds are not checked: that is the callers' work. With NNSCRATCH_CHECK=1 they are (compiled.py,
bounds.py).

To see the instructions of a kernel: assembly.py.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.base import BaseContext
from numba.core.codegen import get_host_cpu_features
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nnscratch.kernels.bounds import Bounds
from nnscratch.kernels.compiled import CHECKED
from nnscratch.kernels.values import INTP, Array, Value
from nnscratch.kernels.writer import Vectors

# What Numba compiles for: this machine, unless NUMBA_CPU_FEATURES says otherwise.
FEATURES: str = get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
AVX512 = "+avx512f" in FEATURES.split(",")
VECTOR_BYTES = 64 if AVX512 else 32


def writes_vectors(write: Callable[..., None]) -> Any:
    """Makes an intrinsic of a function that writes it, as in the example at the top of this file.

    The first argument is an array of floats: v's vectors are of its dtype.
    """
    parameters = inspect.signature(write)
    names = list(parameters.parameters)[1:]
    literal = [parameters.parameters[name].annotation in (int, "int") for name in names]

    # Numba takes the names of the arguments from the signature of `write`, which `wraps` hands on.
    # It leaves out the first one, which is the typing context for it, and v for us.
    @intrinsic(prefer_literal=True)
    @functools.wraps(write)
    def typed(typing_context: object, *given: types.Type, **named: types.Type) -> tuple[types.Type, Callable[..., Any]]:
        kinds = parameters.bind(typing_context, *given, **named).args[1:]
        for name, kind, must_be in zip(names, kinds, literal, strict=True):
            if must_be and not isinstance(kind, types.IntegerLiteral):
                raise TypingError(
                    f"{write.__name__}: got {kind} for {name}, expected a literal; write the number there"
                )

        def code(context: BaseContext, builder: ir.IRBuilder, signature: object, values: list[ir.Value]) -> ir.Value:
            number = context.get_value_type(kinds[0].dtype)
            v = Vectors(context, builder, number, VECTOR_BYTES // context.get_abi_sizeof(number), not AVX512)
            given = zip(names, kinds, values, literal, strict=True)
            write(v, *(_argument(v, f"{write.__name__}: {name}", *each) for name, *each in given))
            return context.get_dummy_value()

        return types.void(*kinds), code

    return typed


def _argument(v: Vectors, name: str, kind: types.Type, value: ir.Value, literal: bool) -> Value | Array | int | None:
    """An argument as its intrinsic gets it: its Numba type is `kind`."""
    if isinstance(kind, types.NoneType):
        return None
    if literal:
        return kind.literal_value
    if not isinstance(kind, types.Array):
        return Value(v.builder, value)
    if kind.layout != "C":
        raise TypeError(f"an intrinsic: got {kind}, expected contiguous memory; pass np.ascontiguousarray of it")
    array = v.context.make_array(kind)(v.context, v.builder, value)
    length = Value(v.builder, cgutils.unpack_tuple(v.builder, array.shape)[0])
    if not CHECKED:
        return Array(v.builder, array.data, length)
    size = v.builder.mul(array.nitems, array.itemsize)
    message = f"{name} is read or written outside of its array"
    return Array(v.builder, array.data, length, Bounds(v.context, v.builder, array.data, size, message))


@intrinsic(prefer_literal=True)
def lanes(typing_context: object, array: types.Array) -> tuple[types.Type, Callable[..., ir.Value]]:
    """The numbers in a vector of the array's dtype."""
    size = VECTOR_BYTES // (array.dtype.bitwidth // 8)
    return types.intp(array), lambda context, builder, signature, arguments: INTP(size)
