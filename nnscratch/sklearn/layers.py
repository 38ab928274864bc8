"""From a description of the layers, which can be searched over, to a network."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from nnscratch import layers
from nnscratch.checks import fraction, whole_number
from nnscratch.layers import BY_NAME, Dense, Dropout, Flatten, Layer
from nnscratch.model import Sequential

ACTIVATIONS: dict[str, type[Layer] | None] = {
    "relu": layers.ReLU,
    "leaky_relu": layers.LeakyReLU,
    "sigmoid": layers.Sigmoid,
    "tanh": layers.Tanh,
    "identity": None,
}


def network(
    where: str,
    hidden_layers: object,
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    activation: object,
    dropout: object,
    rng: np.random.Generator,
    dtype: Any,
) -> Sequential:
    """The network of these hidden layers, and a Dense layer of `n_outputs` behind them.

    where : begins the messages
    hidden_layers : from input to output, each of them
        n               Dense(n), the activation, and Dropout(dropout) if that is above 0
        "ReLU"          a layer without arguments, by the name of its class
        ("Conv2D", {"c_out": 8, "kernel_size": 3})
                        a layer and its arguments. Its class may stand for its name. `n_in` and
                        `c_in` may be left out: they follow from the layer before
    input_shape : of one x, without N
    activation : a name of ACTIVATIONS
    rng : draws the first weights and the masks of dropout, one layer after the other

    A Flatten comes before the first Dense layer if images reach it.

    Raises
        ValueError : an unknown name, wrong arguments of a layer, or layers that do not fit

    >>> rng = np.random.default_rng(0)
    >>> pooling = ("MaxPool2D", {"pool_size": 2})
    >>> hidden = [("Conv2D", {"c_out": 4, "kernel_size": 3}), "ReLU", pooling]
    >>> choices = {"activation": "tanh", "dropout": 0.5, "rng": rng, "dtype": np.float32}
    >>> network("example", [*hidden, 10], (8, 8, 1), 2, **choices)
    Sequential(
        Conv2D(1, 4, 3),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(36, 10),
        Tanh(),
        Dropout(0.5),
        Dense(10, 2),
    )
    """
    made = _Network(where, input_shape, rng, dtype)
    bend = _activation(where, activation)
    p = fraction(where, "dropout", dropout, fix="it is the share to drop, such as 0.5")
    for i, description in enumerate(_as_list(where, hidden_layers)):
        at = f"{where}: hidden_layers[{i}]"
        if isinstance(description, Integral) or not isinstance(description, str | type | tuple | list):
            made.add_dense(at, {"n_out": whole_number(where, f"hidden_layers[{i}]", description)})
            if bend is not None:
                made.add(at, bend, {})
            if p > 0:
                made.add(at, Dropout, {"p": p})
        else:
            made.add_described(at, description)
    made.add_dense(f"{where}: the output layer", {"n_out": n_outputs})
    return Sequential(*made.layers)


def shape_of_input(where: str, input_shape: object, n_features: int) -> tuple[int, ...]:
    """The shape of one x: (n_features,), or images of as many numbers.

    Raises
        ValueError : no whole numbers, or not as many as there are features

    >>> shape_of_input("example", (8, 8, 1), 64)
    (8, 8, 1)
    """
    if input_shape is None:
        return (n_features,)
    if not isinstance(input_shape, tuple | list) or not input_shape:
        raise ValueError(
            f"{where}: got input_shape={input_shape!r}, expected None or a shape such as (8, 8, 1); write (H, W, C)"
        )
    shape = tuple(whole_number(where, "input_shape", size) for size in input_shape)
    if math.prod(shape) != n_features:
        raise ValueError(
            f"{where}: got X with {n_features} features and input_shape={shape}, expected {math.prod(shape)} features; "
            "give each row as many as the shape has numbers"
        )
    return shape


class _Network:
    """Layers, each made for the output of the one before."""

    def __init__(self, where: str, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: Any) -> None:
        self.where, self.shape = where, input_shape
        self.given = {"rng": rng, "dtype": dtype}
        self.layers: list[Layer] = []

    def add_described(self, at: str, description: object) -> None:
        if isinstance(description, str | type):
            name, arguments = description, {}
        else:
            assert isinstance(description, Sequence)
            if len(description) != 2 or not isinstance(description[1], Mapping):
                raise ValueError(
                    f"{at}: got {description!r}, expected a number of units, a name, or (name, arguments); "
                    "write ('Conv2D', {'c_out': 8, 'kernel_size': 3})"
                )
            name, arguments = description[0], dict(description[1])
        kind = name if isinstance(name, type) and issubclass(name, Layer) else BY_NAME.get(str(name))
        if kind is None:
            raise ValueError(
                f"{at}: got {name!r}, expected a number of units, or one of {', '.join(sorted(BY_NAME))}; write the "
                "name of a layer's class"
            )
        if issubclass(kind, Dense):
            self.add_dense(at, arguments, kind)
        else:
            self.add(at, kind, arguments)

    def add_dense(self, at: str, arguments: dict[str, Any], kind: type[Layer] = Dense) -> None:
        if len(self.shape) > 1:
            self.add(at, Flatten, {})
        self.add(at, kind, arguments)

    def add(self, at: str, kind: type[Layer], arguments: dict[str, Any]) -> None:
        taken = inspect.signature(kind).parameters
        inferred = {"n_in": self.shape[-1], "c_in": self.shape[-1]} | self.given
        try:
            layer = kind(**{name: value for name, value in inferred.items() if name in taken} | arguments)
            self.shape = layer.output_shape(self.shape)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{at}: {error}") from None
        self.layers.append(layer)


def _as_list(where: str, hidden_layers: object) -> list[object]:
    if isinstance(hidden_layers, str) or not isinstance(hidden_layers, Sequence | np.ndarray):
        raise ValueError(
            f"{where}: got hidden_layers={hidden_layers!r}, expected a tuple of layers; write (100,) for one of 100 "
            "units, () for none"
        )
    return list(hidden_layers)


def _activation(where: str, activation: object) -> type[Layer] | None:
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"{where}: got activation={activation!r}, expected one of {', '.join(ACTIVATIONS)}; for another layer "
            "name it in hidden_layers"
        )
    return ACTIVATIONS[activation]
