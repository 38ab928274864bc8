"""What a tile file calculates with: numbers, vectors and arrays of the program that it writes.

A `Value` stands for a number that the compiled program will have. To add two of them writes an
addition into the program and returns its result: `a * b + 1` writes a multiplication and an
addition. Python's numbers become constants. The type decides the instruction. There are whole
numbers (64 bits, signed), bytes (unsigned), floats, vectors of each, and conditions, which are
single bits.
"""

from __future__ import annotations

from typing import TypeAlias

from llvmlite import ir

from nnscratch.kernels.bounds import Bounds

INTP = ir.IntType(64)
BYTE = ir.IntType(8)
_FLOATS = (ir.FloatType, ir.DoubleType)


class Value:
    """A number, a vector or a condition of the program; operators write their instruction.

    a + b, a - b, a * b : of whole numbers and of floats
    a // b, a % b       : of whole numbers, none of them negative
    a < b, a <= b, ...  : a condition; false where a float is NaN
    a & b, a | b        : of conditions and of bits
    """

    def __init__(self, builder: ir.IRBuilder, llvm: ir.Value) -> None:
        self.builder, self.llvm = builder, llvm

    @property
    def _number(self) -> ir.Type:
        """The type of a number: of each one, in a vector."""
        return self.llvm.type.element if isinstance(self.llvm.type, ir.VectorType) else self.llvm.type

    def _like_this(self, other: Value | int) -> ir.Value:
        """The other operand; from a Python number, a constant of this one's type."""
        if isinstance(other, Value):
            return other.llvm
        is_vector = isinstance(self.llvm.type, ir.VectorType)
        return ir.Constant(self.llvm.type, [other] * self.llvm.type.count if is_vector else other)

    def _write(self, instruction: str, a: ir.Value, b: ir.Value) -> Value:
        prefix = "f" if isinstance(self._number, _FLOATS) else ""
        return Value(self.builder, getattr(self.builder, prefix + instruction)(a, b))

    def __add__(self, other: Value | int) -> Value:
        return self._write("add", self.llvm, self._like_this(other))

    def __radd__(self, other: int) -> Value:
        return self._write("add", self._like_this(other), self.llvm)

    def __sub__(self, other: Value | int) -> Value:
        return self._write("sub", self.llvm, self._like_this(other))

    def __mul__(self, other: Value | int) -> Value:
        return self._write("mul", self.llvm, self._like_this(other))

    def __rmul__(self, other: int) -> Value:
        return self._write("mul", self._like_this(other), self.llvm)

    def __floordiv__(self, other: Value | int) -> Value:
        return Value(self.builder, self.builder.sdiv(self.llvm, self._like_this(other)))

    def __mod__(self, other: Value | int) -> Value:
        return Value(self.builder, self.builder.srem(self.llvm, self._like_this(other)))

    def __and__(self, other: Value) -> Value:
        return Value(self.builder, self.builder.and_(self.llvm, other.llvm))

    def __or__(self, other: Value) -> Value:
        return Value(self.builder, self.builder.or_(self.llvm, other.llvm))

    def _compare(self, relation: str, other: Value | int) -> Value:
        compare = self.builder.icmp_signed
        if isinstance(self._number, _FLOATS):
            compare = self.builder.fcmp_ordered
        elif self._number == BYTE:
            compare = self.builder.icmp_unsigned
        return Value(self.builder, compare(relation, self.llvm, self._like_this(other)))

    def __lt__(self, other: Value | int) -> Value:
        return self._compare("<", other)

    def __le__(self, other: Value | int) -> Value:
        return self._compare("<=", other)

    def __gt__(self, other: Value | int) -> Value:
        return self._compare(">", other)

    def __ge__(self, other: Value | int) -> Value:
        return self._compare(">=", other)

    def equals(self, other: Value | int) -> Value:
        """The condition a == b. (`==` stays Python's: whether two names are one Value.)"""
        return self._compare("==", other)

    def is_nan(self) -> Value:
        return Value(self.builder, self.builder.fcmp_unordered("uno", self.llvm, self.llvm))

    def to_index(self) -> Value:
        """A byte as a whole number that can be calculated with."""
        return Value(self.builder, self.builder.zext(self.llvm, INTP))

    def to_bits(self) -> Value:
        """A vector of conditions as a whole number: bit k is the condition in lane k."""
        return Value(self.builder, self.builder.bitcast(self.llvm, ir.IntType(self.llvm.type.count)))


# What a Value is meant to hold: for the reader. To Python's type checker they are all the same.
Index: TypeAlias = Value  # a whole number: a place, a step, a size, a count
Number: TypeAlias = Value  # one float or byte
Vector: TypeAlias = Value  # as many numbers as a register holds
Condition: TypeAlias = Value  # a bit, or a bit per lane


class Array:
    """An array from some number on: `x + i` begins i numbers later, `x[i]` is its number i.

    Numbers are counted as they lie in memory, whatever the shape.
    length : of the first axis of the whole array
    bounds : of the whole array, if loads and stores check them
    """

    def __init__(self, builder: ir.IRBuilder, address: ir.Value, length: Index, bounds: Bounds | None = None) -> None:
        self.builder, self.address, self.length, self.bounds = builder, address, length, bounds

    @property
    def number(self) -> ir.Type:
        """The type of the numbers that lie here."""
        return self.address.type.pointee

    def __add__(self, steps: Index | int) -> Array:
        steps = steps.llvm if isinstance(steps, Value) else INTP(steps)
        return Array(self.builder, self.builder.gep(self.address, [steps]), self.length, self.bounds)

    def __getitem__(self, index: Index | int) -> Value:
        place = self + index
        place.check(1)
        return Value(self.builder, self.builder.load(place.address))

    def __setitem__(self, index: Index | int, number: Number) -> None:
        place = self + index
        place.check(1)
        self.builder.store(number.llvm, place.address)

    def check(self, numbers: int, mask: Condition | None = None) -> None:
        """Before so many numbers are read or written here, or those in the mask: with bounds only."""
        if self.bounds is not None:
            self.bounds.check(self.builder, self.address, numbers, None if mask is None else mask.llvm)
