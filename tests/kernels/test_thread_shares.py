"""Who runs side by side in one process shares its threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nnscratch.kernels.thread_shares import share_of_threads
from nnscratch.kernels.threads import get_threads, in_blocks, set_threads


@pytest.fixture(autouse=True)
def _four_threads() -> Iterator[None]:
    set_threads(4)
    yield
    set_threads(None)


def test_alone_it_has_all_and_a_number_is_a_number() -> None:
    with share_of_threads():
        assert get_threads() == 4
    for threads in (1, 3, 9):
        with share_of_threads(threads):
            assert get_threads() == threads
    assert get_threads() == 4


def test_blocks_within_blocks_are_one() -> None:
    with share_of_threads(), share_of_threads():
        assert get_threads() == 4
    with share_of_threads(2):
        with share_of_threads(3):
            assert get_threads() == 3
        assert get_threads() == 2


@pytest.mark.parametrize(("side_by_side", "expected"), [(2, 2), (3, 1), (5, 1)])
def test_side_by_side_they_share_and_the_last_one_has_all(side_by_side: int, expected: int) -> None:
    begun = threading.Barrier(side_by_side, timeout=10)
    measured = threading.Barrier(side_by_side, timeout=10)

    def work(number: int) -> int:
        with share_of_threads():
            begun.wait()
            share = get_threads()
            measured.wait()
        return share

    with ThreadPoolExecutor(side_by_side) as pool:
        assert list(pool.map(work, range(side_by_side))) == [expected] * side_by_side
    with share_of_threads():
        assert get_threads() == 4


def test_others_in_the_process_keep_what_they_have() -> None:
    with share_of_threads(1), ThreadPoolExecutor(1) as pool:
        assert pool.submit(get_threads).result() == 4


def test_no_more_threads_than_that_take_blocks() -> None:
    names: set[int] = set()
    together = threading.Barrier(2)

    def work(start: int, stop: int) -> None:
        names.add(threading.get_ident())
        together.wait(timeout=10)  # the second thread is there

    with share_of_threads(2):
        in_blocks(work, 20, 1)
    assert len(names) == 2
    names.clear()
    with share_of_threads(1):
        in_blocks(lambda start, stop: names.add(threading.get_ident()), 20, 1)
    assert names == {threading.get_ident()}


def test_lent_threads_know_the_limit() -> None:
    seen: set[int] = set()
    together = threading.Barrier(2)

    def work(start: int, stop: int) -> None:
        together.wait(timeout=10)
        seen.add(get_threads())

    with share_of_threads(2):
        in_blocks(work, 4, 1)
    assert seen == {2}


def test_an_error_gives_the_share_back() -> None:
    with pytest.raises(ZeroDivisionError), share_of_threads():
        raise ZeroDivisionError
    with share_of_threads():
        assert get_threads() == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_shares_with_nobody_of_its_parent() -> None:
    with share_of_threads():
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with share_of_threads(2):
                    status = int(get_threads() != 2)
                with ThreadPoolExecutor(1) as pool:
                    status += 2 * int(pool.submit(share_alone).result() != 4)
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def share_alone() -> int:
    with share_of_threads():
        return get_threads()
