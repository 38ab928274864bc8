"""A steady training loop allocates nothing large: every map, column and gradient lies in a buffer that stays."""

from __future__ import annotations

import tracemalloc

import numpy as np

import nnscratch as nn


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
