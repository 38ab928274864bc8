"""Threads that help: how many come, and that nobody needs them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import threads
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call import team
from nnscratch.kernels.one_call.steps import Steps

F = np.float32


@pytest.fixture(autouse=True)
def default_threads() -> Iterator[None]:
    yield
    nn.set_threads(None)


def layer(threads: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Steps]:
    """The table, x, the weights, y, and the steps. The table knows the addresses of the weights and
    of the steps' memory alone: hold both while it runs.
    """
    x, weight = np.ones((1, 3000), F), np.ones((3000, 200), F)
    steps = Steps(x.shape, threads)
    y = steps.dense(steps.x, weight, None, False, last=True)
    return steps.table(y), x, weight, np.zeros((1, 200), F), steps


def wait_until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def nobody_helps() -> bool:
    """Nor will anybody whom a call invited that is over."""
    return team._invited == 0 and int(team._board[p.HELPERS]) == 0


class Board:
    """In place of the call that nobody made, which they wait at who linger."""

    def __init__(self) -> None:
        self.lingered: list[int] = []

    def help(self, rounds: int) -> bool:
        self.lingered.append(rounds)
        return False


def test_helpers_are_invited_once_and_go_back_to_sleep() -> None:
    nn.set_threads(3)
    table, x, _weight, y, _steps = layer(3)
    for _ in range(30):
        assert team.run_together(table, x, y, 3)
        assert (y == 3000).all()
        assert team._invited + int(team._board[p.HELPERS]) <= 4  # two, and two that have just left
        assert team._latest is None
    wait_until(nobody_helps)


def test_one_thread_asks_nobody(monkeypatch) -> None:
    monkeypatch.setattr(team, "lend", lambda *_: pytest.fail("asked"))
    table, x, _weight, y, _steps = layer(1)
    assert team.run_together(table, x, y, 1)
    assert (y == 3000).all()


def test_a_system_without_threads(monkeypatch) -> None:
    monkeypatch.setattr(team, "lend", lambda *_: 0)
    table, x, _weight, y, _steps = layer(2)
    wait_until(nobody_helps)
    for _ in range(3):
        assert team.run_together(table, x, y, 2)
        assert (y == 3000).all()
    assert team._invited == 0


def test_says_what_is_not_finite() -> None:
    table, x, weight, y, _steps = layer(2)
    weight[5, 5] = np.nan
    assert not team.run_together(table, x, y, 2)
    weight[5, 5], x[0, 0] = 1, np.inf
    assert not team.run_together(table, x, y, 1)


def test_one_that_lingers_is_called_back_for_other_work(monkeypatch) -> None:
    """Otherwise the pool would be a thread short for as long as it lingers."""
    nn.set_threads(2)
    monkeypatch.setattr(team, "_ROUNDS", 1 << 40)  # hours
    monkeypatch.setattr(team, "_A_MOMENT", 60.0)
    table, x, _weight, y, _steps = layer(2)
    # Several calls, for a thread of the pool of the test before may come to help with the first.
    wait_until(lambda: team.run_together(table, x, y, 2) and team._board[p.HELPERS] == 1)
    for _ in range(3):
        wait_until(lambda: team._board[p.HELPERS] == 1)
        meet()
    wait_until(lambda: team._board[p.HELPERS] == 1)
    assert team.run_together(table, x, y, 2)
    assert (y == 3000).all()
    monkeypatch.setattr(team, "_A_MOMENT", 0.0)
    team._lookout.interrupt()
    wait_until(nobody_helps)


def meet() -> None:
    """Two blocks that wait for each other: so two threads, of which one is the pool's."""
    meeting = threading.Barrier(2)
    threads.in_blocks(lambda start, stop: meeting.wait(20), 2, 1)


@pytest.mark.parametrize(("moment", "rounds"), [(0.0, set()), (60.0, {team._ROUNDS})])
def test_who_has_done_other_work_lingers_if_the_last_call_was_a_moment_ago(monkeypatch, moment, rounds) -> None:
    nn.set_threads(2)
    table, x, _weight, y, _steps = layer(2)
    team.run_together(table, x, y, 2)
    wait_until(nobody_helps)
    board = Board()
    monkeypatch.setattr(team, "_no_call", board)
    monkeypatch.setattr(team, "_A_MOMENT", moment)
    meet()
    meet()  # for this the pool's thread has come back from what it did after the first
    assert set(board.lingered) == rounds


def test_a_call_that_is_under_way_is_the_last_one_however_long_ago_another_ended(monkeypatch) -> None:
    """A helper may be done before the thread whose call it is."""
    board = Board()
    monkeypatch.setattr(team, "_no_call", board)
    monkeypatch.setattr(team, "_ended", -1e9)
    assert not team._lookout.linger()
    assert not board.lingered
    monkeypatch.setattr(team, "_latest", object())
    assert not team._lookout.linger()
    assert set(board.lingered) == {team._ROUNDS}
