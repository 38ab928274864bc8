"""Whole vector registers in Numba: the class that writes LLVM instructions, and the intrinsics that only move numbers.

Numba leaves it to LLVM to find vectors in a loop, and LLVM then uses half of an AVX-512 register and keeps running sums
in memory. An intrinsic here says itself which register holds what. It is to a compiled function a call like any other;
its `code` writes the instructions for it once, at compile time: a Python loop there is code written out several times,
a `builder` loop is a loop of the program.

A vector has `lanes(array)` numbers: 16 float32 or 8 float64 with AVX-512, half with less. Positions and steps are
counted in numbers from an array's first one, whatever its shape (it must be contiguous). Nothing is checked: the
callers see to the bounds. `count` is None for a whole vector, or the number of lanes that exist: the others are
neither read nor written.

Numba's cache looks at the file of the kernel alone: after a change here, touch the files that use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

# What Numba compiles for: this machine, unless NUMBA_CPU_FEATURES says otherwise.
_FEATURES = get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
AVX512 = "+avx512f" in _FEATURES.split(",")
VECTOR_BYTES = 64 if AVX512 else 32

INTP = ir.IntType(64)
Typing = Any  # Numba's and llvmlite's objects carry no types


class Vectors:
    """Writes instructions on vectors of one dtype: what all intrinsics have in common."""

    def __init__(self, context: Typing, builder: Typing, array: Typing, count: Typing = None) -> None:
        self.context, self.builder = context, builder
        self.number = context.get_value_type(array.dtype)
        self.lanes = VECTOR_BYTES // (array.dtype.bitwidth // 8)
        self.type = ir.VectorType(self.number, self.lanes)
        self.mask = None
        if count is not None:
            lane = ir.Constant(ir.VectorType(INTP, self.lanes), list(range(self.lanes)))
            self.mask = builder.icmp_signed("<", lane, self.splat(count))

    def pointer(self, array: Typing, value: Typing, index: Typing) -> Typing:
        if array.layout != "C":
            raise TypeError(f"a vector needs contiguous memory: got {array}, expected np.ascontiguousarray of it")
        data = self.context.make_array(array)(self.context, self.builder, value).data
        return self.builder.gep(data, [index])

    def splat(self, number: Typing) -> Typing:
        vector = ir.VectorType(number.type, self.lanes)
        one = self.builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)

    def shuffle(self, a: Typing, b: Typing, order: Iterable[int]) -> Typing:
        """The numbers of a and b, counted as one vector, in another order."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), list(order)))

    def interleave(self, a: Typing, b: Typing, half: int, unit: int = 1) -> Typing:
        """The first (0) or second (1) half of a0 b0 a1 b1 ..., where each stands for `unit` numbers."""
        n, u = self.lanes, unit
        places = ((k // u // 2, k // u % 2, k % u) for k in range(half * n, half * n + n))
        return self.shuffle(a, b, (place * u + n * second + i for place, second, i in places))

    def zero(self, number: Typing = None) -> Typing:
        return ir.Constant(ir.VectorType(number or self.number, self.lanes), [0] * self.lanes)

    def _masked(self, name: str, vector: Typing, result: Typing, arguments: list[Typing]) -> Typing:
        letter = {ir.FloatType(): "f32", ir.DoubleType(): "f64", ir.IntType(8): "i8"}[vector.element]
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(result, [a.type for a in arguments]),
            f"llvm.masked.{name}.v{self.lanes}{letter}.p0",
        )
        return self.builder.call(function, arguments)

    def load(self, pointer: Typing, number: Typing = None) -> Typing:
        number = number or self.number
        vector = ir.VectorType(number, self.lanes)
        align = self.context.get_abi_sizeof(number)
        pointer = self.builder.bitcast(pointer, vector.as_pointer())
        if self.mask is None:
            return self.builder.load(pointer, align=align)
        arguments = [pointer, ir.IntType(32)(align), self.mask, self.zero(number)]
        return self._masked("load", vector, vector, arguments)

    def store(self, value: Typing, pointer: Typing) -> None:
        align = self.context.get_abi_sizeof(value.type.element)
        pointer = self.builder.bitcast(pointer, value.type.as_pointer())
        if self.mask is None:
            self.builder.store(value, pointer, align=align)
        else:
            arguments = [value, pointer, ir.IntType(32)(align), self.mask]
            self._masked("store", value.type, ir.VoidType(), arguments)

    def first_lanes(self, count: Typing) -> Typing:
        """The mask of the first `count` lanes, made of a number's bits: a comparison LLVM repeats in every round."""
        builder, bits = self.builder, ir.IntType(2 * self.lanes)
        few = builder.icmp_signed("<", count, INTP(self.lanes))
        count = builder.trunc(builder.select(few, count, INTP(self.lanes)), bits)
        ones = builder.trunc(builder.sub(builder.shl(bits(1), count), bits(1)), ir.IntType(self.lanes))
        return builder.bitcast(ones, ir.VectorType(ir.IntType(1), self.lanes))

    def prefetch(self, pointer: Typing) -> None:
        """Calls the cache line at pointer into the second-level cache; any address will do, nothing waits for it."""
        number = ir.IntType(32)
        pointer = self.builder.bitcast(pointer, ir.IntType(8).as_pointer())
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number]),
            "llvm.prefetch.p0",
        )
        self.builder.call(function, [pointer, number(0), number(2), number(1)])

    def add_product(self, a: Typing, b: Typing, total: Typing) -> Typing:
        kind = "f32" if self.number == ir.FloatType() else "f64"
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(self.type, [self.type] * 3), f"llvm.fmuladd.v{self.lanes}{kind}"
        )
        return self.builder.call(function, [a, b, total])

    def add_lanes(self, vectors: list[Typing]) -> Typing:
        """A vector with the sum of each of the `lanes` vectors: each round adds neighbours, of two vectors into one."""
        n = self.lanes
        even, odd = range(0, 2 * n, 2), range(1, 2 * n, 2)
        while len(vectors) > 1:
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            vectors = [self.builder.fadd(self.shuffle(a, b, even), self.shuffle(a, b, odd)) for a, b in pairs]
        return vectors[0]

    def sums(self, values: list[Typing]) -> list[Typing]:
        """Variables that LLVM keeps in registers, since nothing but load and store ever touches them."""
        return [cgutils.alloca_once_value(self.builder, value) for value in values]


def tiles(builder: Typing, n: int, begin: Typing, end: Typing) -> Typing:
    """A loop over begin, begin + n, ... while n more fit before `end`, and where it ends: there smaller tiles go on."""
    count = builder.sdiv(builder.sub(end, begin), INTP(n))
    after = builder.add(begin, builder.mul(count, INTP(n)))
    return cgutils.for_range_slice(builder, begin, after, INTP(n), INTP), after


def each_tile(builder: Typing, sizes: Iterable[int], end: Typing, write: Callable[[int, Typing], None]) -> Typing:
    """Loops over 0..end in tiles of the first size while they fit, then of the next; returns where the last one ended.

    write(size, at) writes a tile that begins at `at`.
    """
    done = INTP(0)
    for size in sizes:
        loop, done = tiles(builder, size, done, end)
        with loop as (at, _):
            write(size, at)
    return done


def each_vector(whole: Vectors, array: Typing, length: Typing, write: Callable[[Vectors, Typing], None]) -> None:
    """Loops over 0..length a vector at a time; write(v, at) writes one, v being masked for what is left at the end."""
    builder = whole.builder
    done = each_tile(builder, [whole.lanes], length, lambda _, at: write(whole, at))
    rest = builder.sub(length, done)
    with builder.if_then(builder.icmp_signed(">", rest, INTP(0))):
        write(Vectors(whole.context, builder, array, rest), done)


@intrinsic(prefer_literal=True)
def lanes(typing: Typing, array: Typing) -> Typing:
    """The numbers in a vector of the array's dtype."""
    size = VECTOR_BYTES // (array.dtype.bitwidth // 8)
    return types.intp(array), lambda context, builder, signature, arguments: INTP(size)


@intrinsic(prefer_literal=True)
def copy_number(typing: Typing, source: Typing, source_at: Typing, target: Typing, target_at: Typing) -> Typing:
    """target[target_at] = source[source_at], in arrays of any shape."""

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        source_, source_at, target_, target_at = arguments
        v = Vectors(context, builder, source)
        builder.store(builder.load(v.pointer(source, source_, source_at)), v.pointer(target, target_, target_at))
        return context.get_dummy_value()

    return types.void(source, source_at, target, target_at), code


@intrinsic(prefer_literal=True)
def transpose_square(
    typing: Typing, source: Typing, source_at: Typing, source_rows: Typing, target: Typing, target_at: Typing,
    target_rows: Typing,
) -> Typing:  # fmt: skip
    """target[target_at + target_rows[c] + r] = source[source_at + source_rows[r] + c] for r, c in 0..lanes

    A round of interleaving the first half of the rows with the second turns the bits of a number's (row, column) by
    one place: after log2(lanes) rounds row and column have changed places, and no number went through memory.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        source_, source_at, source_rows_, target_, target_at, target_rows_ = arguments
        v = Vectors(context, builder, source)
        n = v.lanes

        def row(array: Typing, value: Typing, at: Typing, starts: Typing, starts_: Typing, r: int) -> Typing:
            start = builder.load(v.pointer(starts, starts_, INTP(r)))
            return v.pointer(array, value, builder.add(at, start))

        square = [v.load(row(source, source_, source_at, source_rows, source_rows_, r)) for r in range(n)]
        for _ in range(n.bit_length() - 1):
            square = [v.interleave(square[r // 2], square[r // 2 + n // 2], r % 2) for r in range(n)]
        for r in range(n):
            v.store(square[r], row(target, target_, target_at, target_rows, target_rows_, r))
        return context.get_dummy_value()

    return types.void(source, source_at, source_rows, target, target_at, target_rows), code


@intrinsic(prefer_literal=True)
def sum_lanes(typing: Typing, total: Typing, at: Typing, sums: Typing, to: Typing, count: Typing) -> Typing:
    """sums[to + k] = sum of total[at + k*lanes:][:lanes] for k in 0..count, at most lanes; reads lanes vectors."""

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        total_, at, sums_, to, count = arguments
        v = Vectors(context, builder, total)
        n = v.lanes
        vectors = [v.load(v.pointer(total, total_, builder.add(at, INTP(k * n)))) for k in range(n)]
        Vectors(context, builder, total, count).store(v.add_lanes(vectors), v.pointer(sums, sums_, to))
        return context.get_dummy_value()

    return types.void(total, at, sums, to, count), code
