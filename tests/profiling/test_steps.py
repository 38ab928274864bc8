"""Steps with clocks inside: the times add up, and nothing moves."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.profiling.steps import Step, in_turn, mean_of_middle_half, middle_half


def made(fuse: bool = True) -> Step:
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2D(1, 2, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(8, 5, rng=rng), fuse=fuse
    )
    x, y = rng.random((3, 6, 6, 1), dtype=np.float32), rng.random((3, 5), dtype=np.float32)
    return Step(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.1, weight_decay=0.1))


@pytest.mark.parametrize("fuse", [True, False])
def test_each_stage_has_its_times_and_no_clock_stays(fuse: bool) -> None:
    step = made(fuse)
    step.warm_up()
    times = step.clocked()
    stages = step.stages
    assert len(stages) == (2 if fuse else 5)
    expected = {(stage, work) for stage in stages for work in ("forward", "backward")}
    assert times.keys() == expected | {("loss", "both"), ("update", "step"), ("checks", "both")}
    assert min(times.values()) >= 0
    assert not [stage for stage in stages if {"forward", "backward"} & vars(stage).keys()]


def test_the_weights_stay_so_each_step_is_the_same_step() -> None:
    step = made()
    before = step.model.copy_parameters()
    step.warm_up()
    clocked, plain = in_turn(step, 4)
    assert (len(clocked), len(plain)) == (4, 4)
    for w, kept in zip(step.model.parameters(), before, strict=True):
        np.testing.assert_array_equal(w, kept)


def test_bytes_kept_layer_by_layer_are_those_of_the_arrays() -> None:
    step = made(fuse=False)
    step.warm_up()
    conv, relu, pool, flatten, dense = step.kept
    gradients = 4 * (18 + 2)
    assert conv == gradients  # its x is the user's
    assert relu == 3 * 4 * 4 * 2  # a byte for each number: whether it was positive
    assert pool == 3 * 2 * 2 * 2  # argmax
    assert flatten == 0
    assert dense == 4 * 3 * 8 + 4 * (40 + 5)
    assert step.loss_kept == 4 * 15


def test_the_middle_half() -> None:
    assert middle_half([9.0, 1.0, 3.0, 2.0]) == [2.0, 3.0]
    clocked = [{("a", "b"): value, ("c", "d"): 1.0} for value in (100.0, 2.0, 4.0, 0.0)]
    assert mean_of_middle_half(clocked) == {("a", "b"): 3.0, ("c", "d"): 1.0}  # type: ignore[arg-type]
