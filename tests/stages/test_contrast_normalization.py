"""The stage of contrast normalization against the layer."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.stages import plan

SHAPE = (6, 20, 20, 1)


def cnn(c_out: int, fuse: bool = True) -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.ContrastNormalization(), nn.Conv2D(1, c_out, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2),
        nn.ContrastNormalization(0.5), nn.Conv2D(c_out, 24, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2),
        nn.ContrastNormalization(1.0), nn.Flatten(), nn.Dense(9 * 24, 4, rng=rng), nn.ContrastNormalization(),
        fuse=fuse,
    )  # fmt: skip


def test_the_layers_around_it_are_still_fused() -> None:
    stages = plan(cnn(8).layers)
    assert [(type(stage).__name__, len(stage.layers), stage.may_overwrite_x) for stage in stages] == [
        ("ContrastNormalizationStage", 1, False),
        ("ImageVectorsStage", 3, True),
        ("ContrastNormalizationStage", 1, True),
        ("ChannelVectorsStage", 3, True),
        ("ContrastNormalizationStage", 1, True),
        ("DenseStage", 2, True),
        ("ContrastNormalizationStage", 1, False),
    ]


@pytest.mark.parametrize("c_out", [8, 20])  # image vectors, and channel vectors, which put dx where y was
def test_the_same_numbers_as_the_layers(c_out: int) -> None:
    fused, layers = cnn(c_out), cnn(c_out, fuse=False)
    rng = np.random.default_rng(1)
    for rows in (6, 6, 2, 6):  # in buffers that were used before, too
        x = rng.random((rows, 20, 20, 1), dtype=np.float32)
        y = fused.forward(x, training=True)
        np.testing.assert_allclose(y, layers.forward(x, training=True), rtol=1e-4, atol=1e-5)
        fused.forward(rng.random(SHAPE, dtype=np.float32))  # a prediction in between
        before = x.copy()
        dy = rng.standard_normal(y.shape).astype(np.float32)
        got = [model.backward(dy, input_gradient=True) for model in (fused, layers)]
        np.testing.assert_allclose(*got, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(x, before)
        for a, b in zip(fused.layers, layers.layers, strict=True):
            for name in a.params:
                np.testing.assert_allclose(a.grads[name], b.grads[name], rtol=1e-3, atol=1e-3)


def test_by_itself_the_same_bits_as_the_layer() -> None:
    fused, layers = (nn.Sequential(nn.ContrastNormalization(), fuse=fuse) for fuse in (True, False))
    x, other, dy = np.random.default_rng(0).random((3, *SHAPE), dtype=np.float32)
    y = fused.forward(x, training=True)
    np.testing.assert_array_equal(y, layers.forward(x, training=True))
    np.testing.assert_array_equal(fused.predict(other, batch_size=2), layers.predict(other, batch_size=2))
    np.testing.assert_array_equal(y, layers.forward(x))  # not overwritten
    np.testing.assert_array_equal(fused.backward(dy, input_gradient=True), layers.backward(dy, input_gradient=True))


def test_errors_are_those_of_the_layer() -> None:
    for fuse in (True, False):
        model = nn.Sequential(nn.ContrastNormalization(), fuse=fuse)
        with pytest.raises(ValueError, match="got x of dtype uint8, expected float32"):
            model.forward(np.ones((2, 3), np.uint8))
        with pytest.raises(ValueError, match=r"got pictures of shape \(\)"):
            model.forward(np.ones(3))
        with pytest.raises(RuntimeError, match=r"forward\(training=True\)"):
            model.backward(np.ones((2, 3)))
        model.forward(np.ones((2, 3)), training=True)
        with pytest.raises(ValueError, match="got dy of .* expected dtype float64"):
            model.backward(np.ones((2, 4)))


def test_a_subclass_runs_as_it_is() -> None:
    class Doubled(nn.ContrastNormalization):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return 2 * super().forward(x, training)

    x = np.random.default_rng(0).random((2, 5))
    np.testing.assert_array_equal(nn.Sequential(Doubled()).forward(x), 2 * nn.ContrastNormalization().forward(x))


def test_steps_and_inference_allocate_no_large_arrays() -> None:
    (stage,) = plan([nn.ContrastNormalization()])
    x = np.random.default_rng(0).random((64, 48, 48, 1), dtype=np.float32)

    def step(rows: int) -> None:
        y = stage.forward(x[:rows], training=True)
        stage.forward(x[:rows], training=False)
        stage.backward(y, input_gradient=True)

    step(64)
    peaks = []
    for _ in range(3):
        tracemalloc.start()
        for rows in (64, 17, 64):
            step(rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert min(peaks) < 0.05e6  # x has 0.6 MB


def test_the_kernels_that_are_told() -> None:
    (stage,) = plan([nn.ContrastNormalization()])
    told = stage.kernels((2, *SHAPE[1:]), np.dtype(np.float32), input_gradient=True)
    assert [(each.work, each.kernel) for each in told] == [("forward", "normalization.py"), ("dx", "normalization.py")]
    assert stage.because == "no other layer joins it"
