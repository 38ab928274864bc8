"""Lesson 6: what `check` takes for right is what was done to the patient."""

from __future__ import annotations

import pytest

from nnscratch.lessons import clinic
from nnscratch.lessons.exercises.why_did_it_not_learn import EXERCISES


@pytest.mark.parametrize("number", range(1, 11))
def test_the_right_answer_is_the_truth(number: int) -> None:
    question = EXERCISES[number - 1]
    assert question.name == f"patient_{number}"
    assert question.right == clinic.truth(number)[0]
    assert {question.right, *dict(question.mistakes)} == {*question.choices} == {*clinic.ILLNESSES}


def test_each_illness_occurs_once() -> None:
    assert sorted(question.right for question in EXERCISES) == [*clinic.ILLNESSES]
    assert len({*clinic.ILLNESSES}) == 10


def test_no_hint_names_the_right_answer() -> None:
    for question in EXERCISES:
        assert not [hint for _, hint in question.mistakes if question.right in hint]
