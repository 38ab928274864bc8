"""Batches augmented in the background: the bits of a plain loop, whatever goes wrong, and no thread left behind."""

from __future__ import annotations

import threading
import time
import traceback
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.batches import Batches
from nnscratch.training.prefetch import AugmentedBatches

Pair = tuple[np.ndarray, np.ndarray]


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    """Also on a machine of one core; and after each test, none that augments is alive."""
    nn.set_threads(2)
    yield
    nn.set_threads(None)
    assert not augmenting_threads()


def augmenting_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "augment" in thread.name]


def rows(count: int = 23) -> Pair:
    x = np.arange(count * 6, dtype=np.float32).reshape(count, 6) / (count * 6)
    return x, x[:, :2] + 1


class Jitter:
    """Noise on x and y, in a buffer that the next call overwrites."""

    def __init__(self) -> None:
        self.x = np.empty((8, 6), np.float32)
        self.threads: list[str] = []

    def __call__(self, x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> Pair:
        self.threads.append(threading.current_thread().name)
        new = self.x[: len(x)]
        np.add(x, generator.standard_normal(x.shape, dtype=np.float32), out=new)
        y += generator.random(dtype=np.float32)  # the batch's own array
        return new, y


def plain_loop(x: np.ndarray, y: np.ndarray, augment: Any, seed: int, epochs: int) -> Iterator[Pair]:
    """What it must be equal to: no thread, no array used twice."""
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(len(x))
        for start in range(0, len(x), 8):
            batch = order[start : start + 8]
            new_x, new_y = augment(x[batch], y[batch], generator)
            yield new_x.copy(), new_y.copy()


@pytest.mark.parametrize(("threads", "overlap", "background"), [(2, True, True), (3, True, True), (1, True, False),
                                                                (2, False, False)])  # fmt: skip
def test_the_bits_of_a_plain_loop(threads: int, overlap: bool, background: bool) -> None:
    nn.set_threads(threads)
    x, y = rows()
    jitter, generator = Jitter(), np.random.default_rng(4)
    batches = AugmentedBatches(Batches(x, y, 8), jitter, overlap=overlap)
    seen = [(a.tobytes(), b.tobytes(), len(a)) for _ in range(3) for a, b in batches.shuffled(generator)]
    expected = [(a.tobytes(), b.tobytes(), len(a)) for a, b in plain_loop(x, y, Jitter(), seed=4, epochs=3)]
    assert seen == expected
    assert [size for *_, size in seen] == [8, 8, 7] * 3
    assert all(("augment" in name) == background for name in jitter.threads)
    after = np.random.default_rng(4)
    for _ in range(3):
        after.permutation(23)
        for size in (8, 8, 7):
            Jitter()(np.zeros((size, 6), np.float32), np.zeros((size, 2), np.float32), after)
    assert generator.bit_generator.state == after.bit_generator.state
    np.testing.assert_array_equal(y, rows()[1])


def test_a_batch_stays_while_the_next_one_is_made() -> None:
    x, y = rows()
    jitter, made = Jitter(), threading.Semaphore(0)

    def augment(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> Pair:
        new = jitter(x, y, generator)
        made.release()
        return new

    expected = list(plain_loop(x, y, Jitter(), seed=0, epochs=1))
    batches = AugmentedBatches(Batches(x, y, 8), augment).shuffled(np.random.default_rng(0))
    for number, (a, b) in enumerate(batches):
        assert made.acquire(timeout=10)
        if number < 2:
            assert made.acquire(timeout=10)  # the next one is made although nobody has asked for it yet
            made.release()
        time.sleep(0.01)  # time for its copy
        np.testing.assert_array_equal(a, expected[number][0])
        np.testing.assert_array_equal(b, expected[number][1])
    assert number == 2


def test_other_shapes() -> None:
    x, y = rows()
    batches = AugmentedBatches(Batches(x, y, 8), lambda x, y, _: (x[:, :3, np.newaxis].copy(), x[:, 3:4]))
    seen = [(a.copy(), b.copy()) for a, b in batches.shuffled(np.random.default_rng(0))]
    assert [(a.shape, b.shape) for a, b in seen] == [((n, 3, 1), (n, 1)) for n in (8, 8, 7)]
    order = np.random.default_rng(0).permutation(23)
    np.testing.assert_array_equal(np.concatenate([b for _, b in seen]), x[order, 3:4])


def test_an_error_comes_with_its_own_traceback_after_the_batches_before_it() -> None:
    calls = 0

    def breaks(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> Pair:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError("no such picture")
        return x, y

    batches = AugmentedBatches(Batches(*rows(), 8), breaks).shuffled(np.random.default_rng(0))
    assert len(next(batches)[0]) == 8
    with pytest.raises(OSError, match="no such picture") as error:
        next(batches)
    assert "breaks" in [frame.name for frame in traceback.extract_tb(error.tb)]


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda x, y, generator: (x.tolist(), y), "got a list as x from augment, expected a NumPy array"),
        (lambda x, y, generator: (x.astype(np.float64), y), r"got x of float64, shape \(8, 6\) from augment, expected"),
        (lambda x, y, generator: (x, y[:3]), r"got y of float32, shape \(3, 2\) from augment, expected float32 and 8"),
    ],
)
@pytest.mark.parametrize("overlap", [True, False])
def test_refuses_what_is_no_batch(augment: Any, message: str, overlap: bool) -> None:
    batches = AugmentedBatches(Batches(*rows(), 8), augment, overlap=overlap)
    with pytest.raises(ValueError, match=message):
        next(batches.shuffled(np.random.default_rng(0)))


def test_who_stops_in_the_middle_ends_the_thread_and_can_begin_anew() -> None:
    x, y = rows()
    batches = AugmentedBatches(Batches(x, y, 8), Jitter())
    stopped, interrupted = (batches.shuffled(np.random.default_rng(0)) for _ in range(2))
    next(stopped)
    assert augmenting_threads()
    stopped.close()
    assert not augmenting_threads()
    next(interrupted)
    with pytest.raises(KeyboardInterrupt):
        interrupted.throw(KeyboardInterrupt())
    assert not augmenting_threads()
    seen = [a.tobytes() for a, _ in batches.shuffled(np.random.default_rng(4))]
    assert seen == [a.tobytes() for a, _ in plain_loop(x, y, Jitter(), seed=4, epochs=1)]


def test_what_errstate_says_holds_in_the_thread() -> None:
    def divide(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> Pair:
        return x / np.float32(0), y

    x, y = np.ones((8, 1), np.float32), np.ones((8, 1), np.float32)
    batches = AugmentedBatches(Batches(x, y, 4), divide)
    with np.errstate(divide="ignore"):
        assert all(np.isinf(x).all() for x, _ in batches.shuffled(np.random.default_rng(0)))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        next(batches.shuffled(np.random.default_rng(0)))


def test_steps_allocate_no_large_arrays() -> None:
    x, y = np.ones((70, 96, 96, 1), np.float32), np.ones((70, 30), np.float32)
    buffer = np.empty((16, 96, 96, 1), np.float32)  # 0.6 MB

    def shift(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> Pair:
        return np.add(x, 1, out=buffer[: len(x)]), y

    batches, generator = AugmentedBatches(Batches(x, y, 16), shift), np.random.default_rng(0)
    for _ in batches.shuffled(generator):
        pass
    tracemalloc.start()
    for _ in range(2):
        for _ in batches.shuffled(generator):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2e6
