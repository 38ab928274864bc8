"""What the program of one call is written with: arrays and kernels by address, and shared counters.

A table of numbers says what to compute, and so arrays and kernels are numbers there: addresses. The
kernels are those that run layer by layer, in the machine code that is there already: to call them
by name would compile all of them once more.

The counters are how threads agree without the GIL: each takes the next number of a counter, and no
two get the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from llvmlite.binding import address_of_symbol
from numba import types
from numba.core import cgutils
from numba.core.base import BaseContext
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from nnscratch.kernels.compiled import njit

BYTES = 4  # of a float32
_WORD = ir.IntType(64)
_ROUNDS_TO_GIVE_WAY = 128  # of a loop that waits, each 15 to 50 ns
_GIVE_WAY = "sched_yield"
_PAUSE = "llvm.x86.sse2.pause"  # llvmlite has no assembler, so no instruction can be written by name


def address_of(kernel: Any, argument_types: tuple[types.Type, ...]) -> int:
    """Where the machine code of a kernel for arguments of these types begins; compiled if need be.

    kernel : what `njit` made, which returns nothing

    Raises
        ValueError : it is not compiled, as with NUMBA_DISABLE_JIT=1
    """
    if not isinstance(kernel, Dispatcher):
        raise ValueError(f"address_of: got {kernel!r}, expected a compiled kernel; use njit")
    kernel.compile(argument_types)
    code = kernel.overloads[argument_types]
    return int(code.library.get_pointer_to_function(code.fndesc.llvm_func_name))


@intrinsic
def call_kernel(
    typing_context: object, address: types.Integer, arguments: types.BaseTuple
) -> tuple[types.Type, Callable[..., Any]]:
    """Calls the kernel at `address_of` with a tuple of arguments, of exactly the types given there."""

    def code(context: BaseContext, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        kinds = list(signature.args[1])
        convention = context.call_conv
        kernel = builder.inttoptr(values[0], convention.get_function_type(types.none, kinds).as_pointer())
        given = cgutils.unpack_tuple(builder, values[1])
        status, _ = convention.call_function(builder, kernel, types.none, kinds, given)
        with cgutils.if_unlikely(builder, status.is_error):  # IndexError, with NNSCRATCH_CHECK=1
            convention.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.void(address, arguments), code


@intrinsic
def array_at(
    typing_context: object, dtype: types.NumberClass, address: types.Integer, shape: types.UniTuple
) -> tuple[types.Type, Callable[..., Any]]:
    """The contiguous array of this dtype and shape that begins at an address; it owns nothing."""
    kind = types.Array(dtype.instance_type, len(shape), "C")

    def code(context: BaseContext, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        array = context.make_array(kind)(context, builder)
        size = _WORD(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        lengths = cgutils.unpack_tuple(builder, values[2])
        strides = [size]
        for length in lengths[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        data = builder.inttoptr(values[1], array.data.type)
        populate_array(array, data, lengths, strides, size, meminfo=None)
        return array._getvalue()

    return kind(dtype, address, shape), code


@intrinsic
def address(typing_context: object, array: types.Array) -> tuple[types.Type, Callable[..., Any]]:
    """Where an array begins."""

    def code(context: BaseContext, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        return builder.ptrtoint(context.make_array(array)(context, builder, values[0]).data, _WORD)

    return types.intp(array), code


@intrinsic
def add(
    typing_context: object, counters: types.Array, index: types.Integer, number: types.Integer
) -> tuple[types.Type, Callable[..., Any]]:
    """counters[index], to which it adds a number; nothing of another thread comes in between."""

    def code(context: BaseContext, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        place = _place(context, builder, counters, values)
        return builder.atomic_rmw("add", place, values[2], "seq_cst")

    return types.intp(counters, index, types.intp), code


@intrinsic
def look(typing_context: object, counters: types.Array, index: types.Integer) -> tuple[types.Type, Callable[..., Any]]:
    """counters[index]; what its thread had written before, this thread sees from here on."""

    def code(context: BaseContext, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        return builder.load_atomic(_place(context, builder, counters, values), "seq_cst", 8)

    return types.intp(counters, index), code


@intrinsic
def pause(typing_context: object) -> tuple[types.Type, Callable[..., Any]]:
    """A moment of nothing, for loops that wait: leaves the core to its other thread, if it has one."""

    def code(context: BaseContext, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        if builder.module.triple.startswith("x86_64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, _PAUSE), [])
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def give_way(typing_context: object) -> tuple[types.Type, Callable[..., Any]]:
    """Lets another thread that waits for this core go first; nothing where the system has no such call."""

    def code(context: BaseContext, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        if address_of_symbol(_GIVE_WAY) is not None:
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, _GIVE_WAY), [])
        return context.get_dummy_value()

    return types.void(), code


@njit(nogil=True)
def rest(rounds: int) -> None:
    """One round of a loop that waits, of which there were so many: who is waited for may need this very core."""
    pause()
    if rounds % _ROUNDS_TO_GIVE_WAY == 0:
        give_way()


def _place(context: BaseContext, builder: ir.IRBuilder, counters: types.Array, values: list[ir.Value]) -> ir.Value:
    data = context.make_array(counters)(context, builder, values[0]).data
    return builder.gep(data, [values[1]])
