"""Metric: what it must be given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def r_squared(prediction: np.ndarray, target: np.ndarray) -> float:
    return 1 - float(np.mean((prediction - target) ** 2) / np.var(target))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("R2", "", None), "got function=None"),
        ((5, "", r_squared), "got name=5"),
        (("", "", r_squared), "got name=''"),
        (("R2", r_squared, ""), "got name='R2', unit=<function"),
    ],
)
def test_a_metric_is_a_name_a_unit_and_a_function(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"Metric: {message}.*, expected .*; "):
        nn.Metric(*arguments)


def test_higher_is_better_is_a_keyword_and_true_or_false() -> None:
    with pytest.raises(ValueError, match="got higher_is_better='yes', expected True or False"):
        nn.Metric("R2", "", r_squared, higher_is_better="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        nn.Metric("R2", "", r_squared, True)  # type: ignore[misc]
    assert not nn.Metric("R2", "", r_squared).higher_is_better
