"""The stages of a network: made once, one pass at a time, never shared by two networks."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.stages.runner import Runner, from_first_parameters


def layers() -> list[nn.Layer]:
    rng = np.random.default_rng(0)
    return [
        nn.Conv2D(1, 3, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(27, 4, rng=rng), nn.ReLU(),
    ]  # fmt: skip


def images(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 8, 8, 1), dtype=np.float32)


def copied_by_pickle(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def test_stages_are_the_same_until_the_layers_change() -> None:
    runner, some = Runner(fuse=True), layers()
    stages = runner.stages(some)
    assert [stage.layers for stage in stages] == [some[:3], some[3:]]
    assert runner.stages(list(some)) is stages
    some.append(nn.Dense(4, 2, rng=0))
    assert [stage.layers for stage in runner.stages(some)] == [some[:3], some[3:6], some[6:]]


def test_without_fusing_each_layer_is_a_stage() -> None:
    some = layers()
    assert [stage.layers for stage in Runner(fuse=False).stages(some)] == [[layer] for layer in some]


def test_a_changed_list_of_layers_is_what_runs() -> None:
    model, x = nn.Sequential(*layers()), images(2)
    assert model.predict(x).shape == (2, 4)
    model.layers.append(nn.Dense(4, 2, rng=0))
    assert model.predict(x).shape == (2, 2)


def test_from_the_first_stage_with_parameters() -> None:
    learning, none = [nn.Flatten(), nn.ReLU(), nn.Dense(3, 2), nn.ReLU()], [nn.Flatten(), nn.ReLU()]
    stages = Runner(fuse=False).stages(learning)
    assert from_first_parameters(stages) == stages[2:]
    stages = Runner(fuse=False).stages(none)
    assert from_first_parameters(stages) == stages


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("channels", [3, 40])  # a stage that checks x itself, and one that does not
def test_nan_is_found_at_the_entrance(fuse: bool, channels: int) -> None:
    x = images(2)
    x[1, 3, 3] = np.nan
    model = nn.Sequential(nn.Conv2D(1, channels, 3), nn.ReLU(), nn.MaxPool2D(2), fuse=fuse)
    with pytest.raises(nn.NotFiniteError, match=r"Conv2D\(1, .*: got x with 1 of .* values NaN"):
        model.forward(x)


def test_what_a_pass_returned_belongs_to_the_caller() -> None:
    model = nn.Sequential(*layers())
    y = model.forward(images(3), training=True)
    dx = model.backward(np.ones_like(y), input_gradient=True)
    assert dx is not None
    before = y.copy(), dx.copy()
    model.backward(2 * model.forward(images(3, seed=2), training=True), input_gradient=True)
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(dx, before[1])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, copied_by_pickle])
def test_a_copy_runs_in_buffers_of_its_own(copied: Callable[[Any], Any]) -> None:
    model, x = nn.Sequential(*layers()), images(4)
    dy = np.ones((4, 4), np.float32)
    expected = model.forward(x, training=True)
    other = copied(model)
    other.layers = [copied(layer) for layer in other.layers]
    np.testing.assert_array_equal(other.forward(x), expected)
    other.forward(images(4, seed=2), training=True)
    model.backward(dy)
    grads = [grad.copy() for layer in model.layers for grad in layer.grads.values()]
    model.forward(x, training=True)
    model.backward(dy)
    for grad, before in zip((grad for layer in model.layers for grad in layer.grads.values()), grads, strict=True):
        np.testing.assert_array_equal(grad, before)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, copied_by_pickle])
def test_a_copied_runner_has_a_lock_and_stages_of_its_own(copied: Callable[[Any], Any]) -> None:
    runner, some = Runner(fuse=False), layers()
    stages = runner.stages(some)
    other = copied(runner)
    assert other.fuse is False
    assert other.lock is not runner.lock
    assert not set(map(id, other.stages(some))) & set(map(id, stages))


class Meeting(nn.Layer):
    """Notes whether two passes were ever in it at the same time: then both pass the barrier."""

    def __init__(self) -> None:
        super().__init__()
        self.barrier, self.met = threading.Barrier(2), False

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait(timeout=0.2)
            self.met = True
        return x


def test_one_pass_at_a_time() -> None:
    meeting = Meeting()
    model = nn.Sequential(meeting)
    threads = [threading.Thread(target=model.forward, args=(images(1),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not meeting.met


FORK = """
import copy, os, signal, threading
import numpy as np, nnscratch as nn

def child(model):
    signal.alarm(20)
    other = copy.deepcopy(model)
    for each in (model, other):
        if not np.array_equal(each.forward(x), expected):
            return 1
        each.forward(x, training=True)
        each.backward(np.ones((40, 3), np.float32))
    return 0

def use():
    while not ends:
        model.forward(x, training=True)
        model.backward(np.ones((40, 3), np.float32))

nn.set_threads(2)
for fuse in (True, False):
    model = nn.Sequential(
        nn.Conv2D(1, 4, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(196, 3, rng=1),
        nn.Dropout(0.5, rng=2), fuse=fuse,
    )
    x = np.random.default_rng(0).random((40, 16, 16, 1), dtype=np.float32)
    expected, ends = model.forward(x), []
    users = [threading.Thread(target=use) for _ in range(2)]
    for user in users: user.start()
    for _ in range(20):
        process = os.fork()
        if process == 0:
            os._exit(child(model))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if status:
            print(fuse, status, flush=True)
    ends.append(1)
    for user in users: user.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_uses_a_model_that_another_thread_was_using() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], timeout=300, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_generator_that_was_drawing_is_free_again() -> None:
    dropout = nn.Dropout(0.5, rng=0)
    runner = Runner(fuse=True)
    runner.stages([dropout])
    dropout.rng.bit_generator.lock.acquire()
    held = runner.lock
    runner.unlock()
    assert runner.lock is not held
    done = []
    other = threading.Thread(target=lambda: done.append(dropout.rng.random()), daemon=True)
    other.start()
    other.join(timeout=10)
    assert done
