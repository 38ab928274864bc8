"""What each kind of layer computes, in a few characters: for a line of a table, beside the numbers.

The whole derivation stands in the layer's own file.
"""

from __future__ import annotations

from nnscratch.layers import Layer

Formulas = tuple[str, str, dict[str, str]]  # y from x; dx from dy; the gradient of each parameter

_UNKNOWN: Formulas = "f(x)", "dy * slope of f", {}
_FORMULAS: dict[str, Formulas] = {
    "Dense": ("x @ weight + bias", "dy @ weight.T", {"weight": "x.T @ dy", "bias": "sum of dy"}),
    "Conv2D": (
        "windows @ weight + bias",
        "sum of dy * weight",
        {"weight": "windows.T @ dy", "bias": "sum of dy"},
    ),
    "ReLU": ("max(x, 0)", "dy where y > 0", {}),
    "LeakyReLU": ("x, or slope * x if x < 0", "dy, or slope * dy", {}),
    "Sigmoid": ("1 / (1 + exp(-x))", "dy * y * (1 - y)", {}),
    "Tanh": ("tanh(x)", "dy * (1 - y^2)", {}),
    "MaxPool2D": ("largest of each window", "dy to each winner", {}),
    "AveragePool2D": ("mean of each window", "dy / places, to all", {}),
    "Flatten": ("x as one row", "dy in x's shape", {}),
    "Dropout": ("x * mask", "dy * mask", {}),
    "ContrastNormalization": ("(x - mean) / deviation", "dy through both", {}),
}


def formulas(layer: Layer) -> Formulas:
    """y from x; dx from dy; and the gradient of each parameter, by name.

    A class that is not the library's own says nothing of itself: f(x).

    >>> import nnscratch as nn
    >>> formulas(nn.ReLU())
    ('max(x, 0)', 'dy where y > 0', {})
    """
    kind = type(layer)
    known = kind.__module__.startswith("nnscratch.layers.")
    y, dx, of_parameters = _FORMULAS.get(kind.__name__, _UNKNOWN) if known else _UNKNOWN
    if "bias" not in layer.params:
        y = y.removesuffix(" + bias")
    return y, dx, of_parameters
