"""Batches: every row once; augmented in the background, the bits of a plain loop."""

from __future__ import annotations

import threading
import traceback
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.batches import AugmentedBatches, Batches, batches_of, check_rows

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

    def __call__(self, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Pair:
        self.threads.append(threading.current_thread().name)
        new = self.x[: len(x)]
        np.add(x, rng.standard_normal(x.shape, dtype=np.float32), out=new)
        y += rng.random(dtype=np.float32)  # the batch's own array
        return new, y


def plain_loop(x: np.ndarray, y: np.ndarray, augment: Any, seed: int, epochs: int) -> Iterator[Pair]:
    """What it must be equal to: no thread, no array used twice."""
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), 8):
            batch = order[start : start + 8]
            new_x, new_y = augment(x[batch], y[batch], rng)
            yield new_x.copy(), new_y.copy()


def test_every_row_once_in_a_fresh_order_with_a_smaller_last_batch() -> None:
    x, y = rows(20)
    rng, orders = np.random.default_rng(0), []
    for _ in range(3):
        seen = [(a.copy(), b.copy()) for a, b in Batches(x, y, 8).shuffled(rng)]
        assert [len(a) for a, _ in seen] == [len(b) for _, b in seen] == [8, 8, 4]
        all_x, all_y = (np.concatenate(parts) for parts in zip(*seen, strict=True))
        np.testing.assert_array_equal(all_y, all_x[:, :2] + 1)  # rows of x and y stay together
        np.testing.assert_array_equal(np.sort(all_x, axis=0), x)
        orders.append(all_x[:, 0].tolist())
    assert orders[0] != orders[1] != orders[2] != orders[0] != x[:, 0].tolist()


@pytest.mark.parametrize("batch_size", [1, 20, 50])
def test_batches_of_one_row_and_of_all(batch_size: int) -> None:
    sizes = [len(a) for a, _ in Batches(*rows(20), batch_size).shuffled(np.random.default_rng(0))]
    assert sizes == ([1] * 20 if batch_size == 1 else [20])


def test_strided_rows() -> None:
    x, y = rows(20)
    wide = Batches(np.repeat(x, 2, axis=0)[::2], np.repeat(y, 2, axis=1)[:, ::2], 8)
    strided, plain = (each.shuffled(np.random.default_rng(0)) for each in (wide, Batches(x, y, 8)))
    for (a, b), (expected_a, expected_b) in zip(strided, plain, strict=True):
        np.testing.assert_array_equal(a, expected_a)
        np.testing.assert_array_equal(b, expected_b)


def test_batches_copy_no_more_than_a_batch() -> None:
    x = np.ones((20_000, 100), np.float32)  # 8 MB
    y = x[:, :1].copy()
    tracemalloc.start()
    for _ in Batches(x, y, 128).shuffled(np.random.default_rng(0)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5e6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[:0], y[:0]), "got x without rows"),
        (lambda x, y: (x, y[:-1]), r"got x of shape \(20, 6\) and y of \(19, 2\), expected one row of y for each row"),
        (lambda x, y: (x.astype(np.float64), y), "got x of float64, expected the model's float32; use x.astype"),
        (lambda x, y: (x, y.astype(np.float64)), "got y of float64, expected the model's float32; use y.astype"),
        (lambda x, y: (np.where(x > 0.9, np.float32(np.nan), x), y), "got x with 11 of 120 values NaN or infinite"),
        (lambda x, y: (np.where(x > 0.9, np.float32(np.inf), x), y), "got x with 11 of 120 values NaN or infinite"),
        (lambda x, y: (x, y + np.float32(np.inf)), "got y with infinite values"),
        (lambda x, y: (x, y * np.float32(np.nan)), "got y of NaN only"),
        (lambda x, y: (x.tolist(), y), "expected NumPy arrays"),
        (lambda x, y: (x, y.tolist()), "expected NumPy arrays"),
        (lambda x, y: (np.array(x[0, 0]), y), r"got x of shape \(\)"),
    ],
)
def test_check_rows_stops_what_a_model_cannot_learn_from(change: Any, message: str) -> None:
    x, y = rows(20)
    dtype = np.dtype(np.float32)
    y[::2] = np.nan  # missing labels are no mistake
    check_rows("", x, y, dtype)
    with pytest.raises(ValueError, match=f"fit: {message}" if "NumPy" not in message else message):
        check_rows("", *change(x, y), dtype)
    with pytest.raises(ValueError, match="fit: got validation "):
        check_rows("validation ", *change(x, y), dtype)


@pytest.mark.parametrize(("threads", "overlap", "background"), [(2, True, True), (3, True, True), (1, True, False),
                                                                (2, False, False)])  # fmt: skip
def test_the_bits_of_a_plain_loop(threads: int, overlap: bool, background: bool) -> None:
    nn.set_threads(threads)
    x, y = rows()
    jitter, rng = Jitter(), np.random.default_rng(4)
    batches = AugmentedBatches(Batches(x, y, 8), jitter, overlap=overlap)
    seen = [(a.tobytes(), b.tobytes(), len(a)) for _ in range(3) for a, b in batches.shuffled(rng)]
    expected = [(a.tobytes(), b.tobytes(), len(a)) for a, b in plain_loop(x, y, Jitter(), seed=4, epochs=3)]
    assert seen == expected
    assert [size for *_, size in seen] == [8, 8, 7] * 3
    assert all(("augment" in name) == background for name in jitter.threads)
    after = np.random.default_rng(4)
    for _ in range(3):
        after.permutation(23)
        for size in (8, 8, 7):
            Jitter()(np.zeros((size, 6), np.float32), np.zeros((size, 2), np.float32), after)
    assert rng.bit_generator.state == after.bit_generator.state
    np.testing.assert_array_equal(y, rows()[1])


def test_a_batch_stays_while_the_next_one_is_made() -> None:
    x, y = rows()
    jitter, next_is_made = Jitter(), threading.Semaphore(0)

    def augment(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Pair:
        new = jitter(x, y, rng)
        next_is_made.release()
        return new

    expected = list(plain_loop(x, y, Jitter(), seed=0, epochs=1))
    batches = AugmentedBatches(Batches(x, y, 8), augment).shuffled(np.random.default_rng(0))
    seen = []
    for number, (a, b) in enumerate(batches):
        assert next_is_made.acquire(timeout=60)
        if number < 2:
            assert next_is_made.acquire(timeout=60)  # the next one is made although nobody has requested it yet
            next_is_made.release()
        seen.append((a.copy(), b.copy()))
    for (a, b), (expected_a, expected_b) in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(a, expected_a)
        np.testing.assert_array_equal(b, expected_b)


def test_other_shapes() -> None:
    x, y = rows()
    batches = AugmentedBatches(Batches(x, y, 8), lambda x, y, _: (x[:, :3, np.newaxis].copy(), x[:, 3:4]))
    seen = [(a.copy(), b.copy()) for a, b in batches.shuffled(np.random.default_rng(0))]
    assert [(a.shape, b.shape) for a, b in seen] == [((n, 3, 1), (n, 1)) for n in (8, 8, 7)]
    order = np.random.default_rng(0).permutation(23)
    np.testing.assert_array_equal(np.concatenate([b for _, b in seen]), x[order, 3:4])


def test_an_error_comes_with_its_own_traceback_after_the_batches_before_it() -> None:
    calls = 0

    def breaks(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Pair:
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
        (lambda x, y, rng: (x.tolist(), y), "augment: got x of list, expected a NumPy array"),
        (lambda x, y, rng: (x.astype(np.float64), y), r"augment: got x of float64, shape \(8, 6\), expected"),
        (lambda x, y, rng: (x, y[:3]), r"augment: got y of float32, shape \(3, 2\), expected float32 and 8"),
    ],
)
@pytest.mark.parametrize("overlap", [True, False])
def test_refuses_what_is_no_batch(augment: Any, message: str, overlap: bool) -> None:
    batches = AugmentedBatches(Batches(*rows(), 8), augment, overlap=overlap)
    with pytest.raises(ValueError, match=message):
        next(batches.shuffled(np.random.default_rng(0)))


def test_stopping_in_the_middle_ends_the_thread_and_one_can_begin_anew() -> None:
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
    def divide(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Pair:
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

    def shift(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Pair:
        return np.add(x, 1, out=buffer[: len(x)]), y

    batches, rng = AugmentedBatches(Batches(x, y, 16), shift), np.random.default_rng(0)
    for _ in batches.shuffled(rng):
        pass
    tracemalloc.start()
    for _ in range(2):
        for _ in batches.shuffled(rng):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2e6


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("overlap", [False, True])
def test_weights_stay_with_their_rows(augmented: bool, overlap: bool, two_threads: None) -> None:
    x = np.arange(20.0)
    plain: Any = Batches(x, -x, 8, sample_weight=10 * x)
    batches = AugmentedBatches(plain, lambda x, y, _: (x + 1, y), overlap=overlap) if augmented else plain
    seen = [np.array(batch) for batch in batches.shuffled(np.random.default_rng(0))]
    assert [batch.shape for batch in seen] == [(3, 8), (3, 8), (3, 4)]
    for x_batch, y_batch, weights in seen:
        np.testing.assert_array_equal(y_batch, augmented - x_batch)
        np.testing.assert_array_equal(weights, -10 * y_batch)
    assert sorted(np.concatenate([batch[1] for batch in seen])) == sorted(-x)


def test_whole_numbers_are_targets_of_classes_only() -> None:
    x, y = np.zeros((3, 2), np.float32), np.array([0, 1, 1])
    check_rows("", x, y, np.dtype(np.float32), classes=True)
    with pytest.raises(ValueError, match="got y of int64, expected the model's float32"):
        check_rows("", x, y, np.dtype(np.float32))


def test_of_a_batch_only_the_share_is_filled_in() -> None:
    x, y = rows(10)
    weights = np.arange(10.0)
    whole, part = Batches(x, y, 4, weights), Batches(x, y, 4, weights, lambda count: slice(count // 2, count))
    pairs = zip(whole.shuffled(np.random.default_rng(0)), part.shuffled(np.random.default_rng(0)), strict=True)
    for one, own in pairs:
        count = len(one[0])
        for array, expected in zip(own, one, strict=True):
            assert array.shape == expected.shape
            np.testing.assert_array_equal(array[count // 2 :], expected[count // 2 :])


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("takes_rows", [True, False])
def test_a_share_is_augmented_as_with_the_whole_batch(takes_rows: bool, overlap: bool) -> None:
    def whole(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Pair:
        return x + rng.standard_normal(x.shape, dtype=np.float32), y + rng.random(dtype=np.float32)

    def some(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, rows: slice = slice(None)) -> Pair:
        noise, shift = rng.standard_normal(x.shape, dtype=np.float32), rng.random(dtype=np.float32)
        return x[rows] + noise[rows], y[rows] + shift

    x, y = rows(19)
    model = nn.Sequential(nn.Dense(6, 2, rng=0))
    expected = batches_of(Batches(x, y, 8), whole, np.random.default_rng(), model)
    shared = Batches(x, y, 8, share=lambda count: slice(0, max(1, count // 3)))
    own = batches_of(shared, some if takes_rows else whole, np.random.default_rng(), model)
    assert isinstance(own, AugmentedBatches)
    own.overlap = overlap
    rng, own_rng = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(2):
        for one, part in zip(expected.shuffled(rng), own.shuffled(own_rng), strict=True):
            share = slice(0, max(1, len(one[0]) // 3))
            for array, whole_array in zip(part, one, strict=True):
                assert array.shape == whole_array.shape
                np.testing.assert_array_equal(array[share], whole_array[share])
