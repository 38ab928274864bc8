"""Loads and stores that check their place: what NNSCRATCH_CHECK=1 adds to each intrinsic.

Numba checks the indices of compiled functions itself (compiled.py). Intrinsics calculate with bare
addresses; with checks, each of their arrays knows where it begins and ends.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

_INT64 = ir.IntType(64)


class Bounds:
    """Where an array begins and ends in memory; `check` writes the comparison into the program.

    begin, size : the first address, and how many bytes there are
    message     : of the IndexError
    """

    def __init__(self, context: Any, builder: ir.IRBuilder, begin: ir.Value, size: ir.Value, message: str) -> None:
        self.context, self.size, self.message = context, size, message
        self.begin = builder.ptrtoint(begin, _INT64)

    def check(self, builder: ir.IRBuilder, address: ir.Value, numbers: int, mask: ir.Value | None = None) -> None:
        """Raises IndexError unless these numbers from the address on lie in the array.

        mask : which of them are read or written, a bit each; None for all
        """
        number = self.context.get_abi_sizeof(address.type.pointee)
        first, last = _INT64(0), _INT64(numbers)
        if mask is not None:
            first, last = _first_and_last(builder, mask, numbers)
        start = builder.sub(builder.ptrtoint(address, _INT64), self.begin)
        begins = builder.add(start, builder.mul(first, _INT64(number)))
        ends = builder.add(start, builder.mul(last, _INT64(number)))
        outside = builder.or_(builder.icmp_signed("<", begins, _INT64(0)), builder.icmp_signed(">", ends, self.size))
        if mask is not None:  # nothing is read: the place may be anywhere
            outside = builder.and_(outside, builder.icmp_signed(">", last, first))
        with builder.if_then(outside, likely=False):
            self.context.call_conv.return_user_exc(builder, IndexError, (self.message,))


def _first_and_last(builder: ir.IRBuilder, mask: ir.Value, lanes: int) -> tuple[ir.Value, ir.Value]:
    """The first lane whose bit is set, and the one behind the last; equal or the wrong way round if none is."""
    bits = builder.zext(builder.bitcast(mask, ir.IntType(lanes)), _INT64)
    no = ir.Constant(ir.IntType(1), 0)
    leading = builder.ctlz(bits, no)
    return builder.cttz(bits, no), builder.sub(_INT64(64), leading)
