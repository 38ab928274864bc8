"""check: is the reader's answer right, not done yet, or wrong, and how?

An answer is tried on several sets of random arguments in float64, and what it returns is compared
with what is right. If it differs, it is compared with what each usual mistake returns: the mistake
that gives the very same numbers is the one that was made. If none does, the difference itself is
looked at (`differences.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnscratch.lessons import exercises
from nnscratch.lessons.differences import Difference, explain, where
from nnscratch.lessons.exercise import Exercise, Question
from nnscratch.lessons.outcome import Outcome, shapes, tried
from nnscratch.lessons.result import Result, is_right, is_wrong, not_done

_SEED = 15  # of the random arguments: two readers with one mistake read one text


def check(name: str, answer: Any) -> Result:
    """Tries the reader's answer to an exercise, and prints whether and how it is wrong.

    name   : of the exercise, as the lesson gives it
    answer : the reader's function, class or value; None or `...` is "not done yet", and so is a
        function that returns None

    Raises
        ValueError : no exercise has that name

    >>> def relu_backward(x, dy):
    ...     return dy * x
    >>> check("relu_backward", relu_backward).verdict
    relu_backward: wrong
      dx: multiplied by x itself. The slope of max(x, 0) is 1 where x > 0, not x.
          (found with x (3, 4), dy (3, 4))
    'wrong'
    """
    exercise = exercises.find(name)
    result = _of_question(exercise, answer) if isinstance(exercise, Question) else judge(exercise, answer)
    print(result.text)
    return result


def judge(exercise: Exercise, answer: Any) -> Result:
    """`check` of an exercise that is given, not named; it prints nothing."""
    if answer is None or answer is Ellipsis:
        return not_done(exercise.name, exercise.right)
    if not callable(answer):
        hint = f"got {type(answer).__name__}, expected the function itself: check({exercise.name!r}, {exercise.name})"
        return is_wrong(exercise.name, exercise.right, [hint])
    if answer is exercise.right:  # by way of `.working`
        return not_done(exercise.name, answer, why="This is the lesson's own answer; run the cell with yours")
    cases = list(exercise.cases(np.random.default_rng(_SEED)))
    outcomes = [tried(exercise, answer, arguments) for arguments in cases]
    if all(outcome.not_done for outcome in outcomes):
        return not_done(exercise.name, exercise.right)
    expected = [_arrays(exercise, tried(exercise, exercise.right, arguments).returned) for arguments in cases]
    usual = [
        (mistake.hint, [tried(exercise, wrong, case) for case in cases]) for mistake, wrong in exercise.wrong_answers
    ]
    hints = _stopped(exercise, outcomes, expected, usual) or _returned(exercise, outcomes, expected, usual)
    hints = hints or _overwritten(outcomes, usual)
    if hints:
        return is_wrong(exercise.name, exercise.right, hints)
    return is_right(exercise.name, answer, f"{len(cases)} cases tried")


Arrays = list[np.ndarray | None]  # one for each name; None where no array of numbers came
Expected = Sequence[Arrays]  # of each case
Usual = Sequence[tuple[str, Sequence[Outcome]]]  # each hint with what its mistake does in each case


def _stopped(exercise: Exercise, outcomes: Sequence[Outcome], expected: Expected, usual: Usual) -> list[str]:
    """Hints for code that stopped with an error in at least one case.

    Sizes that do not fit stop a product, equal sizes let it pass: then the cases that came to an
    end say what is wrong.
    """
    stopped = next((outcome for outcome in outcomes if outcome.error), None)
    if stopped is None:
        return []
    at = f" in {stopped.place}" if stopped.place else ""
    message = f"your code stopped{at}: {stopped.error}\n(found with {shapes(exercise, stopped.arguments)})"
    ended = [i for i, outcome in enumerate(outcomes) if not outcome.error]
    if ended:
        tried_alike = [(hint, [tries[i] for i in ended]) for hint, tries in usual]
        return [
            *_returned(exercise, [outcomes[i] for i in ended], [expected[i] for i in ended], tried_alike),
            message,
        ]
    errors = [outcome.error for outcome in outcomes]
    found = [hint for hint, tries in usual if [outcome.error for outcome in tries] == errors]
    return [*found[:1], message]


def _returned(exercise: Exercise, outcomes: Sequence[Outcome], expected: Expected, usual: Usual) -> list[str]:
    """A hint for each returned array that is wrong."""
    many = len(exercise.returns)
    for outcome in outcomes:
        count = len(outcome.returned) if isinstance(outcome.returned, tuple | list) else 1
        if many > 1 and count != many:
            return [
                f"your code returned {count} value{'s' * (count > 1)}, expected {many}: {', '.join(exercise.returns)}"
            ]
    got = [_arrays(exercise, outcome.returned) for outcome in outcomes]
    hints = []
    for i, name in enumerate(exercise.returns):
        mine = [values[i] for values in got]
        if any(value is None for value in mine):
            raw = next(o.returned for o, value in zip(outcomes, mine, strict=True) if value is None)
            raw = raw[i] if many > 1 else raw
            told = "not done yet" if raw is None or raw is Ellipsis else f"got {type(raw).__name__}, expected an array"
            hints.append(f"{name}: {told}")
            continue
        differences = [
            Difference(value, values[i], _rows(outcome), exercise.tolerance)  # type: ignore[arg-type]
            for value, values, outcome in zip(mine, expected, outcomes, strict=True)
        ]
        if not all(each.none for each in differences):
            wrong = [(hint, [_arrays(exercise, o.returned)[i] for o in tries]) for hint, tries in usual]
            hints.append(f"{name}: {_hint(exercise, outcomes, differences, wrong)}")
        elif all(each.of_another_kind for each in differences):
            hints.append(f"{name}: {explain(differences)}")
    return hints


def _overwritten(outcomes: Sequence[Outcome], usual: Usual) -> list[str]:
    """A hint for code that returns what is right, but changes its arguments."""
    changed = [outcome.overwritten for outcome in outcomes]
    if not any(changed):
        return []
    found = [hint for hint, tries in usual if [outcome.overwritten for outcome in tries] == changed]
    names = dict.fromkeys(name for each in changed for name in each)
    return found[:1] or [
        f"{name}: your code writes into this argument, which belongs to the caller; make a new array, or work on "
        f"{name}.copy()"
        for name in names
    ]


def _hint(
    exercise: Exercise,
    outcomes: Sequence[Outcome],
    differences: Sequence[Difference],
    usual: Sequence[tuple[str, Arrays]],
) -> str:
    first = next(i for i, each in enumerate(differences) if not each.none)
    at = f"(found with {shapes(exercise, outcomes[first].arguments)})"
    for hint, values in usual:
        if all(value is not None and each.explained_by(value) for each, value in zip(differences, values, strict=True)):
            return f"{hint}\n{at}"
    told = explain(differences)
    numbers = where(differences)
    return f"{told}\n{at}" if told == numbers or numbers in told else f"{told}; {numbers}\n{at}"


def _rows(outcome: Outcome) -> int:
    first = next((each for each in outcome.arguments if isinstance(each, np.ndarray) and each.ndim), np.zeros(1))
    return len(first)


def _arrays(exercise: Exercise, returned: Any) -> Arrays:
    """What was returned, one array for each name; None for what is no array of numbers."""
    values = returned if len(exercise.returns) > 1 else (returned,)
    if not isinstance(values, tuple | list) or len(values) != len(exercise.returns):
        return [None] * len(exercise.returns)
    return [_array(value) for value in values]


def _array(value: Any) -> np.ndarray | None:
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "fiub" else None


def _of_question(question: Question, answer: Any) -> Result:
    if answer is None or answer is Ellipsis:
        return not_done(question.name, answer)
    if _matches(question, answer, question.right):
        return is_right(question.name, answer)
    hint = next((hint for wrong, hint in question.mistakes if _matches(question, answer, wrong)), "")
    if not hint and question.choices and answer not in question.choices:
        hint = f"got {answer!r}, expected one of {', '.join(map(repr, question.choices))}"
    return is_wrong(question.name, answer, [hint or f"{answer!r} is not it"])


def _matches(question: Question, answer: Any, value: Any) -> bool:
    if isinstance(value, float):
        number = isinstance(answer, int | float | np.number) and not isinstance(answer, bool)
        return number and abs(float(answer) - value) <= question.tolerance * abs(value)
    if isinstance(value, set | frozenset):
        return isinstance(answer, set | frozenset | list | tuple) and set(answer) == set(value)
    return type(answer) is type(value) and bool(answer == value)
