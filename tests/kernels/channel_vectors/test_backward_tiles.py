"""Sums of chosen runs of memory against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.channel_vectors.backward_tiles import (
    PATCH_VECTORS,
    PLACES_PER_RUN,
    RUNS_PER_MASK,
    add_chosen,
    add_chosen_to_patches,
    add_windows,
    runs_of_places,
)
from nnscratch.kernels.vectors import VECTOR_BYTES
from tests.kernels.channel_vectors.flat_arrays import check, random


@njit
def windows(*arguments):
    add_windows(*arguments)


@pytest.mark.parametrize("bits", [0, 1, 1 << 63, 0b1011 << 30, (1 << 64) - 1])
@pytest.mark.parametrize(("rows", "length"), [(1, 1), (3, 16), (2, 37), (5, 150)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_windows(dtype, rows, length, bits) -> None:
    rng = np.random.default_rng(1)
    target, source, factors = random(2, 1000, dtype), random(3, 3000, dtype), random(4, 200, dtype)
    choices, places = rng.integers(0, PLACES_PER_RUN, 200).astype(np.uint8), rng.integers(0, 1900, 64 * PLACES_PER_RUN)
    expected = target.copy()
    for m in range(64):
        if bits >> m & 1:
            run = source[places[m * PLACES_PER_RUN + int(choices[5 + m * 3])] :]
            for i in range(rows):
                expected[7 + i * 160 :][:length] += factors[5 + m * 3] * run[i * 200 :][:length]
    windows(target, 7, 160, source, 200, places, choices, factors, 5, 3, np.uint64(bits), rows, length)
    check(target, expected)


@njit
def places_of_runs(dy, choices, at, bits, to):
    runs_of_places(dy, choices, at, bits, to)


def test_runs_of_places() -> None:
    choices = np.random.default_rng(1).integers(0, 5, 3 + RUNS_PER_MASK).astype(np.uint8)
    bits = np.zeros(6, np.uint64)
    places_of_runs(np.zeros(1), choices, 3, bits, 1)
    for place in range(4):
        assert int(bits[1 + place]) == mask_of(choices[3:] == place)
    assert not bits[[0, 5]].any()


def mask_of(chosen: np.ndarray) -> int:
    """Bit m is chosen[m]."""
    return sum(1 << m for m in range(len(chosen)) if chosen[m])


@njit
def chosen(*arguments):
    add_chosen(*arguments)


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (3, 16), (2, 37)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_chosen(dtype, rows, length) -> None:
    target, factors = random(2, 1000, dtype), random(3, 100, dtype)
    source = random(4, (2 + RUNS_PER_MASK) * rows * 40, dtype)
    choices = np.random.default_rng(1).integers(0, 5, RUNS_PER_MASK).astype(np.uint8)
    for choice in range(5):
        expected = target.copy()
        for m in (choices == choice).nonzero()[0]:
            for i in range(rows):
                run = source[((2 + m) * rows + i) * 40 :][:length]
                expected[7 + i * 160 :][:length] += factors[5 + m] * run
        chosen(target, 7, 160, source, 2, 40, np.uint64(mask_of(choices == choice)), factors, 5, rows, length)
        check(target, expected)


@njit
def patches_of_3(target, to, row_step, pixel_step, source, first, bits, bits_at, factors, at, step, windows, channels):
    add_chosen_to_patches(
        target, to, row_step, pixel_step, source, first, bits, bits_at, factors, at, step, windows, channels, 3
    )


@njit
def patches_of_2(target, to, row_step, pixel_step, source, first, bits, bits_at, factors, at, step, windows, channels):
    add_chosen_to_patches(
        target, to, row_step, pixel_step, source, first, bits, bits_at, factors, at, step, windows, channels, 2
    )


@pytest.mark.parametrize("missing", [0, 1, 5])
@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize("side", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_chosen_to_patches(dtype, side, windows, vectors, missing) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    size = PATCH_VECTORS[side] * lanes
    channels = max(1, min(vectors, PATCH_VECTORS[side]) * lanes - missing)
    pixel_step, row_step, step = channels + 3, 9 * (channels + 3), 70
    target, factors = random(2, 7 + 4 * row_step, dtype), random(3, 5 + windows * step, dtype)
    source = random(4, (2 + RUNS_PER_MASK) * side**2 * size, dtype)
    choices = np.random.default_rng(1).integers(0, 5, (windows, RUNS_PER_MASK)).astype(np.uint8)
    choices[-1][choices[-1] == 2] = 4  # a place that nobody chose
    bits = np.array([0] + [mask_of(chosen == place) for chosen in choices for place in range(4)], np.uint64)
    expected = target.copy()
    for w, m in np.ndindex(choices.shape):
        a, b = divmod(int(choices[w, m]), 2)
        for i, j in np.ndindex(side, side):
            if choices[w, m] < 4:
                run = source[((2 + m) * side**2 + side * i + j) * size :][:channels]
                to = 7 + (a + i) * row_step + (2 * w + b + j) * pixel_step
                expected[to:][:channels] += factors[5 + w * step + m] * run
    add = patches_of_3 if side == 3 else patches_of_2
    add(target, 7, row_step, pixel_step, source, 2, bits, 1, factors, 5, step, windows, channels)
    check(target, expected)
