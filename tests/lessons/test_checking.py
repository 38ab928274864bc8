"""check: right, not done yet, wrong, and how. Usual mistakes of each lesson are tried in
tests/examples/lessons/.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnscratch.lessons import check, exercises
from nnscratch.lessons.checking import judge
from nnscratch.lessons.exercise import Exercise, Mistake, Question

Array = np.ndarray


def both(x: Array, y: Array) -> tuple[Array, Array]:
    total = x + y
    product = x * y
    return total, product


def pairs(rng: np.random.Generator) -> list[tuple[Array, Array]]:
    return [(rng.standard_normal(shape), rng.standard_normal(shape)) for shape in ((3, 2), (2, 2), (1, 4))]


TRANSPOSED = Mistake("the product is taken with a transposed array.", {"x * y": "x.T * y"})
NO_TOTAL = Mistake("the second term is missing.", {"x + y": "x.copy()"})
BOTH = Exercise(both, ("total", "product"), pairs, (TRANSPOSED, NO_TOTAL))


def hints(answer: Any) -> tuple[str, ...]:
    result = judge(BOTH, answer)
    assert result.verdict == "wrong", result
    assert result.working is both
    return result.hints


def test_right_however_it_is_written() -> None:
    def mine(a: Array, b: Array) -> list[Array]:
        return [np.add(b, a), np.einsum("ij,ij->ij", a, b)]

    result = judge(BOTH, mine)
    assert result
    assert result.text == "both: right (3 cases tried)"
    assert result.working is mine


@pytest.mark.parametrize(
    "answer", [None, ..., lambda x, y: None, lambda x, y: ..., lambda x, y: (None, None), lambda x, y: (..., ...)]
)
def test_not_done_yet(answer: Any) -> None:
    result = judge(BOTH, answer)
    assert (result.verdict, result.hints, result.working) == ("not done yet", (), both)


def test_the_lessons_own_answer_is_not_the_readers() -> None:
    # `f = check("f", f).working` puts it under the reader's name; the cell may be run twice.
    result = judge(BOTH, judge(BOTH, None).working)
    assert (result.verdict, result.working) == ("not done yet", both)
    assert result.text.startswith("both: not done yet. This is the lesson's own answer; ")
    assert judge(BOTH, judge(BOTH, lambda x, y: (y, x)).working).verdict == "not done yet"


def test_half_done() -> None:
    assert hints(lambda x, y: (x + y, None)) == ("product: not done yet",)


def test_each_wrong_array_has_its_own_hint() -> None:
    first, second = hints(lambda x, y: (x.copy(), 2 * x * y))
    assert first == "total: the second term is missing. (found with x (3, 2), y (3, 2))"
    assert second.startswith("product: it is 2 times what it should be, everywhere: a constant factor; 0 of 6 ")


def test_a_mistake_that_stops_for_some_sizes_is_known_by_the_others() -> None:
    known, stopped = hints(lambda x, y: (x + y, np.swapaxes(x, 0, 1) * y))
    assert known.startswith(f"product: {TRANSPOSED.hint} (found with x (2, 2), ")
    assert "ValueError: operands could not be broadcast together" in stopped
    assert "(found with x (3, 2), y (3, 2))" in stopped


def test_a_second_mistake_beside_one_that_stops_is_told_as_well() -> None:
    first, second, stopped = hints(lambda x, y: (x.copy(), x.T * y))
    assert first.startswith(f"total: {NO_TOTAL.hint}")
    assert second.startswith(f"product: {TRANSPOSED.hint}")
    assert stopped.startswith("your code stopped in line ")


def test_a_mistake_that_always_stops_is_known_by_its_error() -> None:
    twice = Mistake("take the second one.", {"x * y": "x * z"})
    exercise = replace(BOTH, mistakes=(TRANSPOSED, twice))
    known, stopped = judge(exercise, lambda x, y: (x + y, z)).hints  # type: ignore[name-defined] # noqa: F821
    assert known == twice.hint
    assert "NameError: name 'z' is not defined" in stopped


def test_another_error_is_told_as_it_is() -> None:
    wrong, stopped = hints(lambda x, y: (x + y, x @ y))
    assert wrong.startswith("product: 0 of 4 numbers are right; the first wrong one is at [0, 0]: yours ")
    assert stopped.startswith("your code stopped in line ")
    assert "ValueError: matmul" in stopped
    assert stopped.endswith("(found with x (3, 2), y (3, 2))")


def test_the_wrong_number_of_values() -> None:
    assert hints(lambda x, y: x + y) == ("your code returned 1 value, expected 2: total, product",)
    assert hints(lambda x, y: (x, y, x)) == ("your code returned 3 values, expected 2: total, product",)


def test_what_is_no_array() -> None:
    assert hints(lambda x, y: ("sum", x * y)) == ("total: got str, expected an array",)
    assert hints(lambda x, y: ([[1.0], [1.0, 2.0]], x * y)) == ("total: got list, expected an array",)
    assert hints(lambda x, y: (np.add, x * y)) == ("total: got ufunc, expected an array",)
    assert hints("both")[0].startswith("got str, expected the function itself: check('both', both)")


def test_overwritten_arguments() -> None:
    def answer(x: Array, y: Array) -> tuple[Array, Array]:
        product = x * y
        x += y
        return x.copy(), product

    assert hints(answer) == (
        "x: your code writes into this argument, which belongs to the caller; make a new array, or work on x.copy()",
    )


def test_whole_numbers_that_happen_to_be_right() -> None:
    def ones(x: Array) -> Array:
        return np.ones(len(x))

    exercise = Exercise(ones, ("y",), lambda rng: [(rng.random(3),)])
    assert judge(exercise, lambda x: np.ones(len(x), int)).hints[0].startswith("y: it holds whole numbers")


def test_a_count_may_be_a_float_but_a_mask_is_no_number() -> None:
    def count(x: Array) -> int:
        return int(np.sum(x > 0))

    assert judge(Exercise(count, ("n",), lambda rng: [(rng.standard_normal(5),)]), lambda x: (x > 0).sum() * 1.0)

    def positive(x: Array) -> Array:
        return x > 0

    exercise = Exercise(positive, ("mask",), lambda rng: [(rng.standard_normal(5),)])
    assert judge(exercise, lambda x: (x > 0) * 1.0).hints[0].startswith("mask: its dtype is float64, expected True and")
    assert judge(exercise, lambda x: (x > 0) * 1).hints[0].startswith("mask: its dtype is int64, expected True and")


def test_the_readers_code_is_tried_and_never_the_lessons() -> None:
    calls = []

    def mine(x: Array, y: Array) -> tuple[Array, Array]:
        calls.append(x.dtype)
        return both(x, y)

    judge(BOTH, mine)
    assert calls == [np.dtype(np.float64)] * 3


def test_the_same_answer_gives_the_same_text() -> None:
    def wrong(x: Array, y: Array) -> tuple[Array, Array]:
        return x - y, x * y

    assert judge(BOTH, wrong).text == judge(BOTH, wrong).text


def test_a_class_is_used_as_the_exercise_says() -> None:
    class Doubler:
        def forward(self, x: Array) -> Array:
            return 2 * x

    exercise = Exercise(Doubler, ("y",), lambda rng: [(rng.random(3),)], use=lambda answer, x: answer().forward(x))

    class Mine:
        def forward(self, x: Array) -> Array:
            return x + x

    assert judge(exercise, Mine)
    assert "AttributeError" in judge(exercise, type("Empty", (), {})).hints[0]


WHICH = Question("which", "dead_units", (("overfitting", "look at both curves."),), ("dead_units", "overfitting", "x"))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `exercises.find` finds, to be filled."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(exercises, "find", found.__getitem__)
    return found


@pytest.mark.parametrize(
    ("right", "answer", "verdict"),
    [
        ("dead_units", "dead_units", "right"),
        ("dead_units", None, "not done yet"),
        ("dead_units", ..., "not done yet"),
        ("dead_units", "x", "wrong"),
        (0.5, 0.502, "right"),
        (0.5, 0.51, "wrong"),
        (0.5, "0.5", "wrong"),
        (1.0, 1, "right"),
        (1.0, True, "wrong"),
        (3, 3, "right"),
        (3, 4, "wrong"),
        ({"a", "b"}, ["b", "a"], "right"),
        ({"a", "b"}, {"a"}, "wrong"),
    ],
)
def test_a_question(known: dict[str, Any], right: Any, answer: Any, verdict: str) -> None:
    known["which"] = Question("which", right)
    assert check("which", answer).verdict == verdict


@pytest.mark.parametrize("answer", [None, "overfitting"])
def test_a_question_is_not_answered_by_the_lesson(known: dict[str, Any], answer: Any) -> None:
    known["which"] = WHICH
    assert check("which", answer).working == answer


def test_a_questions_hints(known: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    known["which"] = WHICH
    assert check("which", "overfitting").hints == ("look at both curves.",)
    assert capsys.readouterr().out == "which: wrong\n  look at both curves.\n"
    assert check("which", "death").hints == ("got 'death', expected one of 'dead_units', 'overfitting', 'x'",)
    assert check("which", "x").hints == ("'x' is not it",)


def test_an_unknown_exercise() -> None:
    with pytest.raises(
        ValueError, match="got the exercise 'dense_backwards', expected one of .* is it 'dense_backward'"
    ):
        check("dense_backwards", None)


def every_exercise() -> list[Exercise]:
    found = [each for name in exercises.modules() for each in exercises.of_lesson(name)]
    return [each for each in found if isinstance(each, Exercise)]


def spoiled(exercise: Exercise, spoil: Any) -> Exercise:
    """The exercise whose answers are changed by `spoil` before they are looked at."""

    @functools.wraps(exercise.use or exercise.right)  # the arguments keep their names
    def use(answer: Any, *arguments: Any) -> Any:
        returned = exercise.called(answer, arguments)
        if answer is exercise.right or len(exercise.returns) == 1:
            return returned if answer is exercise.right else spoil(returned)
        return tuple(map(spoil, returned))

    return replace(exercise, use=use)


def other_object(answer: Any) -> Any:
    """Another callable that does the same."""
    if isinstance(answer, type):
        return type(answer.__name__, (answer,), {})
    return lambda *arguments: answer(*arguments)


@pytest.mark.parametrize("exercise", every_exercise(), ids=lambda exercise: exercise.name)
@pytest.mark.parametrize(
    "spoil", [lambda y: -1.5 * np.asarray(y), lambda y: np.asarray(y)[np.newaxis], lambda y: 0.0 * np.asarray(y) + 7.0]
)
def test_every_exercise_tells_each_returned_array_that_is_wrong(exercise: Exercise, spoil: Any) -> None:
    result = judge(spoiled(exercise, spoil), other_object(exercise.right))
    assert result.verdict == "wrong"
    assert [hint.partition(":")[0] for hint in result.hints] == [*exercise.returns]
    assert max(map(len, result.text.splitlines())) <= 80
