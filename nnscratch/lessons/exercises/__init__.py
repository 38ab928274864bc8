"""The exercises, one module per lesson; each has a tuple EXERCISES.

gradients.py                 lesson 1: a slope, a dense layer by hand, a step downhill
convolution.py               lesson 2: a convolution by loops, by columns, and its gradient
relu_and_pooling.py          lesson 3: where gradients go and where they die
first_weights.py             lesson 4: the spread, weights that keep it, and bends that saturate
dropout_and_weight_decay.py  lesson 5: dropout, the noise that it makes of a constant, and decay
why_did_it_not_learn.py      lesson 6: ten diagnoses
faces_and_curves.py          lesson 7: the error in pixels, batches, a mirrored face, the best epoch
cascade.py                   lesson 8: crops, their coordinates, and how much better answers are
your_own_layer.py            lesson 9: layer normalisation, forward and backward
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache

from nnscratch.lessons.exercise import Exercise, Question


@cache
def of_lesson(module: str) -> tuple[Exercise | Question, ...]:
    """The exercises of one module, such as "gradients", in their order."""
    exercises: tuple[Exercise | Question, ...] = importlib.import_module(f"{__name__}.{module}").EXERCISES
    return exercises


def modules() -> list[str]:
    """The names of all modules with exercises."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def find(name: str) -> Exercise | Question:
    """The exercise of that name.

    Raises
        ValueError : there is none
    """
    known = {each.name: each for module in modules() for each in of_lesson(module)}
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        fix = f"is it {close[0]!r}?" if close else "copy the name from the lesson"
        raise ValueError(f"check: got the exercise {name!r}, expected one of the {len(known)} that there are; {fix}")
    return known[name]
