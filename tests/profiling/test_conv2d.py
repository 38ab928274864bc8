"""Convolution by every method: all that apply, equal, and a wrong one found."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.profiling import conv2d
from nnscratch.profiling.conv2d import METHODS, ConvPool, compare_conv2d, run_backward, run_forward, taken
from nnscratch.stages.channel_vectors import ChannelVectorsStage


@pytest.fixture(autouse=True)
def _few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv2d, "_PRODUCTS_OF_LOOPS", 2000)
    monkeypatch.setattr(conv2d.compare, "__kwdefaults__", {"seconds": 0.0})


@pytest.mark.parametrize(
    ("layer", "methods"),
    [
        (ConvPool(3, 8, 9, 1, 2, 3), {"loops", "im2col", "direct", "image vectors", "Winograd"}),
        (ConvPool(2, 7, 7, 2, 20, 2), {"loops", "im2col", "direct", "image vectors", "Winograd"}),
        (ConvPool(2, 6, 8, 3, 4, 3, padding=1), {"loops", "im2col", "direct", "Winograd"}),
        (ConvPool(1, 4, 4, 1, 1, 1, padding=2), {"loops", "im2col", "direct"}),
        (ConvPool(2, 9, 9, 2, 3, 3, stride=2), {"loops", "im2col"}),
        (ConvPool(1, 2, 2, 1, 1, 1), {"loops", "im2col", "direct", "image vectors"}),
    ],
)
def test_all_methods_that_apply_agree(layer: ConvPool, methods: set[str]) -> None:
    result = compare_conv2d(layer)
    assert {row.method for row in result.rows} == methods == result.ideas.keys()
    for row in result.rows:
        assert row.difference <= result.operation.bounds[row.direction == "backward"]
    chosen = {row.direction: row.method for row in result.rows if row.chosen}
    assert chosen == taken(layer)


def test_what_is_taken_is_what_sequential_runs() -> None:
    assert taken(ConvPool(2, 8, 8, 1, 2, 3))["forward"] == "image vectors"
    assert taken(ConvPool(2, 8, 8, 1, 40, 3)) == {"forward": "direct", "backward": "direct"}
    assert taken(ConvPool(20, 12, 12, 16, 40, 3)) == {"forward": "Winograd", "backward": "direct"}
    assert taken(ConvPool(2, 9, 9, 1, 2, 3, stride=2))["forward"] == "im2col"


@pytest.mark.parametrize("which", ["forward", "backward"])
def test_a_wrong_kernel_is_found(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(ChannelVectorsStage, which)

    def wrong(stage: ChannelVectorsStage, *arguments: object, **named: object) -> np.ndarray:
        result = right(stage, *arguments, **named)
        result[0, -1, -1, 0] += 0.01
        return result

    monkeypatch.setattr(ChannelVectorsStage, which, wrong)
    with pytest.raises(ValueError, match=f"got {'y' if which == 'forward' else 'dx'} by direct that differs by"):
        compare_conv2d(ConvPool(2, 8, 8, 1, 2, 3))


def test_no_gradient_goes_to_a_tie() -> None:
    layer = ConvPool(1, 6, 6, 1, 3, 3)
    x = np.zeros(layer.x_shape, np.float32)
    assert conv2d._ties(layer, x).all()  # all places are equal, and 0
    rng = np.random.default_rng(0)
    assert conv2d._ties(layer, rng.standard_normal(layer.x_shape, dtype=np.float32)).mean() < 0.1


def test_operations_and_bytes_by_hand() -> None:
    layer = ConvPool(2, 6, 6, 1, 3, 3)
    result = compare_conv2d(layer)
    products = 2 * 4 * 4 * 3 * 9
    assert result.operation.operations == (2 * products, 4 * products)
    moved = {(row.method, row.direction): round(row.megabytes * 1e6) for row in result.rows}
    x, y, weight, z, columns = 2 * 36, 2 * 2 * 2 * 3, 27, 2 * 4 * 4 * 3, 2 * 16 * 9
    assert moved["direct", "forward"] == 4 * (x + weight + y) + y
    assert moved["im2col", "forward"] - moved["loops", "forward"] == 4 * 2 * columns
    assert moved["loops", "forward"] == 4 * (x + weight + z) + (2 * 4 * z + z) + (4 * z + 4 * y + y)
    assert moved["direct", "backward"] == 4 * (y + x + weight) + y + 4 * (weight + x)


def test_the_loops_run_on_a_part_that_is_told() -> None:
    result = compare_conv2d(ConvPool(4, 40, 40, 2, 4, 3))
    assert 0 < result.rows[0].part < 0.01
    assert "pixels of one image, scaled" in result.ideas["loops"]
    whole = compare_conv2d(ConvPool(1, 4, 4, 1, 1, 3))
    assert whole.rows[0].part == 1
    assert "scaled" not in whole.ideas["loops"]


def test_images_smaller_than_a_window() -> None:
    for layer in (ConvPool(1, 2, 9, 1, 1, 3), ConvPool(1, 3, 3, 1, 1, 3)):
        with pytest.raises(ValueError, match="expected \\(H, W, .*\\) of at least"):
            compare_conv2d(layer)


def test_the_methods_compute_what_a_network_does() -> None:
    layer = ConvPool(3, 10, 10, 16, 20, 3)
    rng = np.random.default_rng(0)
    x, dy = rng.random(layer.x_shape, dtype=np.float32), rng.random(layer.y_shape, dtype=np.float32)
    model = nn.Sequential(*layer.layers())
    y = model.forward(x, training=True)
    dx = model.backward(dy, input_gradient=True)
    for make in METHODS.values():
        stages = make(layer)
        assert stages is not None
        np.testing.assert_allclose(run_forward(stages, x), y, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(run_backward(stages, dy), dx, rtol=1e-3, atol=1e-4)
        assert (run_forward(stages, x) is not None) == (run_backward(stages, dy, input_gradient=False) is None)
