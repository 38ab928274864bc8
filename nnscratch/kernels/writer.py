"""What writes instructions on whole vectors: `v` in every intrinsic. How to read one: vectors.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from llvmlite import ir
from numba.core import cgutils
from numba.core.base import BaseContext

from nnscratch.kernels.values import BYTE, INTP, Array, Condition, Index, Number, Value, Vector

_INT32 = ir.IntType(32)
_LETTERS = {ir.FloatType(): "f32", ir.DoubleType(): "f64", BYTE: "i8"}


class Sum:
    """A vector that is added to. LLVM keeps it in a register: nothing ever asks for its address."""

    def __init__(self, v: Vectors, begin: Vector) -> None:
        self._v, self._variable = v, cgutils.alloca_once_value(v.builder, begin.llvm)

    @property
    def value(self) -> Vector:
        return Value(self._v.builder, self._v.builder.load(self._variable))

    def begin_again(self, vector: Vector) -> None:
        self._v.builder.store(vector.llvm, self._variable)

    def add(self, vector: Vector) -> None:
        self._v.builder.store((self.value + vector).llvm, self._variable)

    def add_product(self, a: Vector, b: Vector) -> None:
        self._v.builder.store(self._v.add_product(a, b, self.value).llvm, self._variable)


class Vectors:
    """Writes instructions on vectors: `v` in every intrinsic.

    tests_masks : whether a branch tells a mask of all lanes from others: where masks are slow
    mask        : which lanes exist; None for all of them
    """

    def __init__(
        self, context: BaseContext, builder: ir.IRBuilder, number: ir.Type, lanes: int, tests_masks: bool
    ) -> None:
        self.context, self.builder, self.number, self.lanes = context, builder, number, lanes
        self.tests_masks = tests_masks
        self.mask: Condition | None = None

    # Other vectors: with fewer lanes, or more.

    def masked(self, mask: Condition) -> Vectors:
        """The same vectors, of which only the lanes with a 1 in the mask are read and written."""
        vectors = Vectors(self.context, self.builder, self.number, self.lanes, self.tests_masks)
        vectors.mask = mask
        return vectors

    def first(self, count: Index) -> Vectors:
        """The same vectors, of which only the first `count` lanes are read and written."""
        lane = ir.Constant(ir.VectorType(INTP, self.lanes), list(range(self.lanes)))
        return self.masked(Value(self.builder, lane) < self.splat(count))

    def mask_of_first(self, count: Index) -> Condition:
        """The mask of `first`, from a number's bits: LLVM would repeat a comparison in each round."""
        builder, bits = self.builder, ir.IntType(2 * self.lanes)
        number = builder.trunc(self.smaller(count, self.lanes).llvm, bits)
        ones = builder.trunc(builder.sub(builder.shl(bits(1), number), bits(1)), ir.IntType(self.lanes))
        return Value(builder, builder.bitcast(ones, ir.VectorType(ir.IntType(1), self.lanes)))

    def of_bytes(self, lanes: int) -> Vectors:
        """Vectors of so many bytes."""
        return Vectors(self.context, self.builder, BYTE, lanes, self.tests_masks)

    # Numbers, and memory.

    def index(self, number: int) -> Index:
        return Value(self.builder, INTP(number))

    def byte(self, number: int) -> Number:
        return Value(self.builder, BYTE(number))

    def zero(self) -> Vector:
        return self.constant(0)

    def constant(self, number: float) -> Vector:
        """A number known now, in every lane."""
        return Value(self.builder, ir.Constant(ir.VectorType(self.number, self.lanes), [number] * self.lanes))

    def splat(self, number: Number) -> Vector:
        """The number in every lane."""
        vector = ir.VectorType(number.llvm.type, self.lanes)
        undefined = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(undefined, number.llvm, _INT32(0))
        zeros = ir.Constant(ir.VectorType(_INT32, self.lanes), [0] * self.lanes)
        return Value(self.builder, self.builder.shuffle_vector(one, undefined, zeros))

    def load(self, place: Array) -> Vector:
        """The vector that begins at this place, 0 in lanes that do not exist."""
        place.check(self.lanes, self.mask)
        vector = ir.VectorType(place.number, self.lanes)
        align = self.context.get_abi_sizeof(place.number)
        address = self.builder.bitcast(place.address, vector.as_pointer())
        if self.mask is None:
            return Value(self.builder, self.builder.load(address, align=align))
        zeros = ir.Constant(vector, [0] * self.lanes)
        masked = [address, _INT32(align), self.mask.llvm, zeros]
        if not self.tests_masks or place.number != BYTE:
            return self._call_masked("load", vector, vector, masked)
        loaded = cgutils.alloca_once(self.builder, vector)
        with self.either(self.mask.to_bits().equals(-1)) as (whole, part):
            with whole:
                self.builder.store(self.builder.load(address, align=align), loaded)
            with part:
                self.builder.store(self._call_masked("load", vector, vector, masked).llvm, loaded)
        return Value(self.builder, self.builder.load(loaded))

    def store(self, vector: Vector | Sum, place: Array) -> None:
        """Writes the lanes that exist.

        AVX has no masks for bytes: LLVM would write a branch for each; and a store of floats with a
        mask takes tens of cycles. So there one branch tells whole vectors from others.
        """
        place.check(self.lanes, self.mask)
        value = (vector.value if isinstance(vector, Sum) else vector).llvm
        align = self.context.get_abi_sizeof(value.type.element)
        address = self.builder.bitcast(place.address, value.type.as_pointer())
        if self.mask is None:
            self.builder.store(value, address, align=align)
            return
        masked = [value, address, _INT32(align), self.mask.llvm]
        if not self.tests_masks:
            self._call_masked("store", value.type, ir.VoidType(), masked)
            return
        with self.either(self.mask.to_bits().equals(-1)) as (whole, part):
            with whole:
                self.builder.store(value, address, align=align)
            with part:
                self._call_masked("store", value.type, ir.VoidType(), masked)

    def prefetch(self, place: Array) -> None:
        """Calls the cache line of a place into the second-level cache; nothing waits for it.

        The place may be anywhere, even outside the array.
        """
        address = self.builder.bitcast(place.address, BYTE.as_pointer())
        self._call("llvm.prefetch.p0", ir.VoidType(), [address, _INT32(0), _INT32(2), _INT32(1)])

    def _call_masked(self, name: str, vector: ir.Type, result: ir.Type, arguments: list[ir.Value]) -> Value:
        return self._call(f"llvm.masked.{name}.v{self.lanes}{_LETTERS[vector.element]}.p0", result, arguments)

    def _call(self, name: str, result: ir.Type, arguments: list[ir.Value]) -> Value:
        function_type = ir.FunctionType(result, [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, function_type, name)
        return Value(self.builder, self.builder.call(function, arguments))

    # Arithmetic that Python has no operator for.

    def add_product(self, a: Vector, b: Vector, total: Vector) -> Vector:
        """total + a * b in one instruction, rounded once."""
        name = f"llvm.fmuladd.v{self.lanes}{_LETTERS[self.number]}"
        return self._call(name, total.llvm.type, [a.llvm, b.llvm, total.llvm])

    def sums(self, begin: Iterable[Vector]) -> list[Sum]:
        """A Sum for each vector, which it begins with."""
        return [Sum(self, vector) for vector in begin]

    def choose(self, condition: Condition, yes: Value | int, no: Value | int) -> Value:
        """yes where the condition holds, no elsewhere; for each lane by itself."""
        first = yes if isinstance(yes, Value) else self.index(yes)
        return Value(self.builder, self.builder.select(condition.llvm, first.llvm, first._like_this(no)))

    def smaller(self, a: Index, b: Index | int) -> Index:
        b = b if isinstance(b, Value) else self.index(b)
        return self.choose(a < b, a, b)

    def shuffle(self, a: Vector, b: Vector, order: Iterable[int]) -> Vector:
        """The numbers of a and b, counted as one vector, in another order."""
        places = ir.Constant(ir.VectorType(_INT32, self.lanes), list(order))
        return Value(self.builder, self.builder.shuffle_vector(a.llvm, b.llvm, places))

    def load_pair(self, first: Array, second: Array) -> Vector:
        """A quarter of a vector from one place, behind it a quarter from another; anything may follow."""
        size = self.lanes // 4
        quarter = Vectors(self.context, self.builder, self.number, size, self.tests_masks)
        half, whole = (ir.Constant(ir.VectorType(_INT32, k * size), list(range(k * size))) for k in (2, 4))
        pair = self.builder.shuffle_vector(quarter.load(first).llvm, quarter.load(second).llvm, half)
        return Value(self.builder, self.builder.shuffle_vector(pair, ir.Constant(pair.type, ir.Undefined), whole))

    def widen(self, numbers: Vector) -> Vector:
        """Bytes as whole numbers of 32 bits."""
        return Value(self.builder, self.builder.zext(numbers.llvm, ir.VectorType(_INT32, self.lanes)))

    def look_up(self, numbers: Vector, places: Vector) -> Vector:
        """numbers[places[k] % 16] in lane k, for 16 lanes of float32: AVX-512. places : of 32 bits"""
        return self._call("llvm.x86.avx512.permvar.sf.512", numbers.llvm.type, [numbers.llvm, places.llvm])

    def interleave(self, a: Vector, b: Vector, half: int, unit: int = 1) -> Vector:
        """The first (0) or second (1) half of a0 b0 a1 b1 ..., each of which is `unit` numbers."""
        n, u = self.lanes, unit
        places = ((k // u // 2, k // u % 2, k % u) for k in range(half * n, half * n + n))
        return self.shuffle(a, b, (place * u + n * second + i for place, second, i in places))

    def every_second(self, a: Vector, b: Vector, second: int, unit: int) -> Vector:
        """`interleave` undone: of a and b, units 0, 2, 4, ...; or 1, 3, 5, ... with second = 1."""
        places = range(2 * self.lanes)
        return self.shuffle(a, b, (place for place in places if place // unit % 2 == second))

    def add_lanes(self, vectors: list[Vector]) -> Vector:
        """The sums of `lanes` vectors, as one vector. A round adds neighbours of two vectors."""
        even, odd = range(0, 2 * self.lanes, 2), range(1, 2 * self.lanes, 2)
        while len(vectors) > 1:
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            vectors = [self.shuffle(a, b, even) + self.shuffle(a, b, odd) for a, b in pairs]
        return vectors[0]

    def opaque(self, number: Index) -> Index:
        """The number, which LLVM can no longer trace to where it comes from."""
        kind = ir.FunctionType(number.llvm.type, [number.llvm.type])
        return Value(self.builder, self.builder.asm(kind, "", "=r,0", [number.llvm], False))

    # Loops and branches of the program.

    def when(self, condition: Condition) -> AbstractContextManager[None]:
        """The instructions within are done if the condition holds."""
        return self.builder.if_then(condition.llvm)

    def either(self, condition: Condition) -> AbstractContextManager[tuple[AbstractContextManager[None], ...]]:
        """Two branches, (yes, no): what is written `with yes` is done if the condition holds."""
        return self.builder.if_else(condition.llvm)

    @contextmanager
    def loop(self, start: Index | int, stop: Index | int | None = None, step: int = 1) -> Iterator[Index]:
        """A loop over start..stop, or over 0..start if stop is None, as `range` does; step > 0."""
        if stop is None:
            with cgutils.for_range(self.builder, self._index(start), intp=INTP) as loop:
                yield Value(self.builder, loop.index)
        else:
            with self.steps(start, stop, step) as (index, _):
                yield index

    @contextmanager
    def steps(self, start: Index | int, stop: Index | int, step: int) -> Iterator[tuple[Index, Index]]:
        """`loop`, with the number of the round as well."""
        limits = (self._index(limit) for limit in (start, stop, step))
        with cgutils.for_range_slice(self.builder, *limits, INTP) as (index, count):
            yield Value(self.builder, index), Value(self.builder, count)

    def _index(self, number: Index | int) -> ir.Value:
        return number.llvm if isinstance(number, Value) else INTP(number)

    def each_tile(self, sizes: Iterable[int], end: Index, write: Callable[[int, Index], None]) -> Index:
        """Loops over 0..end in tiles of the first size while they fit, then of the next.

        write(size, at) writes a tile that begins at `at`. Returns where the last tile ends.
        """
        done = self.index(0)
        for size in sizes:
            after = done + (end - done) // size * size
            with self.loop(done, after, size) as at:
                write(size, at)
            done = after
        return done

    def each_tile_of_vectors(
        self, sizes: Iterable[int], length: Index, write: Callable[[Vectors, int, Index], None]
    ) -> None:
        """Loops over 0..length in tiles of so many vectors; the very last one may lack lanes.

        write(v, vectors, at) writes a tile that begins at `at`; for the last one, v is
        v.first(rest).
        """
        numbers = [vectors * self.lanes for vectors in sizes]
        done = self.each_tile(numbers, length, lambda size, at: write(self, size // self.lanes, at))
        rest = length - done
        part = self.first(rest)
        part.tests_masks = False  # it never has all lanes
        with self.when(rest > 0):
            write(part, 1, done)

    def each_vector(self, length: Index, write: Callable[[Vectors, Index], None]) -> None:
        """Loops over 0..length by vectors: write(v, at), with v.first(rest) for the last one."""
        self.each_tile_of_vectors([1], length, lambda v, _, at: write(v, at))
