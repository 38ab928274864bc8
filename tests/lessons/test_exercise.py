"""An exercise as data: its code, with and without a mistake."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnscratch.lessons.exercise import Exercise, Mistake, without_types


def thrice(x: np.ndarray) -> np.ndarray:
    y: np.ndarray = 3 * x
    return y


def one_case(rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    return [(rng.standard_normal(4),)]


TWICE = Mistake("it is twice", {"3 * x": "2 * x"})
THRICE = Exercise(thrice, ("y",), one_case, (TWICE,))


def test_its_code_is_that_of_a_reader() -> None:
    assert THRICE.source() == "def thrice(x):\n    y = 3 * x\n    return y"
    assert THRICE.source(TWICE) == "def thrice(x):\n    y = 2 * x\n    return y"


def test_a_mistake_can_be_called() -> None:
    ((mistake, wrong),) = THRICE.wrong_answers
    assert mistake is TWICE
    np.testing.assert_array_equal(wrong(np.ones(2)), [2.0, 2.0])


@pytest.mark.parametrize(("old", "times"), [("4 * x", 0), ("return y", 1), ("np", 3)])
def test_a_change_must_fit_one_place(old: str, times: int) -> None:
    mistake = Mistake("?", {old: "pass"})
    if times == 1:
        assert "return" not in THRICE.source(mistake)
        return
    with pytest.raises(
        ValueError, match=f"got '{re.escape(old)}', which occurs {times} times in thrice, expected once"
    ):
        THRICE.source(mistake)


def test_types_go_but_values_stay() -> None:
    code = "def f(x: int, *, y: float = 1.0) -> int:\n    z: int\n    a: int = x\n    return a"
    assert without_types(code) == "def f(x, *, y=1.0):\n    a = x\n    return a"


def test_arguments_have_the_names_of_the_function_or_of_its_use() -> None:
    def use(answer: object, image: np.ndarray, dy: np.ndarray) -> None: ...

    assert THRICE.argument_names((1,)) == ["x"]
    assert Exercise(thrice, ("y",), one_case, use=use).argument_names((1, 2)) == ["image", "dy"]
