"""What a function did when it was tried."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.lessons.exercise import Exercise
from nnscratch.lessons.outcome import shapes, tried


def scaled(x: np.ndarray, factor: float) -> np.ndarray:
    return factor * x


EXERCISE = Exercise(scaled, ("y",), lambda rng: [(rng.random(2), 3.0)])
ARGUMENTS = (np.array([1.0, 2.0]), 3.0)


def outcome(answer: Any) -> Any:
    return tried(EXERCISE, answer, ARGUMENTS)


def test_what_is_returned_is_kept_and_arguments_are_copies() -> None:
    kept = []

    def answer(x: np.ndarray, factor: float) -> np.ndarray:
        kept.append(x)
        return x

    returned = outcome(answer).returned
    assert returned is not kept[0]
    assert kept[0] is not ARGUMENTS[0]
    np.testing.assert_array_equal(returned, ARGUMENTS[0])


def test_nothing_returned_is_not_done() -> None:
    assert outcome(lambda x, factor: None).not_done
    assert outcome(lambda x, factor: (None, ..., None)).not_done
    assert not outcome(lambda x, factor: (None, x)).not_done
    assert not outcome(lambda x, factor: 0).not_done


def test_an_error_is_told_with_its_line() -> None:
    def answer(x: np.ndarray, factor: float) -> np.ndarray:
        raise ValueError("two\nlines")

    stopped = outcome(answer)
    assert stopped.error == "ValueError: two lines"
    assert stopped.place.endswith('of its cell, `raise ValueError("two\\nlines")`')
    assert not stopped.not_done


def test_an_error_inside_numpy_has_the_readers_line() -> None:
    def answer(x: np.ndarray, factor: float) -> np.ndarray:
        return np.concatenate([x, factor])

    stopped = outcome(answer)
    assert stopped.error.startswith("ValueError: ")
    assert "return np.concatenate([x, factor])" in stopped.place


def test_an_error_in_a_class_has_the_readers_line_though_another_wrote_its_constructor() -> None:
    class Doubler(nn.Layer):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return 2 * x

    class Mine(nn.Layer):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return x.two

    exercise = Exercise(Doubler, ("y",), lambda rng: [(rng.random(2),)], use=lambda answer, x: answer().forward(x))
    assert tried(exercise, Mine, (np.ones(2),)).place.endswith("of its cell, `return x.two`")


def test_a_wrong_number_of_arguments_has_no_line() -> None:
    stopped = outcome(lambda x: x)
    assert stopped.error.startswith("TypeError: ")
    assert stopped.place == ""


def test_not_implemented_is_not_done() -> None:
    def answer(x: np.ndarray, factor: float) -> np.ndarray:
        raise NotImplementedError

    assert outcome(answer).not_done


def test_changed_arguments_are_named() -> None:
    def answer(x: np.ndarray, factor: float) -> np.ndarray:
        x *= factor
        return x

    assert outcome(answer).overwritten == ("x",)
    assert outcome(scaled).overwritten == ()
    np.testing.assert_array_equal(ARGUMENTS[0], [1.0, 2.0])


def test_arguments_in_short() -> None:
    assert shapes(EXERCISE, ARGUMENTS) == "x (2,), factor 3.0"
    assert shapes(EXERCISE, (np.sin, "a" * 100)) == "x sin, factor str"
