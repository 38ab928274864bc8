"""The decorator that makes intrinsics, and the instructions that the notation writes."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nnscratch.kernels.compiled import CHECKED
from nnscratch.kernels.values import Array, Index, Number
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes, writes_vectors
from nnscratch.kernels.writer import Vectors


@writes_vectors
def add_scaled(v: Vectors, x: Array, x_at: Index, factor: Number, y: Array, y_at: Index, length: Index) -> None:
    """y[y_at + k] += factor * x[x_at + k]    for k in 0..length"""
    x, y = x + x_at, y + y_at
    factors = v.splat(factor)

    def step(v: Vectors, k: Index) -> None:
        v.store(v.add_product(factors, v.load(x + k), v.load(y + k)), y + k)

    v.each_vector(length, step)


@intrinsic
def add_scaled_by_hand(typing_context, x, x_at, factor, y, y_at, length):
    """add_scaled in the instructions of LLVM's builder, and nothing else."""
    n = VECTOR_BYTES // (x.dtype.bitwidth // 8)
    letter = {32: "f32", 64: "f64"}[x.dtype.bitwidth]

    def code(context, builder, signature, arguments):
        x_array, x_at, factor, y_array, y_at, length = arguments
        intp, i32 = ir.IntType(64), ir.IntType(32)
        vector = ir.VectorType(factor.type, n)
        mask_type, align = ir.VectorType(ir.IntType(1), n), x.dtype.bitwidth // 8
        x0 = builder.gep(context.make_array(x)(context, builder, x_array).data, [x_at])
        y0 = builder.gep(context.make_array(y)(context, builder, y_array).data, [y_at])

        def declared(name: str, result: ir.Type, parameters: list[ir.Type]) -> ir.Function:
            return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, parameters), name)

        def splat(value: ir.Value) -> ir.Value:
            kind = ir.VectorType(value.type, n)
            one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, i32(0))
            zeros = ir.Constant(ir.VectorType(i32, n), [0] * n)
            return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

        fma = declared(f"llvm.fmuladd.v{n}{letter}", vector, [vector] * 3)
        address = vector.as_pointer()
        load = declared(f"llvm.masked.load.v{n}{letter}.p0", vector, [address, i32, mask_type, vector])
        store = declared(f"llvm.masked.store.v{n}{letter}.p0", ir.VoidType(), [vector, address, i32, mask_type])
        factors = splat(factor)
        whole = builder.mul(builder.sdiv(length, intp(n)), intp(n))
        with cgutils.for_range_slice(builder, intp(0), whole, intp(n), intp) as (k, _):
            x_k, y_k = (builder.bitcast(builder.gep(start, [k]), address) for start in (x0, y0))
            total = builder.call(fma, [factors, builder.load(x_k, align=align), builder.load(y_k, align=align)])
            builder.store(total, y_k, align=align)
        rest = builder.sub(length, whole)
        with builder.if_then(builder.icmp_signed(">", rest, intp(0))):
            lane = ir.Constant(ir.VectorType(intp, n), list(range(n)))
            mask, zeros = builder.icmp_signed("<", lane, splat(rest)), ir.Constant(vector, [0] * n)
            x_k, y_k = (builder.bitcast(builder.gep(start, [whole]), address) for start in (x0, y0))
            xs, ys = (builder.call(load, [place, i32(align), mask, zeros]) for place in (x_k, y_k))
            builder.call(store, [builder.call(fma, [factors, xs, ys]), y_k, i32(align), mask])
        return context.get_dummy_value()

    return types.void(x, x_at, factor, y, y_at, length), code


def kernel_of(function: Any) -> Callable[..., None]:
    @njit
    def kernel(x, x_at, factor, y, y_at, length):
        function(x, x_at, factor, y, y_at, length)

    return kernel


def instructions(kernel: Any) -> list[str]:
    """The machine code for the only signature: the lines of its assembly, without the names of
    functions.
    """
    assembly = kernel.inspect_asm(kernel.signatures[0])
    lines = re.sub(r"[\w.]*_ZN[\w.$]+|\.const\.[\w.$<>]+|pickledata[\w.]+", "name", assembly).splitlines()
    return [line for line in lines if re.match(r"\t[a-z]|\.L\w+:", line)]


@pytest.mark.parametrize("length", [0, 1, 16, 37])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", [add_scaled, add_scaled_by_hand], ids=["notation", "by hand"])
def test_add_scaled(function, dtype, length) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(50).astype(dtype), rng.standard_normal(60).astype(dtype)
    expected = y.copy()
    expected[4 : 4 + length] += dtype(0.5) * x[3 : 3 + length]
    kernel_of(function)(x, 3, dtype(0.5), y, 4, length)
    np.testing.assert_allclose(y, expected, rtol=10 * np.finfo(dtype).eps)


@pytest.mark.skipif(CHECKED, reason="NNSCRATCH_CHECK=1: each load and store is checked")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="elsewhere other registers are chosen")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_instructions_are_those_that_one_would_write_by_hand(dtype) -> None:
    written = []
    for function in (add_scaled, add_scaled_by_hand):
        kernel = kernel_of(function)
        kernel(np.ones(9, dtype), 0, dtype(2), np.ones(9, dtype), 0, 9)
        written.append(instructions(kernel))
    assert len(written[0]) > 20
    assert written[0] == written[1]


def test_arguments_may_be_named() -> None:
    @njit
    def kernel(x, y):
        add_scaled(x, factor=3.0, y=y, length=4, x_at=1, y_at=2)

    y = np.zeros(8)
    kernel(np.arange(8.0), y)
    assert y.tolist() == [0, 0, 3, 6, 9, 12, 0, 0]


def test_memory_that_is_not_contiguous_is_refused() -> None:
    with pytest.raises(TypeError, match=r"got array\(float64, 1d, A\), expected contiguous memory"):
        kernel_of(add_scaled)(np.ones(20)[::2], 0, 1.0, np.ones(9), 0, 9)


@writes_vectors
def fill(v: Vectors, x: Array, times: int, count: Index | None) -> None:
    """The first `count` numbers of `times` vectors become 1; all of them if count is None."""
    part = v if count is None else v.first(count)
    for k in range(times):
        part.store(v.zero() + 1, x + k * v.lanes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_literal_is_a_number_and_none_is_none_when_the_code_is_written(dtype) -> None:
    @njit
    def kernel(x, count):
        fill(x, 2, count)

    n = VECTOR_BYTES // np.dtype(dtype).itemsize
    x = np.zeros(3 * n, dtype)
    kernel(x, 3)
    assert x.nonzero()[0].tolist() == [0, 1, 2, n, n + 1, n + 2]
    kernel(x, None)
    assert x.sum() == 2 * n


def test_a_number_where_a_literal_must_be_is_refused() -> None:
    @njit
    def kernel(x, times):
        fill(x, times, None)

    with pytest.raises(TypingError, match="fill: got int64 for times, expected a literal"):
        kernel(np.zeros(100), 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_lanes(dtype) -> None:
    @njit
    def kernel(x):
        return lanes(x)

    assert kernel(np.zeros(1, dtype)) == VECTOR_BYTES // np.dtype(dtype).itemsize
