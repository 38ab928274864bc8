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
from functools import partial
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.stages.runner import Runner, from_first_that_learns


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


def test_one_by_one_each_layer_is_a_stage_whatever_fuse_is() -> None:
    runner, some = Runner(fuse=True), layers()
    singles = runner.stages(some, one_by_one=True)
    assert [stage.layers for stage in singles] == [[layer] for layer in some]
    assert runner.stages(some) is not singles
    assert runner.stages(some, one_by_one=True) is singles
    some.append(nn.ReLU())
    assert len(runner.stages(some, one_by_one=True)) == 7


def test_layers_changed_after_a_pass_one_by_one() -> None:
    model = nn.Sequential(*layers())
    y = model.forward(images(2), training=True, keep=True)
    model.layers.append(nn.ReLU())
    with pytest.raises(RuntimeError, match="after layers or their sizes were changed"):
        model.backward(np.ones_like(y))


def test_a_changed_list_of_layers_is_what_runs() -> None:
    model, x = nn.Sequential(*layers()), images(2)
    assert model.predict(x).shape == (2, 4)
    model.layers.append(nn.Dense(4, 2, rng=0))
    assert model.predict(x).shape == (2, 2)


def test_from_the_first_stage_with_parameters() -> None:
    learning, none = [nn.Flatten(), nn.ReLU(), nn.Dense(3, 2), nn.ReLU()], [nn.Flatten(), nn.ReLU()]
    stages = Runner(fuse=False).stages(learning)
    assert from_first_that_learns(stages) == stages[2:]
    learning[2].frozen = True
    assert from_first_that_learns(stages) == stages
    stages = Runner(fuse=False).stages(none)
    assert from_first_that_learns(stages) == stages


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("channels", [3, 40])
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
        self.meet()
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.meet()
        return dy

    def meet(self) -> None:
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait(timeout=0.2)
            self.met = True


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize(
    "calls", ["forward forward", "forward backward", "backward forward", "keep forward", "keep keep"]
)
def test_one_pass_at_a_time(fuse: bool, calls: str) -> None:
    meeting = Meeting()
    model, x = nn.Sequential(meeting, fuse=fuse), images(1)
    meeting.barrier.abort()  # nobody meets in this first pass
    model.forward(x, training=True)
    meeting.barrier.reset()
    passes = {"forward": model.forward, "backward": model.backward, "keep": partial(model.forward, keep=True)}
    threads = [threading.Thread(target=passes[name], args=(x,)) for name in calls.split()]
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


def conv(fuse: bool, channels: int = 3) -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2D(1, channels, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.ReLU(), nn.Dropout(0.5, rng=1), fuse=fuse
    )


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("channels", [3, 40])
@pytest.mark.parametrize(
    ("i", "name", "value", "like"),
    [
        (0, "stride", 3, lambda channels: nn.Conv2D(1, channels, 3, stride=3)),
        (0, "stride", [2, 1], lambda channels: nn.Conv2D(1, channels, 3, stride=(2, 1))),
        (0, "padding", 1, lambda channels: nn.Conv2D(1, channels, 3, padding=1)),
        (2, "pool_size", 1, lambda channels: nn.MaxPool2D(1, 2)),
        (2, "pool_size", (2, 3), lambda channels: nn.MaxPool2D((2, 3), 2)),
        (2, "stride", 1, lambda channels: nn.MaxPool2D(2, 1)),
    ],
)
def test_a_changed_size_is_what_runs(fuse, channels, i, name, value, like) -> None:
    model, fresh, x = conv(fuse, channels), conv(False, channels), images(3)
    model.forward(x)
    setattr(model.layers[i], name, value)
    fresh.layers[i] = like(channels)
    if i == 0:
        fresh.layers[0].params = model.layers[0].params
    y, expected = model.forward(x, training=True), fresh.forward(x, training=True)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    dy = np.random.default_rng(3).random(y.shape, np.float32)
    dx = [network.backward(dy, input_gradient=True) for network in (model, fresh)]
    np.testing.assert_allclose(*dx, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("channels", [3, 40])
@pytest.mark.parametrize(
    ("i", "name", "value"),
    [
        (0, "stride", 0), (0, "stride", "2"), (0, "padding", -1), (0, "padding", None), (0, "kernel_size", 5),
        (0, "kernel_size", 1), (0, "c_in", 2), (0, "c_out", 2), (0, "c_out", 60), (2, "pool_size", 0),
        (2, "pool_size", 60), (2, "stride", None), (4, "p", 1.0), (4, "p", 50), (4, "p", np.nan),
    ],
)  # fmt: skip
def test_a_wrong_size_is_refused_before_a_kernel_sees_it(fuse, channels, i, name, value) -> None:
    model = conv(fuse, channels)
    dy = np.ones_like(model.forward(images(3), training=True))
    setattr(model.layers[i], name, value)
    for _ in range(2):
        with pytest.raises(ValueError, match="expected") as raised:
            model.forward(images(3), training=True)
        assert "\n" not in str(raised.value)
    with pytest.raises((ValueError, RuntimeError), match="expected"):
        model.backward(dy)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("channels", [3, 40])
@pytest.mark.parametrize(("i", "name", "value"), [(0, "padding", 1), (0, "stride", 2), (2, "pool_size", 3)])
def test_a_size_changed_between_the_passes_never_gives_another_gradient(fuse, channels, i, name, value) -> None:
    model = conv(fuse, channels)
    dy = np.ones_like(model.forward(images(3), training=True))
    expected = model.backward(dy, input_gradient=True)
    model = conv(fuse, channels)
    model.forward(images(3), training=True)
    setattr(model.layers[i], name, value)
    if fuse:
        with pytest.raises(RuntimeError, match="sizes were changed"):
            model.backward(dy)
    else:
        np.testing.assert_array_equal(model.backward(dy, input_gradient=True), expected)


CHANGES: dict[str, Callable[[list[nn.Layer]], Any]] = {
    "removed": lambda some: some.pop(3),
    "inserted": lambda some: some.insert(3, nn.ReLU()),
    "replaced": lambda some: some.__setitem__(3, nn.ReLU()),
    "exchanged": lambda some: some.reverse(),
    "emptied": lambda some: some.clear(),
}


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_layers_changed_between_forward_and_backward(fuse: bool, change: Callable[[list[nn.Layer]], Any]) -> None:
    model = conv(fuse)
    dy = np.ones_like(model.forward(images(3), training=True))
    change(model.layers)
    with pytest.raises((RuntimeError, ValueError), match="got backward after layers|got no layer"):
        model.backward(dy)


def test_wrong_layers_in_the_list() -> None:
    model = conv(True)
    model.layers = ()  # type: ignore[assignment]
    with pytest.raises(ValueError, match="got no layer"):
        model.forward(images(1))
    model.layers = [nn.ReLU, nn.ReLU()]  # type: ignore[list-item]
    with pytest.raises(ValueError, match="expected layers"):
        model.forward(images(1))
    layer = nn.ReLU()
    model.layers = [layer, layer]
    with pytest.raises(ValueError, match="one layer object twice"):
        model.forward(images(1))
    model.layers = (layer, nn.Flatten())  # type: ignore[assignment]
    assert model.backward(model.forward(images(1), training=True)) is None


@pytest.mark.parametrize("fuse", [True, False])
def test_fuse_may_be_set(fuse: bool) -> None:
    model = conv(fuse)
    stages = model._runner.stages(model.layers)
    model.fuse = not fuse
    assert len(model._runner.stages(model.layers)) != len(stages)
    assert copy.deepcopy(model).fuse == model.astype(np.float64).fuse == (not fuse)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("i", range(5))
def test_a_layer_of_two_networks_at_once(fuse: bool, i: int) -> None:
    model, other = conv(fuse), conv(fuse)
    other.layers[i] = model.layers[i]
    x, dy = images(3), np.ones((3, 3, 3, 3), np.float32)
    for _ in range(2):  # one after the other
        for network in (model, other):
            network.forward(x, training=True)
            network.backward(dy)
    model.forward(x, training=True)
    other.predict(x)  # leaves the step alone
    model.backward(dy)
    model.forward(x, training=True)
    other.forward(images(3, seed=5), training=True)
    with pytest.raises(RuntimeError, match="got backward after another network's forward") as raised:
        model.backward(dy)
    assert repr(model.layers[i]) in str(raised.value)
    other.backward(dy)
    with pytest.raises(RuntimeError, match="got backward without a forward"):
        model.backward(dy)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, copied_by_pickle])
def test_a_copy_in_the_middle_of_a_step_begins_without_one(fuse: bool, copied: Callable[[Any], Any]) -> None:
    model, x = conv(fuse), images(3)
    dy = np.ones_like(model.forward(x, training=True))
    other = copied(model)
    with pytest.raises(RuntimeError, match="got backward without a forward"):
        other.backward(dy)
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    expected = conv(fuse)
    expected.forward(x, training=True)
    np.testing.assert_array_equal(model.backward(dy, input_gradient=True), expected.backward(dy, input_gradient=True))
    assert other.fuse is fuse


@pytest.mark.parametrize("fuse", [True, False])
def test_a_forward_that_failed_leaves_no_step(fuse: bool) -> None:
    model = conv(fuse)
    dy = np.ones_like(model.forward(images(3), training=True))
    with pytest.raises(ValueError, match="got x of shape"):
        model.forward(images(3)[0], training=True)
    with pytest.raises(RuntimeError, match="got backward without a forward"):
        model.backward(dy)


@pytest.mark.parametrize("fuse", [True, False])
def test_a_backward_that_failed_leaves_no_step(fuse: bool) -> None:
    model = conv(fuse)
    dy = np.ones_like(model.forward(images(3), training=True))
    with pytest.raises(ValueError, match="got dy of"):
        model.backward(dy[:1])
    with pytest.raises(RuntimeError, match="got backward without a forward"):
        model.backward(dy)


def test_the_stages_of_a_network_tell_their_times_until_its_layers_change() -> None:
    model, x = nn.Sequential(*layers()), images(2)
    told: list[tuple[object, str]] = []
    stages = model.time_stages(lambda stage, work, _: told.append((stage, work)))
    y = model.forward(x, training=True)
    model.backward(np.ones_like(y))
    first, last = stages
    assert told == [(first, "forward"), (last, "forward"), (last, "backward"), (first, "backward")]
    assert model.time_stages(None) == stages
    model.predict(x)
    assert len(told) == 4


def test_unfused_stages_say_so() -> None:
    assert {stage.because for stage in Runner(fuse=False).stages(layers())} == {"fuse=False"}
