from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import layers
from nnscratch.tracing.formulas import formulas

KINDS = [getattr(layers, name) for name in layers.__all__ if name not in ("Layer", "NotFiniteError")]
ARGUMENTS = {"Conv2D": (1, 2, 3), "Dense": (3, 2), "Dropout": (0.5,), "MaxPool2D": (2,), "AveragePool2D": (2,)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_layer_has_its_formulas(kind: type[nn.Layer]) -> None:
    layer = kind(*ARGUMENTS.get(kind.__name__, ()))
    y, dx, of_parameters = formulas(layer)
    assert y != "f(x)"
    assert len(y) <= 24  # the column of the table
    assert len(f"dx = {dx}") <= 24
    assert of_parameters.keys() == layer.params.keys()


def test_a_class_of_the_same_name_elsewhere_is_another() -> None:
    class ReLU(nn.ReLU):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return x

    assert formulas(ReLU())[0] == "f(x)"


def test_a_bias_that_is_not_there_is_in_no_formula() -> None:
    assert formulas(nn.Dense(2, 3, bias=False))[0] == "x @ weight"
    assert formulas(nn.Conv2D(2, 3, 1, bias=False))[0] == "windows @ weight"
    assert formulas(nn.Dense(2, 3))[0] == "x @ weight + bias"
