"""What the notebooks in examples/lessons/ import: `check` for exercises, small pictures.

checking.py     check: right, not done yet, or wrong, and how
result.py       what a check found, and how it is told
exercise.py     Exercise, Mistake, Question: an exercise as data
exercises/      all exercises, one module per lesson
clinic.py       the ten sick networks of lesson 6
outcome.py      runs a reader's function, and keeps what it did
differences.py  how two arrays differ, in words
plots.py        small pictures, in colours that colour-blind people can tell apart
notebook.py     reads a notebook, runs it, keeps its outputs
"""

from nnscratch.lessons.checking import check
from nnscratch.lessons.result import Result

__all__ = ["Result", "check"]
