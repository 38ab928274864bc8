"""Blocks, the pool, and BLAS given back as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import nnscratch as nn
from nnscratch.kernels.threads import available_cores, get_threads, in_blocks, set_threads, single_threaded_blas


@pytest.fixture(autouse=True)
def _all_cores_afterwards() -> Iterator[None]:
    yield
    set_threads(None)


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(("total", "block"), [(0, 4), (1, 4), (4, 4), (5, 4), (100, 7)])
def test_every_item_is_done_once(threads: int, total: int, block: int) -> None:
    set_threads(threads)
    count = np.zeros(total, int)

    def work(start: int, stop: int) -> None:
        count[start:stop] += 1

    in_blocks(work, total, block)
    np.testing.assert_array_equal(count, 1)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_in_a_block_is_raised(threads: int) -> None:
    set_threads(threads)

    def work(start: int, stop: int) -> None:
        if start == 6:
            raise ZeroDivisionError("in the block")

    with pytest.raises(ZeroDivisionError, match="in the block"):
        in_blocks(work, 10, 2)
    in_blocks(lambda start, stop: None, 10, 2)  # the pool still works


def test_two_threads_work_at_the_same_time() -> None:
    set_threads(2)
    barrier = threading.Barrier(2, timeout=10)  # passes only if two blocks are under way at once
    in_blocks(lambda start, stop: barrier.wait() and None, 2, 1)


def test_the_callers_error_state_holds_in_every_thread() -> None:
    """A training that diverges is silent in the thread that called, and so must be in the lent
    ones.
    """
    set_threads(2)
    barrier = threading.Barrier(2, timeout=10)  # so that the lent thread does get one of the two blocks
    large = np.full(3, 3e38, np.float32)

    def overflow(start: int, stop: int) -> None:
        barrier.wait()
        assert np.isinf(large * large).all()

    with np.errstate(over="ignore"):
        in_blocks(overflow, 2, 1)  # a warning would be an error here


def test_blas_is_held_to_one_thread_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnscratch.kernels.threads._blas", None)  # another test may have loaded one since
    if not blas_threads():
        pytest.skip("threadpoolctl finds no BLAS that it can hold, such as Apple's Accelerate")
    inside: list[list[int]] = []
    with threadpool_limits(3, user_api="blas"):  # not what a test before may have left
        for _ in range(2):
            in_blocks(lambda start, stop: inside.append(blas_threads()), 4, 1)
            with single_threaded_blas():
                in_blocks(lambda start, stop: inside.append(blas_threads()), 1, 1)
                inside.append(blas_threads())
            assert set(blas_threads()) == {3}
    assert len(inside) == 12
    assert all(count == 1 for counts in inside for count in counts)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_bad_number_of_threads(threads: object) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        set_threads(threads)  # type: ignore[arg-type]


def test_default_is_all_cores() -> None:
    set_threads(None)
    assert get_threads() == available_cores() >= 1


@pytest.mark.parametrize(("limit", "cores"), [("max 100000", 8), ("150000 100000", 1), ("300000 100000", 3), ("?", 8)])
def test_the_share_of_a_container_is_respected(limit: str, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda path: limit)
    assert available_cores() == cores


def test_called_from_several_threads_at_once() -> None:
    set_threads(2)
    model = nn.Sequential(nn.Conv2D(1, 4, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(144, 3, rng=1))
    x = np.random.default_rng(0).random((40, 14, 14, 1), dtype=np.float32)
    expected, answers = model.forward(x), []
    callers = [threading.Thread(target=lambda: answers.append(model.forward(x))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(answers) == 4
    for answer in answers:
        np.testing.assert_array_equal(answer, expected)


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads() -> None:
    def train(threads: int) -> np.ndarray:
        set_threads(threads)
        rng = np.random.default_rng(3)
        model = nn.Sequential(
            nn.Conv2D(1, 8, 5, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(8, 8, 3, rng=rng), nn.ReLU(),
            nn.MaxPool2D(2), nn.Flatten(), nn.Dense(8 * 10 * 10, 300, rng=rng), nn.ReLU(), nn.Dropout(0.5, rng=rng),
            nn.Dense(300, 30, rng=rng),
        )  # fmt: skip
        x, y = rng.random((37, 48, 48, 1), dtype=np.float32), rng.random((37, 30), dtype=np.float32)
        loss, optimizer = nn.MSELoss(), nn.SGD(model, lr=0.01, momentum=0.9)
        for _ in range(3):
            loss.forward(model.forward(x, training=True), y)
            model.backward(loss.backward())
            optimizer.step()
        return model.forward(x)

    expected = train(1)
    assert np.isfinite(expected).all()
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(train(threads), expected)


FORK = """
import os, sys
import numpy as np, nnscratch as nn
nn.set_threads(2)
model = nn.Sequential(nn.Conv2D(1, 4, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(196, 3, rng=1))
x = np.random.default_rng(0).random((40, 16, 16, 1), dtype=np.float32)
expected = model.forward(x)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(model.forward(x), expected) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_after_a_fork_the_child_has_threads_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], timeout=120, check=False)
    assert done.returncode == 0
