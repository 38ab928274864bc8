"""Networks that steps.py lays out, against the textbook loops."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.channel_vectors.forward import forward
from nnscratch.kernels.image_vectors import chain
from nnscratch.kernels.image_vectors.layout import pack
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.one_call.steps import Steps
from nnscratch.kernels.one_call.table import Place
from nnscratch.kernels.one_call.team import run_together
from nnscratch.kernels.products.matmul import matmul

F = np.float32
ONE, TWO = (1, 1), (2, 2)


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F)


def run(steps: Steps, y: Place, x: np.ndarray) -> np.ndarray:
    result = np.full(y.shape, np.nan, F)
    assert run_together(steps.table(y), x, result, steps.threads)
    return result


def conv_relu_pool(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, padding: tuple[int, int]) -> np.ndarray:
    y = loops.relu_forward(loops.conv2d_forward(x, weight, bias, ONE, padding))
    return loops.max_pool2d_forward(y, TWO, TWO)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("c_in", "c_out", "kernel_size", "padding"),
    [(1, 3, (3, 3), (0, 0)), (3, 20, (2, 3), (1, 0)), (16, 18, (3, 3), (1, 1))],
    ids=["direct, no padding", "direct", "winograd"],
)
def test_channel_vectors(
    c_in: int, c_out: int, kernel_size: tuple[int, int], padding: tuple[int, int], threads: int
) -> None:
    x, weight, bias = draw(2, 11, 10, c_in), draw(*kernel_size, c_in, c_out), draw(c_out)
    for b in (bias, None):
        steps = Steps(x.shape, threads)
        y = steps.channel_vectors(steps.x, weight, b, padding, last=True)
        np.testing.assert_allclose(run(steps, y, x), conv_relu_pool(x, weight, b, padding), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [[1, 2], [2, 3, 4], [1, 4, 9], [2, 12]])
def test_image_vectors(channels: list[int]) -> None:
    x = draw(2, 13, 14, channels[0])
    convs = [(draw(2, 3, c_in, c_out), draw(c_out)) for c_in, c_out in pairwise(channels)]
    steps, expected = Steps(x.shape, 2), x
    for weight, bias in convs:
        expected = conv_relu_pool(expected, weight, bias, (0, 0))
    np.testing.assert_allclose(
        run(steps, steps.image_vectors(steps.x, convs, last=True), x), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("rows", [1, 3])
def test_dense(rows: int, relu: bool) -> None:
    x, weight, bias = draw(rows, 70), draw(70, 11), draw(11)
    for b in (bias, None):
        steps, expected = Steps(x.shape, 1), loops.dense_forward(x, weight, b)
        y = steps.dense(steps.x, weight, b, relu, last=True)
        np.testing.assert_allclose(
            run(steps, y, x), loops.relu_forward(expected) if relu else expected, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("shape", [(1, 3000, 100), (9, 30000, 70), (9, 100, 400), (140, 30, 20)])
def test_dense_from_either_end_has_the_bits_of_matmul(shape: tuple[int, int, int]) -> None:
    rows, n_in, n_out = shape
    x, weight = draw(rows, n_in), draw(n_in, n_out)
    steps = Steps(x.shape, 2)
    y = steps.dense(steps.x, weight, None, False, last=True)
    for _ in range(3):
        np.testing.assert_array_equal(run(steps, y, x), matmul(x, weight))


@pytest.mark.parametrize("shape", [(1, 300, 100), (9, 100, 400), (140, 30, 20), (9, 30000, 70)])
def test_dense_blocks_add_the_bias_of_their_own_columns(shape: tuple[int, int, int]) -> None:
    rows, n_in, n_out = shape
    x, weight, bias = draw(rows, n_in), draw(n_in, n_out), draw(n_out)
    steps = Steps(x.shape, 2)
    y = steps.dense(steps.x, weight, bias, True, last=True)
    np.testing.assert_array_equal(run(steps, y, x), np.maximum(matmul(x, weight) + bias, 0))


@pytest.mark.parametrize("shape", [(1, 300, 100), (1, 3000, 100), (9, 100, 400), (140, 30, 20), (9, 30000, 70)])
def test_dense_notes_an_x_that_is_not_finite_also_where_relu_makes_it_0(shape: tuple[int, int, int]) -> None:
    rows, n_in, n_out = shape
    x, weight = draw(rows, n_in), -np.ones((n_in, n_out), F)
    x[-1, -1] = np.inf
    steps = Steps(x.shape, 2)
    y = steps.dense(steps.x, weight, None, True, last=True)
    assert not run_together(steps.table(y), x, np.empty(y.shape, F), 2)


def test_normalize() -> None:
    x = draw(3, 5, 4, 1)
    steps = Steps(x.shape, 2)
    y = steps.normalize(steps.x, 0.5, 0.1, last=True)
    np.testing.assert_allclose(
        run(steps, y, x), loops.normalize_forward(x.reshape(3, 20), 0.5, 0.1).reshape(x.shape), rtol=1e-5, atol=1e-6
    )


def test_no_number_is_left() -> None:
    steps = Steps((1, 2, 2, 1), 1)
    with pytest.raises(ValueError, match="expected at least one number"):
        steps.channel_vectors(steps.x, draw(2, 2, 1, 3), None, (0, 0), last=True)


def test_small_networks_are_not_shared() -> None:
    steps = Steps((1, 70), 2)
    steps.dense(steps.x, draw(70, 11), None, False, last=False)
    assert not steps.is_worth_threads
    steps.dense(Place(0, (1, 9000)), draw(9000, 100), None, False, last=True)
    assert steps.is_worth_threads


@pytest.mark.parametrize("channels", [(3, 20), (16, 40)], ids=["direct", "winograd"])
def test_channel_vectors_with_argmax(channels: tuple[int, int]) -> None:
    x, weight, bias = draw(2, 36, 34, channels[0]), draw(3, 3, *channels), draw(channels[1])
    shape = 2, 18, 17, channels[1]
    y, argmax, expected = np.empty(shape, F), np.full(shape, 77, np.uint8), np.empty(shape, F)
    winners = np.empty(shape, np.uint8)
    forward(x, weight, bias, (1, 1), expected, winners, Scratch(), winograd=channels[0] == 16)
    steps = Steps(x.shape, 2)
    place = steps.channel_vectors(steps.x, weight, bias, (1, 1), last=True, argmax=argmax.ctypes.data)
    assert steps.read.shape == (2, 38, 36, channels[0])
    assert run_together(steps.table(place), x, y, 2)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)


@pytest.mark.parametrize(("images", "block"), [(1, 1), (3, 2), (16, 16)])
def test_chains(images: int, block: int) -> None:
    convs = [(draw(3, 2, c_in, c_out), draw(c_out) if c_out > 3 else None) for c_in, c_out in pairwise([2, 3, 9])]
    x, rows, x_at, weight_at, height, width = draw(images, 33, 30, 2), [], 0, 0, 33, 30
    for weight, _ in convs:
        c_in, c_out = weight.shape[2:]
        pooled = (height - 2) // 2, (width - 1) // 2
        y_at, bias_at = x_at + height * width * c_in * block, weight_at + weight.size
        rows.append((height, width, c_in, 3, 2, c_out, *pooled, x_at, y_at, weight_at, bias_at))
        (height, width), x_at, weight_at = pooled, y_at, bias_at + c_out
    geometry, blocks, numbers = np.array(rows, np.int64), -(-images // block), x_at + height * width * 9 * block
    both = [np.concatenate([w.reshape(-1), np.zeros(w.shape[3], F) if b is None else b]) for w, b in convs]
    expected, winners = np.full((blocks, numbers), 9, F), np.full((blocks, numbers), 77, np.uint8)
    for k in range(blocks):
        some = np.ascontiguousarray(x[k * block : (k + 1) * block])
        pack(some, len(some), chain.input_map(expected[k], geometry[0], len(some)))
        chain.chain_forward(len(some), geometry, np.concatenate(both), expected[k], winners[k], 0, 1)

    maps, argmax, y = (
        np.full((blocks, numbers), 9, F),
        np.full((blocks, numbers), 77, np.uint8),
        np.empty((images, height, width, 9), F),
    )
    steps = Steps(x.shape, 2)
    place = steps.chains(steps.x, convs, geometry, block, Place.of(maps), last=True, argmax=argmax.ctypes.data)
    assert place.shape == (images, height, width, 9)
    assert run_together(steps.table(place), x, y, 2)
    np.testing.assert_array_equal(maps, expected)
    np.testing.assert_array_equal(argmax, winners)
