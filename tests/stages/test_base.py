"""Buffers that stay, and the stage of a single layer."""

from __future__ import annotations

import tracemalloc

import numpy as np

import nnscratch as nn
from nnscratch.stages import Single, Stage


def test_training_and_inference_have_results_of_their_own() -> None:
    stage = Stage([])
    training = stage.result("y", True, (4, 3), np.float32)
    assert not np.shares_memory(training, stage.result("y", False, (4, 3), np.float32))
    assert np.shares_memory(training, stage.result("y", True, (2, 3), np.float32))


def test_a_single_layer_runs_by_its_own_methods() -> None:
    layer, alone = nn.Dense(3, 2, rng=0), nn.Dense(3, 2, rng=0)
    stage, x, dy = Single(layer), np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    np.testing.assert_array_equal(stage.forward(x, training=True), alone.forward(x, training=True))
    np.testing.assert_array_equal(stage.backward(dy, input_gradient=True), alone.backward(dy))
    stage.forward(x, training=True)
    layer.grads.clear()
    assert stage.backward(dy, input_gradient=False) is None
    np.testing.assert_array_equal(layer.grads["weight"], alone.grads["weight"])


def test_training_steps_and_inference_allocate_no_large_arrays() -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2D(1, 8, 5, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(8, 40, 3, rng=rng), nn.ReLU(),
        nn.MaxPool2D(2), nn.Flatten(), nn.Dense(22 * 22 * 40, 64, rng=rng), nn.ReLU(), nn.Dense(64, 30, rng=rng),
    )  # fmt: skip
    x, y = rng.random((64, 96, 96, 1), dtype=np.float32), rng.random((64, 30), dtype=np.float32)
    loss, optimizer = nn.MSELoss(), nn.SGD(model, lr=0.001, momentum=0.9)

    def step(rows: int) -> None:
        loss.forward(model.forward(x[:rows], training=True), y[:rows])
        model.backward(loss.backward())
        optimizer.step()
        model.forward(x[:rows])

    for _ in range(3):
        step(64)
    peaks = []
    for _ in range(3):  # a thread that had no turn in the steps above makes its buffers in the first of these
        tracemalloc.start()
        for rows in (64, 64, 17, 64):  # the smaller batch at the end of an epoch, and back
            step(rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert min(peaks) < 0.5e6  # the smallest of the maps, the last pooled one, has 5 MB


def test_times_are_told_while_somebody_listens() -> None:
    stage, x = Single(nn.Dense(3, 2, rng=0)), np.ones((4, 3), np.float32)
    told: list[tuple[Stage, str, bool]] = []
    y = stage.forward(x, training=True)
    stage.tell_times(lambda *what: told.append((what[0], what[1], what[2] >= 0)))
    stage.tell_times(lambda *what: told.append((what[0], what[1], what[2] >= 0)))  # twice is once
    np.testing.assert_array_equal(stage.forward(x, training=True), y)
    assert stage.backward(np.ones_like(y), input_gradient=False) is None
    assert told == [(stage, "forward", True), (stage, "backward", True)]
    stage.tell_times(None)
    stage.forward(x, training=True)
    assert len(told) == 2
    assert not {"forward", "backward"} & vars(stage).keys()


def test_a_single_layer_keeps_its_arrays_and_gradients() -> None:
    layer = nn.Dense(3, 2, rng=0)
    stage = Single(layer)
    assert stage.kept_arrays() == []
    stage.forward(np.ones((4, 3), np.float32), training=True)
    assert [array.shape for array in stage.kept_arrays()] == [(4, 3)]
    stage.backward(np.ones((4, 2), np.float32), input_gradient=True)
    assert sorted(array.shape for array in stage.kept_arrays()) == [(2,), (3, 2)]


def test_a_single_layer_names_its_kernels() -> None:
    kinds = {nn.Conv2D(1, 2, 3): "layerwise/im2col.py", nn.MaxPool2D(2): "layerwise/pooling.py",
             nn.ReLU(): "the methods of ReLU"}  # fmt: skip
    for layer, kernel in kinds.items():
        chosen = Single(layer).kernels((2, 8, 8, 1), np.dtype(np.float32), input_gradient=True)
        assert {each.kernel for each in chosen} == {kernel}
        assert len({each.because for each in chosen}) == 1
        assert [each.work for each in chosen] == ["forward", *["dweight"] * bool(layer.params), "dx"]
