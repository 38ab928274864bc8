"""The innermost loop of a matrix product, and the layout of its factors, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.products.gemm_tiles import (
    NARROW_PANEL,
    NARROW_TILE,
    PANEL,
    STRIP,
    STRIPS_PER_TILE,
    TALL_PANEL,
    TALL_TILE,
    copy_rows,
    interleave_rows,
    multiply_narrow_tile,
    multiply_tall_tile,
    multiply_tile,
    multiply_tile_and_copy,
    multiply_tile_of_rows,
)
from nnscratch.kernels.vectors import VECTOR_BYTES


@njit
def multiply(packed, a_at, b_at, terms, c, c_at, c_row, rows, columns, add):
    multiply_tile(packed, a_at, terms * STRIP, b_at, terms, c, c_at, c_row, rows, columns, add, c, 0, 0)


@njit
def multiply_rows(a, a_at, a_row, b, b_at, b_row, terms, c, c_at, c_row, rows, columns, add):
    multiply_tile_of_rows(a, a_at, a_row, b, b_at, b_row, terms, c, c_at, c_row, rows, columns, add, 0, 0)


@njit
def multiply_many_rows(a, a_at, a_row, b, b_at, b_row, terms, c, c_at, c_row, rows, columns, add):
    multiply_tall_tile(a, a_at, a_row, b, b_at, b_row, terms, c, c_at, c_row, rows, columns, add, 0, 0)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("terms", [1, 4, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multiply_tile(dtype, terms, add) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    panel = PANEL * lanes
    for rows in (1, STRIP, STRIP + 1, STRIP * STRIPS_PER_TILE + 5):
        for columns in (1, lanes, lanes + 3, panel - 1, panel + 9):
            height, width = min(rows, STRIP * STRIPS_PER_TILE), min(columns, panel)
            a, b = (rng.standard_normal(shape).astype(dtype) for shape in ((2, terms, STRIP), (terms, panel + 10)))
            c = rng.standard_normal((20, panel + 15)).astype(dtype)
            rows_of_a = np.ascontiguousarray(a.transpose(0, 2, 1).reshape(2 * STRIP, terms)[:height])
            expected = c.copy()
            tile = (slice(1, 1 + height), slice(6, 6 + width))
            expected[tile] = (rows_of_a @ b)[:, :width] + (expected[tile] if add else 0)
            place = terms, c, c.shape[1] + 6, c.shape[1], rows, columns, add
            rtol, unpacked = 1e-4 if dtype == np.float32 else 1e-12, c.copy()
            packed = np.concatenate([np.zeros(3, dtype), a.ravel(), b[:, :panel].ravel()])
            multiply(packed, 3, 3 + a.size, *place)
            np.testing.assert_allclose(c, expected, rtol=rtol, atol=1e-5)
            # Rows that do not exist would be read behind the end of this a.
            a_shifted, b_shifted = np.append(np.zeros(3, dtype), rows_of_a), np.append(np.zeros(2, dtype), b)
            multiply_rows(a_shifted, 3, terms, b_shifted, 2, b.shape[1], terms, unpacked, *place[2:])
            np.testing.assert_array_equal(unpacked, c)


@njit
def multiply_narrow(a, a_at, a_row, packed, b_at, b_row, terms, c, c_at, c_row, rows, columns, add):
    multiply_narrow_tile(a, a_at, a_row, packed, b_at, terms, c, c_at, c_row, rows, columns, add, a, 0, 0, 0)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("terms", [1, 4, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("tile_of", "most", "vectors"),
    [(multiply_many_rows, TALL_TILE, TALL_PANEL), (multiply_narrow, NARROW_TILE, NARROW_PANEL)],
)
def test_tiles_of_other_sizes(tile_of, most, vectors, dtype, terms, add) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    panel = vectors * lanes
    beside = 0 if tile_of is multiply_narrow else 10  # columns of b behind the panel: none if it is packed
    for rows in (1, most // 2, most // 2 + 1, most + 3):
        for columns in (1, lanes, lanes + 3, panel - 1, panel + 9):
            height, width = min(rows, most), min(columns, panel)
            a, b = (rng.standard_normal(shape).astype(dtype) for shape in ((height, terms), (terms, panel + beside)))
            c = rng.standard_normal((20, panel + 15)).astype(dtype)
            expected = c.copy()
            tile = (slice(1, 1 + height), slice(6, 6 + width))
            expected[tile] = (a @ b)[:, :width] + (expected[tile] if add else 0)
            # Rows that do not exist would be read behind the end of this a.
            a, b_flat = np.append(np.zeros(3, dtype), a), np.append(np.zeros(2, dtype), b)
            place = c, c.shape[1] + 6, c.shape[1], rows, columns, add
            tile_of(a, 3, terms, b_flat, 2, b.shape[1], terms, *place)
            np.testing.assert_allclose(c, expected, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-5)


@njit
def interleave_4_by_1(source, at, row, rows, count, target, to, step):
    interleave_rows(source, at, row, rows, count, target, to, step, 4, 1)


@njit
def interleave_4_by_4(source, at, row, rows, count, target, to, step):
    interleave_rows(source, at, row, rows, count, target, to, step, 4, 4)


@njit
def interleave_a_square(source, at, row, rows, count, target, to, step):
    interleave_rows(source, at, row, rows, count, target, to, step, 0, 1)


KINDS = [(interleave_4_by_1, 4, 1), (interleave_4_by_4, 4, 4), (interleave_a_square, 0, 1)]


@pytest.mark.parametrize(("interleave", "size", "unit"), KINDS, ids=["4 rows", "4 rows of 4", "a square"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_interleave_rows(dtype, interleave, size, unit) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    size = size or lanes
    piece = max(lanes, size * unit)
    for rows in (1, size - 1, size):
        for count in (1, lanes - 1, lanes, lanes + 5):
            source = np.arange(3 + size * 50, dtype=dtype)
            target = np.full(2 + lanes * (piece + 7), -1, dtype)
            numbers = np.zeros((size, lanes), dtype)
            for r in range(size):
                exist = min(count, lanes)
                numbers[r, :exist] = source[3 + min(r, rows - 1) * 50 :][:exist]
            ordered = numbers.reshape(size, lanes // unit, unit).transpose(1, 0, 2).reshape(-1, piece)
            expected = target.copy()
            for k, one in enumerate(ordered):
                expected[2 + k * (piece + 7) :][:piece] = one
            interleave(source, 3, 50, rows, count, target, 2, piece + 7)
            np.testing.assert_array_equal(target, expected)


@njit
def copy(source, at, row, rows, columns, target, to):
    copy_rows(source, at, row, rows, columns, target, to, PANEL)


@njit
def copy_narrow(source, at, row, rows, columns, target, to):
    copy_rows(source, at, row, rows, columns, target, to, NARROW_PANEL)


@pytest.mark.parametrize(("copy", "vectors"), [(copy, PANEL), (copy_narrow, NARROW_PANEL)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copy_rows(dtype, copy, vectors) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    panel = vectors * lanes
    source = np.arange(500, dtype=dtype)
    for columns in (1, lanes, lanes + 1, panel - 1, panel, panel + 5):
        target = np.full(3 + 4 * panel, -1, dtype)
        copy(source, 5, 60, 3, columns, target, 3)
        count = min(columns, panel)
        rows = np.stack([source[5 + 60 * r :][:count] for r in range(3)])
        np.testing.assert_array_equal(target[3:].reshape(4, panel)[:3, :count], rows)
        assert (target[:3] == -1).all()
        assert (target[3 + 3 * panel :] == -1).all()


@njit
def multiply_and_copy(packed, a_at, b_at, terms, c, columns, to, source, copies):
    multiply_tile_and_copy(
        packed, a_at, terms * STRIP, b_at, terms, c, 0, c.shape[1], len(c), columns, False, to, source, 1, 2, 70, copies
    )


@pytest.mark.parametrize("copies", [0, 1, 3, 9])
def test_a_tile_copies_meanwhile(copies) -> None:
    panel, terms = PANEL * VECTOR_BYTES // 4, 9
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((terms, STRIP), (terms, panel)))
    source = np.arange(800, dtype=np.float32)
    for columns in (panel, panel - 3, 5):
        packed = np.concatenate([a.reshape(-1), b.reshape(-1), np.full(9 * panel, -1, np.float32)])
        c, to = np.zeros((STRIP, panel), np.float32), a.size + b.size
        multiply_and_copy(packed, 0, a.size, terms, c, columns, to, source, copies)
        np.testing.assert_allclose(c[:, :columns], (a.T @ b)[:, :columns], rtol=1e-5, atol=1e-6)
        assert not c[:, columns:].any()
        copied = packed[to:].reshape(9, panel)
        np.testing.assert_array_equal(
            copied[:copies], [source[1 + 70 * r :][:panel] for r in range(copies)] or copied[:0]
        )
        assert (copied[copies:] == -1).all()
