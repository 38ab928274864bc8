"""Forward with training: what backward needs is where stages keep it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nnscratch.kernels.channel_vectors.forward import forward
from nnscratch.kernels.image_vectors import chain
from nnscratch.kernels.image_vectors.layout import pack
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.one_call.team import run_together
from nnscratch.kernels.one_call.training import TrainingSteps

F = np.float32


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F)


@pytest.mark.parametrize("channels", [(3, 20), (16, 40)], ids=["direct", "winograd"])
def test_channel_vectors_with_argmax(channels: tuple[int, int]) -> None:
    x, weight, bias = draw(2, 36, 34, channels[0]), draw(3, 3, *channels), draw(channels[1])
    shape = 2, 18, 17, channels[1]
    y, argmax, expected = np.empty(shape, F), np.full(shape, 77, np.uint8), np.empty(shape, F)
    winners = np.empty(shape, np.uint8)
    forward(x, weight, bias, (1, 1), expected, winners, Scratch(), winograd=channels[0] == 16)
    steps = TrainingSteps(x.shape, 2)
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

    maps, argmax, y = np.full((blocks, numbers), 9, F), np.full((blocks, numbers), 77, np.uint8), np.empty(0, F)
    steps = TrainingSteps(x.shape, 2)
    place = steps.chains(steps.x, convs, geometry, block, maps, argmax)
    assert place.shape == (images, height, width, 9)
    y = np.empty(1, F)
    assert run_together(steps.table(place), x, y, 2)
    np.testing.assert_array_equal(maps, expected)
    np.testing.assert_array_equal(argmax, winners)
