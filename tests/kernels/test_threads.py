"""Blocks, the pool, and BLAS given back as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import nnscratch as nn
from nnscratch.kernels import threads as threads_module
from nnscratch.kernels.cores import available_cores
from nnscratch.kernels.thread_limits import OTHERS
from nnscratch.kernels.threads import get_threads, in_blocks, set_threads, single_threaded_blas

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("bad", [0, 6, 8])
def test_an_exception_in_a_block_is_raised(threads: int, bad: int, kind: type[BaseException]) -> None:
    set_threads(threads)
    before = blas_threads()

    def work(start: int, stop: int) -> None:
        if start == bad:
            raise kind("in the block")

    with pytest.raises(kind, match="in the block"):
        in_blocks(work, 10, 2)
    assert blas_threads() == before
    in_blocks(lambda start, stop: None, 10, 2)  # the pool still works


def test_after_an_exception_no_block_begins_and_none_is_under_way() -> None:
    """Whoever caught it may free or use the arrays at once."""
    set_threads(3)
    barrier, begun, ended = threading.Barrier(3, timeout=10), [], []

    def work(start: int, stop: int) -> None:
        begun.append(start)
        if len(begun) <= 3:
            barrier.wait()  # all three threads have a block
        if start == 0:
            raise ZeroDivisionError
        time.sleep(0.05)
        ended.append(start)

    with pytest.raises(ZeroDivisionError):
        in_blocks(work, 300, 1)
    known = sorted(begun)
    assert sorted(ended) == known[1:]
    assert len(known) < 20
    time.sleep(0.1)
    assert sorted(begun) == known


def test_the_caller_takes_the_first_blocks_and_a_lent_thread_the_last() -> None:
    set_threads(2)
    barrier, taken = threading.Barrier(2, timeout=30), dict[int, list[int]]()

    def work(start: int, stop: int) -> None:
        taken.setdefault(threading.get_ident(), []).append(start)
        barrier.wait()

    in_blocks(work, 10, 1)
    assert taken.pop(threading.get_ident()) == [0, 1, 2, 3, 4]
    assert list(taken.values()) == [[9, 8, 7, 6, 5]]


def test_the_caller_and_a_lent_thread_meet_at_a_short_block() -> None:
    blocks = threads_module._Blocks(lambda start, stop: None, 26, 4)
    assert [blocks._next_start(first) for first in (True, False) * 3] == [0, 20, 4, 16, 8, 12]
    assert blocks._next_start(True) == 24


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_blocks_within_blocks(threads: int) -> None:
    set_threads(threads)
    count = np.zeros((6, 7), int)

    def row(r: int) -> None:
        def work(start: int, stop: int) -> None:
            count[r, start:stop] += 1

        in_blocks(work, 7, 2)

    before = blas_threads()
    in_blocks(lambda start, stop: row(start), 6, 1)
    np.testing.assert_array_equal(count, 1)
    assert blas_threads() == before


def test_the_number_of_threads_changes_beside_other_work() -> None:
    """Once: RuntimeError, cannot schedule new futures after shutdown."""
    failures: list[BaseException] = []
    ends = threading.Event()

    def compute() -> None:
        try:
            while not ends.is_set():
                count = np.zeros(6, int)
                in_blocks(lambda start, stop: count.__setitem__(slice(start, stop), 1), 6, 1)  # noqa: B023
                assert count.all()
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=compute) for _ in range(3)]
    for worker in workers:
        worker.start()
    for change in range(400):
        set_threads(2 + change % 3)
    ends.set()
    for worker in workers:
        worker.join(timeout=30)
    assert not failures
    assert not any(worker.is_alive() for worker in workers)


def test_a_system_that_gives_no_thread_costs_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    set_threads(4)
    monkeypatch.setattr("nnscratch.kernels.threads.start_new_thread", start)
    done: list[int] = []
    in_blocks(lambda first, stop: done.append(first), 5, 1)
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_two_threads_work_at_the_same_time() -> None:
    set_threads(2)
    barrier = threading.Barrier(2, timeout=10)  # passes only if two blocks are under way at once
    in_blocks(lambda start, stop: barrier.wait() and None, 2, 1)


class LooksOut:
    """What a thread of the pool does after its work until the test says so, or for ten seconds."""

    def __init__(self) -> None:
        self.begun, self.ends = threading.Event(), threading.Event()

    def linger(self) -> bool:
        self.begun.set()
        self.ends.wait(10)
        return False

    def interrupt(self) -> None:
        pass


class HoldsArray:
    """Work that a thread can be lent for."""

    def __init__(self) -> None:
        self.array = np.zeros(8)

    def lend(self) -> None:
        self.array += 1


@pytest.fixture
def lookout(monkeypatch: pytest.MonkeyPatch) -> Iterator[LooksOut]:
    set_threads(2)
    looks_out = LooksOut()
    monkeypatch.setattr(threads_module, "lookouts", [looks_out])
    yield looks_out
    looks_out.ends.set()


def test_a_thread_that_looks_out_holds_nothing_of_the_work_before(lookout: LooksOut) -> None:
    work = HoldsArray()
    array = weakref.ref(work.array)
    assert threads_module.lend(work, 1) == 1
    assert lookout.begun.wait(10)
    del work
    assert array() is None


def test_nobody_holds_what_the_blocks_did_when_they_are_done(lookout: LooksOut) -> None:
    """A block of a large picture's columns would stay beside the next."""
    barrier, array = threading.Barrier(2, timeout=10), np.zeros(8)
    held = weakref.ref(array)
    in_blocks(lambda start, stop, array=array: barrier.wait() and None, 2, 1)
    del array
    assert held() is None


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


def test_default_is_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NNSCRATCH_NUM_THREADS", *OTHERS):
        monkeypatch.delenv(name, raising=False)
    set_threads(None)
    assert get_threads() == available_cores() >= 1


def test_the_environment_is_asked_and_set_threads_is_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNSCRATCH_NUM_THREADS", "7")
    set_threads(None)
    assert get_threads() == 7
    set_threads(3)
    assert get_threads() == 3


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


SIGNALS = """
import signal, time
import numpy as np, nnscratch as nn
from threadpoolctl import threadpool_info
from nnscratch.kernels.threads import in_blocks

def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

def work(start, stop):
    under_way.add(start)
    time.sleep(0.0002)
    under_way.discard(start)

nn.set_threads(3)
in_blocks(lambda start, stop: None, 3, 1)
before, caught = blas(), 0
for k in range(150):
    under_way = set()
    try:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.00005 * (k % 40 + 1))
        in_blocks(work, 40, 1)
        time.sleep(0.01)
    except KeyboardInterrupt:
        caught += 1
        # The caller's own block may have been torn from it; those of the others are done.
        assert len(under_way) <= 1, under_way
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    assert blas() == before, (k, blas(), before)
in_blocks(lambda start, stop: None, 3, 1)
print(caught)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_ctrl_c_at_any_moment_leaves_threads_and_blas_as_they_were() -> None:
    done = subprocess.run([sys.executable, "-c", SIGNALS], timeout=120, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


# What each of these programs begins with. A child that hangs is ended by its alarm, status -14.
FORK = """
import os, signal, sys, threading
from concurrent.futures import ThreadPoolExecutor
import numpy as np, nnscratch as nn
from threadpoolctl import threadpool_info
from nnscratch.kernels.threads import in_blocks, single_threaded_blas

def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

def in_child(work):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            os._exit(0 if work() else 1)
        except RuntimeError as error:
            os._exit(3 if "fork inside a block" in str(error) else 4)
        except BaseException:
            os._exit(5)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def sums(blocks=40):
    total = np.zeros(blocks)
    in_blocks(lambda start, stop: total.__setitem__(start, start), blocks, 1)
    return total.sum() == blocks * (blocks - 1) / 2

nn.set_threads(3)
assert sums()
threads = blas()
"""
FORKS = {
    "between calls": "assert in_child(sums) == 0",
    "inside BLAS held to one thread": """
with single_threaded_blas():
    def child():
        ok = sums() and blas() == threads
        return ok
    assert in_child(child) == 0
    assert set(blas()) <= {1}
    child_pid = os.fork()
    if child_pid:
        assert os.waitstatus_to_exitcode(os.waitpid(child_pid, 0)[1]) == 0
if not child_pid:  # came out of the block, as the parent does
    inside = []
    in_blocks(lambda start, stop: inside.extend(blas()), 4, 1)
    os._exit(0 if set(inside) <= {1} and blas() == threads else 1)
assert blas() == threads
""",
    "beside other threads that work": """
ends = []
def work():
    while not ends:
        assert sums()
workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers: worker.start()
results = {in_child(lambda: sums() and blas() == threads) for _ in range(15)}
ends.append(1)
for worker in workers: worker.join(20)
assert results == {0}, results
assert sums() and blas() == threads
""",
    "while another thread gives BLAS back": """
from nnscratch.kernels import threads as module
class Slow:  # OpenBLAS is quick, and in newer versions a child has all threads again
    threads = 2
    def get_num_threads(self): return self.threads
    def set_num_threads(self, count):
        if count != 1 and os.getpid() == parent:
            begun.set()
            ends.wait(20)
        self.threads = count
parent, begun, ends, slow = os.getpid(), threading.Event(), threading.Event(), Slow()
module._blas = [slow]
worker = threading.Thread(target=sums)
worker.start()
assert begun.wait(20) and slow.threads == 1
result = in_child(lambda: slow.threads == 2 and sums() and slow.threads == 2)
ends.set()
worker.join(20)
assert result == 0, result
assert slow.threads == 2
""",
    "in a thread of another pool": """
with ThreadPoolExecutor(3) as pool:
    results = set(pool.map(lambda k: in_child(sums), range(12)))
assert results == {0}, results
""",
    "inside a block": """
results, here = [], threading.get_ident()
def work(start, stop):
    if start == 3:
        results.append(in_child(sums))  # other blocks than those of the parent: allowed
in_blocks(work, 6, 1)
assert results == [0], results

inside = []
def leaves_the_block(start, stop):
    if start == 3:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            inside.append(1)
        else:
            results.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
for nn_threads in (1, 2, 3):
    nn.set_threads(nn_threads)
    parent = os.getpid()
    try:
        in_blocks(leaves_the_block, 6, 1)
    except RuntimeError as error:
        assert os.getpid() != parent and "fork inside a block" in str(error), error
        os._exit(1 if sums() and blas() == threads else 9)
assert results == [0, 1, 1, 1], results
assert sums() and blas() == threads
""",
    "while another thread compiles": """
import numba
# Numba's first compilation imports SciPy where it is installed, and no child survives a fork while another thread
# imports: a limit of Python's own.
numba.njit(lambda x: x)(1)
def compile_one():
    numba.njit(lambda x: np.sort(x)[::2].sum())(np.ones(5))  # a second: as long as both children
worker = threading.Thread(target=compile_one)
worker.start()
results = {in_child(lambda: numba.njit(lambda x: x + 1)(2) == 3 and sums()) for _ in range(2)}
worker.join()
assert results == {0}, results
""",
    "by multiprocessing": """
import multiprocessing
for method in multiprocessing.get_all_start_methods():
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(sums, [20, 30, 40]) == [True] * 3, method
    assert sums() and blas() == threads
""",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("where", FORKS)
def test_fork(where: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    main = "".join(f"    {line}\n" for line in FORKS[where].splitlines())
    program.write_text(FORK + "\nif __name__ == '__main__':\n" + main)  # spawn imports it again
    done = subprocess.run(
        [sys.executable, "-W", "ignore", program], timeout=120, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_who_was_interrupted_before_holding_blas_gives_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class InterruptedOnce:
        asked = 0

        def __enter__(self) -> None:
            self.asked += 1
            if self.asked == 1:
                raise KeyboardInterrupt

        def __exit__(self, *_: object) -> None:
            pass

    with single_threaded_blas():
        held = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
        with monkeypatch.context() as patch:
            patch.setattr(threads_module, "_lock", InterruptedOnce())
            with pytest.raises(KeyboardInterrupt), single_threaded_blas():
                pass
        assert threads_module._blas_users == 1
        assert held == [1] * len(held)


def test_a_blas_that_scipy_brings_later_is_held_too() -> None:
    pytest.importorskip("scipy")
    program = """
from threadpoolctl import threadpool_info
from nnscratch.kernels.threads import single_threaded_blas
def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
with single_threaded_blas():
    pass
import scipy.linalg
free = blas()
with single_threaded_blas():
    assert blas() == [1] * len(free), blas()
assert blas() == free
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_is_given_back_before_blas_was_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_module, "_blas", None)
    monkeypatch.setattr(threads_module, "_blas_threads", [])
    threads_module._restore_blas()
    assert threads_module._blas_threads == []
