"""Tables of a backward pass, layer by layer, against the kernels that stages call."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nnscratch.kernels.channel_vectors.backward import backward, padded
from nnscratch.kernels.channel_vectors.forward import forward
from nnscratch.kernels.image_vectors import chain
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.one_call import gradients as tables
from nnscratch.kernels.one_call.gradients import GradientSteps, partial_sums
from nnscratch.kernels.one_call.table import Place
from nnscratch.kernels.one_call.team import run_together

F = np.float32


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F)


def nines(*shape: int) -> np.ndarray:
    return np.full(shape, 9, F)


def place(array: np.ndarray) -> Place:
    return Place(array.ctypes.data, array.shape)


def run(table: GradientSteps, x: np.ndarray) -> None:
    assert run_together(table.written(), x, x, table.threads)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that small layers are cut into many parts."""
    monkeypatch.setattr(tables, "_PRODUCTS_PER_BLOCK", 2000)


LAYERS = {  # x, channels out, kernel, padding
    "by run, by place": ((2, 11, 10, 3), 20, (2, 3), (0, 0)),
    "by channel": ((1, 21, 12, 1), 32, (3, 3), (0, 0)),
    "3x3, frame": ((3, 13, 15, 16), 70, (3, 3), (1, 2)),
    "2x2, an odd row left": ((1, 14, 14, 33), 18, (2, 2), (0, 0)),
    "large kernel": ((1, 18, 17, 5), 19, (6, 4), (3, 1)),
    "a window": ((1, 3, 3, 4), 5, (2, 2), (0, 0)),
    "parts of two images": ((11, 8, 9, 2), 17, (3, 2), (1, 0)),
}


@pytest.mark.parametrize("wants_dx", [True, False])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_channel_vectors_bit_by_bit(name: str, threads: int, wants_dx: bool) -> None:
    shape, c_out, kernel_size, padding = LAYERS[name]
    x, weight, bias = draw(*shape), draw(*kernel_size, shape[3], c_out), draw(c_out)
    pooled = [(n + 2 * p - k + 1) // 2 for n, p, k in zip(shape[1:3], padding, kernel_size, strict=True)]
    y, argmax, scratch = nines(shape[0], *pooled, c_out), np.empty((shape[0], *pooled, c_out), np.uint8), Scratch()
    forward(x, weight, bias, padding, y, argmax, scratch, winograd=False)
    dy = draw(*y.shape)
    expected = np.empty_like(weight), np.empty_like(bias), np.empty_like(x) if wants_dx else None
    backward(x, weight, dy, argmax, padding, *expected, scratch)

    read = padded(x, padding, Scratch()) if padding != (0, 0) else x
    dweight, dbias, dx = nines(*weight.shape), nines(c_out), nines(*shape)
    of_weight, of_bias, turned = (nines(*of) for of in partial_sums(weight.shape, shape[0]))
    for _ in range(2):  # the second time in used memory
        table = GradientSteps(shape, threads)
        place_of_dx = place(dx) if wants_dx else None
        sums = of_weight, of_bias, turned
        table.channel_vectors(place(read), place(dy), argmax, weight, padding, dweight, dbias, sums, place_of_dx)
        run(table, x)
        np.testing.assert_array_equal(dweight, expected[0])
        np.testing.assert_array_equal(dbias, expected[1])
        if expected[2] is not None:
            np.testing.assert_array_equal(dx, expected[2])


@pytest.mark.parametrize("wants_dx", [True, False])
@pytest.mark.parametrize(("images", "block"), [(1, 1), (3, 2), (16, 16)])
def test_chains_bit_by_bit(images: int, block: int, wants_dx: bool) -> None:
    channels, size = [2, 3, 9, 5], 33
    weights = [draw(3, 2, c_in, c_out) for c_in, c_out in pairwise(channels)]
    rows, x_at, weight_at, height, width = [], 0, 0, size, size
    for weight in weights:
        c_in, c_out = weight.shape[2:]
        pooled = (height - 2) // 2, (width - 1) // 2
        y_at, bias_at = x_at + height * width * c_in * block, weight_at + weight.size
        rows.append((height, width, c_in, 3, 2, c_out, *pooled, x_at, y_at, weight_at, bias_at))
        (height, width), x_at, weight_at = pooled, y_at, bias_at + c_out
    geometry, blocks = np.array(rows, np.int64), -(-images // block)
    numbers = x_at + height * width * channels[-1] * block
    parameters = np.concatenate([np.append(weight, draw(weight.shape[3])) for weight in weights])
    maps, argmax, dy = nines(blocks, numbers), np.full((blocks, numbers), 77, np.uint8), draw(images, height, width, 5)
    gradients, sums, expected_dx = nines(blocks, numbers), nines(blocks, len(parameters)), nines(images, size, size, 2)
    for k in range(blocks):
        some = slice(k * block, min(images, (k + 1) * block))
        count = some.stop - some.start
        maps[k, : geometry[0, chain.Y_AT]] = draw(int(geometry[0, chain.Y_AT]))
        chain.chain_forward(count, geometry, parameters, maps[k], argmax[k], 0, 1)
        at = chain.output_map(gradients[k], geometry[-1], count)
        at[:] = dy[some].transpose(3, 1, 2, 0).reshape(at.shape)
        chain.chain_backward(count, geometry, parameters, maps[k], argmax[k], gradients[k], sums[k], wants_dx)
        first = chain.input_map(gradients[k], geometry[0], count)
        expected_dx[some] = first.reshape(2, size, size, count).transpose(3, 1, 2, 0)

    got, partial, total, dx = (
        nines(blocks, numbers),
        nines(*sums.shape),
        nines(len(parameters)),
        nines(*expected_dx.shape),
    )
    table = GradientSteps((images, size, size, 2), 2)
    where = place(dx) if wants_dx else None
    table.chains(weights, geometry, block, maps, argmax, got, partial, total, place(dy), where)
    run(table, dx)
    np.testing.assert_array_equal(total, np.sum(sums, axis=0))
    np.testing.assert_array_equal(dx, expected_dx if wants_dx else nines(*dx.shape))


def test_work_is_counted() -> None:
    x, weight, dy = draw(2, 7, 6, 3), draw(2, 3, 3, 5), draw(2, 3, 2, 5)
    sums = tuple(nines(*of) for of in partial_sums(weight.shape, 2))
    table = GradientSteps(x.shape, 1)
    table.channel_vectors(
        place(x), place(dy), np.zeros(dy.shape, np.uint8), weight, (0, 0), nines(*weight.shape), nines(5),
        sums, None,  # type: ignore[arg-type]
    )  # fmt: skip
    assert table.work == 2 * (2 * 3 * 2) * weight.size
    assert not table.is_worth_threads
