"""Finite differences against every hand-written gradient: the proof that the derivations are right."""

from nnscratch.gradient_check.check import gradient_check, numerical_gradient, relative_error

__all__ = ["gradient_check", "numerical_gradient", "relative_error"]
