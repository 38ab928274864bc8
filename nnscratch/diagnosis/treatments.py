"""Treatments: remedies as functions that change a setup, so that they can be tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnscratch import initializers
from nnscratch.diagnosis.activity import ACTIVATIONS, has_units
from nnscratch.diagnosis.setup import Setup, Treatment, is_moved
from nnscratch.layers import AveragePool2D, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU
from nnscratch.losses import labelled_mean

# The data


def scale_columns(setup: Setup) -> None:
    """x becomes (x - mean) / spread: of each column, or of all pixels."""
    axes = 0 if setup.x.ndim == 2 else None
    setup.x = _scaled(setup.x, axes)


def scale_targets(setup: Setup) -> None:
    """Each column of y becomes (y - mean) / spread."""
    y = setup.y.astype(np.float64)
    centred = y - labelled_mean(y)
    spread = np.sqrt(np.nanmean(np.square(centred), axis=0))
    setup.y = (centred / np.where(spread > 0, spread, 1)).astype(setup.y.dtype)


def scale_all(setup: Setup) -> None:
    """Each column of x, and of y, becomes (column - mean) / spread."""
    scale_columns(setup)
    scale_targets(setup)


def _scaled(x: np.ndarray, axes: int | None) -> np.ndarray:
    centred = x - x.mean(axis=axes, dtype=np.float64)
    spread = np.sqrt(np.square(centred).mean(axis=axes))
    return (centred / np.where(spread > 0, spread, 1)).astype(x.dtype)


def scale_pixels(setup: Setup) -> None:
    """x becomes numbers from 0 to 1: pixels over the largest that there is."""
    low, high = float(setup.x.min()), float(setup.x.max())
    setup.x = ((setup.x - low) / max(high - low, 1e-30)).astype(setup.x.dtype)


def scale_into(low: float, high: float) -> Treatment:
    """Moves y into the middle nine tenths of a range."""

    def apply(setup: Setup) -> None:
        least, most = np.nanmin(setup.y, axis=0), np.nanmax(setup.y, axis=0)
        share = (setup.y - least) / np.where(most > least, most - least, 1)
        setup.y = (low + (high - low) * (0.05 + 0.9 * share)).astype(setup.y.dtype)

    return Treatment(f"y scaled into {low:g} to {high:g}", apply)


def centre_targets(setup: Setup) -> None:
    """The mean of each column of y is taken away."""
    setup.y = (setup.y - labelled_mean(setup.y)).astype(setup.y.dtype)


def without_values(values: Sequence[float]) -> Treatment:
    """Takes these values of y for missing labels."""

    def apply(setup: Setup) -> None:
        setup.y = np.where(np.isin(setup.y, np.array(values, setup.y.dtype)), np.nan, setup.y).astype(setup.y.dtype)

    names = ", ".join(f"{value:g}" for value in values)
    return Treatment(f"y without {names} (NaN: missing)", apply)


def shift_rows(by: int) -> Treatment:
    """Gives each row of x the y of another row."""

    def apply(setup: Setup) -> None:
        setup.y = np.roll(setup.y, by, axis=0)

    return Treatment(f"y = np.roll(y, {by}, axis=0)", apply)


def rare_rows_more_often(common: np.ndarray) -> Treatment:
    """Repeats the rows that are not common until they are about half of all.

    common : (N,) bool
    """

    def apply(setup: Setup) -> None:
        rare, others = np.flatnonzero(~common), np.flatnonzero(common)
        times = max(1, round(len(others) / max(1, len(rare))))
        order = np.random.default_rng(0).permutation(np.concatenate([others, np.repeat(rare, times)]))
        setup.x, setup.y = setup.x[order], setup.y[order]

    return Treatment("rare rows repeated until they are half", apply)


# The layers


def draw(weight: str = "he_normal", bias: str = "constant(0)") -> Treatment:
    """Draws hidden layers by these initializers; biases of the last layer too."""

    def apply(setup: Setup) -> None:
        rng = np.random.default_rng(1)
        for layer in setup.model.layers:
            if has_units(layer) and is_moved(layer, setup.optimizer):
                values = layer.params["weight"]
                values[:] = initializers.get(weight)(values.shape, rng)
                if "bias" in layer.params:
                    shape = layer.params["bias"].shape
                    layer.params["bias"][:] = initializers.get(bias)(shape, rng)

    return Treatment(f"weight_init='{weight}', bias_init='{bias}'", apply)


def zero_biases(setup: Setup) -> None:
    """All biases begin as 0."""
    for layer in setup.model.layers:
        if "bias" in layer.params and is_moved(layer, setup.optimizer):
            layer.params["bias"][:] = 0


def replace_activations(kinds: tuple[type[Layer], ...], by: type[Layer]) -> Treatment:
    """Replaces activations of these kinds."""

    def apply(setup: Setup) -> None:
        setup.replace_layers([by() if isinstance(layer, kinds) else layer for layer in setup.model.layers])

    return Treatment(f"{by.__name__} in place of {' and '.join(kind.__name__ for kind in kinds)}", apply)


def last_units(layers: Sequence[Layer]) -> int:
    """The place of the last layer with weights."""
    return max(i for i, layer in enumerate(layers) if has_units(layer))


def without_output_activation(setup: Setup) -> None:
    """Takes away activations and dropout behind the last layer with weights."""
    last = last_units(setup.model.layers)
    kept = [x for i, x in enumerate(setup.model.layers) if i <= last or not isinstance(x, (*ACTIVATIONS, Dropout))]
    setup.replace_layers(kept)


def set_dropout(p: float) -> Treatment:
    """Sets the p of every Dropout that has a larger one; 0 takes it away."""

    def apply(setup: Setup) -> None:
        layers: list[Layer] = []
        for layer in setup.model.layers:
            if isinstance(layer, Dropout) and layer.p > p:
                layers += [Dropout(p, rng=0)] if p > 0 else []
            else:
                layers.append(layer)
        setup.replace_layers(layers)

    return Treatment(f"Dropout({p:g})" if p else "no Dropout", apply)


def remove_and_scale(setup: Setup) -> None:
    """Both: no activation behind the last layer, and each column of y scaled."""
    without_output_activation(setup)
    scale_targets(setup)


def add_activations(setup: Setup) -> None:
    """Puts a ReLU behind each hidden layer with weights."""
    last = last_units(setup.model.layers)
    layers: list[Layer] = []
    for i, layer in enumerate(setup.model.layers):
        layers += [layer, ReLU()] if has_units(layer) and i < last else [layer]
    setup.replace_layers(layers)


def widen(to: int) -> Treatment:
    """Gives each hidden layer at least so many units."""

    def apply(setup: Setup) -> None:
        _rebuild(setup, lambda layer: layer, to)

    return Treatment(f"hidden layers of {to} units", apply)


def pool_less(setup: Setup) -> None:
    """Pools no more than 2 x 2 places into one, and strides no more than 2."""

    def smaller(layer: Layer) -> Layer:
        if isinstance(layer, MaxPool2D | AveragePool2D) and max(layer.pool_size) > 2:
            height, width = layer.pool_size
            return type(layer)((min(2, height), min(2, width)))
        if isinstance(layer, Conv2D) and max(layer.stride) > min(layer.kernel_size):
            return Conv2D(**layer.config() | {"stride": 1, "rng": np.random.default_rng(0)})
        return layer

    _rebuild(setup, smaller, 0)


def _rebuild(setup: Setup, change: Callable[[Layer], Layer], units: int) -> None:
    """Builds the network anew, with layers changed and at least so many units in hidden ones."""
    rng, shape = np.random.default_rng(0), setup.x.shape[1:]
    old = setup.model.layers
    layers: list[Layer] = []
    last = last_units(old)
    for i, layer in enumerate(map(change, old)):
        new: Layer = layer
        if isinstance(layer, Dense | Conv2D):
            wide = layer.n_out if isinstance(layer, Dense) else layer.c_out
            wide = wide if i == last else max(wide, units)
            own = {"n_in": shape[-1], "n_out": wide} if isinstance(layer, Dense) else {"c_in": shape[-1], "c_out": wide}
            new = type(layer)(**layer.config() | own | {"rng": rng, "dtype": layer.params["weight"].dtype})
            if isinstance(layer, Dense) and len(shape) > 1:
                layers.append(Flatten())
                new = Dense(**layer.config() | own | {"n_in": math.prod(shape), "rng": rng})
        layers.append(new)
        shape = layer.output_shape(shape) if new is layer else new.output_shape(_flat(shape, new))
    setup.replace_layers(layers)


def _flat(shape: tuple[int, ...], layer: Layer) -> tuple[int, ...]:
    return (math.prod(shape),) if isinstance(layer, Dense) else shape


# The training


def change_lr(factor: float, lr: float) -> Treatment:
    """Multiplies the learning rate. lr : the largest that the training had."""

    def apply(setup: Setup) -> None:
        setup.optimizer.lr = lr * factor

    return Treatment(f"lr={lr * factor:.3g}", apply)


def change_decay(factor: float, decay: float) -> Treatment:
    def apply(setup: Setup) -> None:
        setup.renew_optimizer(weight_decay=decay * factor)

    return Treatment(f"weight_decay={decay * factor:.3g}", apply)


def change_momentum(momentum: float) -> Treatment:
    def apply(setup: Setup) -> None:
        setup.renew_optimizer(momentum=momentum)

    return Treatment(f"momentum={momentum:g}", apply)


def let_it_move(setup: Setup) -> None:
    """Nothing is frozen, the optimizer is of all of this model, and its rate is not 0."""
    for layer in setup.model.layers:
        layer.frozen = False
    of_all: dict[str, Any] = {} if setup.optimizer.layers is None else {"layers": None}
    setup.renew_optimizer(**of_all, **({"lr": 0.01} if setup.optimizer.lr == 0 else {}))


def finite_rows(setup: Setup) -> None:
    """Leaves out rows of x with NaN or infinity; infinite labels become missing ones."""
    finite = np.isfinite(setup.x.reshape(len(setup.x), -1)).all(axis=1)
    setup.x, setup.y = setup.x[finite], setup.y[finite]
    if np.issubdtype(setup.y.dtype, np.floating):
        setup.y = np.where(np.isinf(setup.y), np.nan, setup.y)


def take_mse(setup: Setup) -> None:
    """MSELoss in place of a loss of one's own, with y in the shape of the answers."""
    setup.square_errors()


def as_it_is(setup: Setup) -> None:
    """Nothing but a training that shuffles the rows before every epoch."""
