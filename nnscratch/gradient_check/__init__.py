"""Finite differences against every hand-written gradient: the proof that the derivations are right.

differences.py     the slope of a number as one entry of an array moves a little
point.py           a network at one point: L again and again, and the gradients that it wrote
comparison.py      the two gradients entry by entry: the largest relative error, and where
check.py           `gradient_check`: every entry of a layer or a small network
sampling.py        some entries of a network that is too large for that
configurations.py  what `python -m nnscratch gradcheck` checks: every layer and loss
table.py           the table that it prints
broken_rules/      usual mistakes: the wrong gradient, the check, and a training with it
"""

from nnscratch.gradient_check.check import compare_gradients, gradient_check
from nnscratch.gradient_check.comparison import Comparison, Entry
from nnscratch.gradient_check.differences import numerical_gradient, relative_error

__all__ = [
    "Comparison",
    "Entry",
    "compare_gradients",
    "gradient_check",
    "numerical_gradient",
    "relative_error",
]
