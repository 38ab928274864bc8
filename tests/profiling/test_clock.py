"""Works take turns; ratios are taken pair by pair."""

from __future__ import annotations

import time

import pytest

from nnscratch.profiling.clock import in_turn, in_turn_within, milliseconds, ratio


def test_milliseconds() -> None:
    assert 5 <= milliseconds(lambda: time.sleep(0.005)) < 5000


def test_works_take_turns_after_a_warm_up() -> None:
    calls: list[str] = []
    times = in_turn([lambda: calls.append("a"), lambda: calls.append("b")], repeats=3)
    assert "".join(calls) == "abab" + "ababab"
    assert [len(column) for column in times] == [3, 3]


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 3), (100.0, 7)])
def test_as_many_rounds_as_fit_within_limits(seconds: float, rounds: int) -> None:
    calls: list[str] = []
    works = [lambda: calls.append("a"), lambda: calls.append("b")]
    times = in_turn_within(works, seconds, least=3, most=7)
    assert [len(column) for column in times] == [rounds, rounds]
    assert "".join(calls) == "ab" * (1 + rounds)


def test_the_ratio_is_taken_pair_by_pair() -> None:
    # The machine was three times slower in the second round; each pair still says 2.
    assert ratio([2.0, 6.0, 2.0], [1.0, 3.0, 1.0]) == 2.0
