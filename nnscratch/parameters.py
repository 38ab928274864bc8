"""The parameters of a model as a whole: copied, put back, checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.checks import check_finite

if TYPE_CHECKING:
    from nnscratch.model import Sequential


def parameters_of(model: Sequential) -> Iterator[np.ndarray]:
    """The model's own arrays, layer after layer, each layer's in the order of its `params`."""
    return (w for layer in model.layers for w in layer.params.values())


def copy_parameters(model: Sequential) -> list[np.ndarray]:
    """A copy of every parameter, in the order of `parameters_of`, for `put_back`.

    The copies are new arrays: a Ctrl-C in the middle cannot leave a mixture of two moments in older ones.

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(1, 2, weight_init="constant(3)", rng=0))
    >>> kept = copy_parameters(model)
    >>> model.layers[0].params["weight"][:] = 7
    >>> put_back(model, kept)
    >>> model.layers[0].params["weight"]
    array([[3., 3.]], dtype=float32)
    """
    return [w.copy() for w in parameters_of(model)]


def put_back(model: Sequential, parameters: Sequence[np.ndarray]) -> None:
    """Writes `parameters` into the model's own arrays, to which its stages and optimizers hold references.

    parameters : as `copy_parameters` gives them

    Raises
        ValueError : another number of arrays, or other shapes; then the model is as it was
    """
    live = list(parameters_of(model))
    got, expected = [w.shape for w in parameters], [w.shape for w in live]
    if got != expected:
        raise ValueError(f"got parameters of shapes {got}, expected {expected}; take those of this very model")
    for w, kept in zip(live, parameters, strict=True):
        np.copyto(w, kept)


def check_parameters(model: Sequential) -> None:
    """Stops a model that has gone to infinity.

    A loss is measured before its step: the last step of an epoch may be the one that no loss has seen.

    Raises
        NotFiniteError : a parameter is NaN or infinite; names its layer
    """
    for layer in model.layers:
        for name, w in layer.params.items():
            check_finite(layer, name, w)
