"""The table of a network: each layer's output shape, its cost, and its receptive field."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from nnscratch.layers import Conv2D, Dense, Layer
from nnscratch.pages.notebook import view
from nnscratch.pages.tables import table

HEADINGS = ("layer", "output shape", "parameters", "mult-adds", "kept B", "field")
_LARGEST_SIDE = 1024


def summary(layers: Sequence[Layer], input_shape: tuple[int, ...] | None) -> str:
    """The table as text of at most 80 columns; `Sequential.summary` describes its columns.

    layers : from input to output;  input_shape : of one x, without N; None: worked out

    Receptive field: the side, in pixels of the image, of the square that one output depends on. A
    layer with a window of k pixels and a stride s widens it by k - 1 steps, where a step is the
    product of all strides before.
        field <- field + (k - 1) * step;  step <- step * s
    Bytes kept: the arrays that stay in memory from forward to backward, per image. An array that
    two layers share counts once, for the first.

    Raises
        ValueError : the layers do not fit input_shape, or it cannot be worked out

    >>> import nnscratch as nn
    >>> layers = [nn.Conv2D(1, 2, 5), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(8, 3)]
    >>> print(summary(layers, (8, 8, 1)))
    layer                       output shape  parameters  mult-adds  kept B  field
    input                            8, 8, 1
    Conv2D(1, 2, 5)                  4, 4, 2          52        800     256      5
    ReLU()                           4, 4, 2           0          0      32      5
    MaxPool2D(2)                     2, 2, 2           0          0       8      6
    Flatten()                              8           0          0       0      6
    Dense(8, 3)                            3          27         24      32    all
    total                                             79        824     328
    """
    rows = [HEADINGS, *summary_rows(layers, input_shape)]
    lines = [f"{_short(a):26s}{b:>14s}{c:>12s}{d:>11s}{e:>8s}{f:>7s}".rstrip() for a, b, c, d, e, f in rows]
    return "\n".join(lines)


def summary_view(layers: Sequence[Layer], input_shape: tuple[int, ...] | None) -> str:
    """The same as HTML for a notebook; the layers alone where no shape can be worked out."""
    parameters = sum(value.size for layer in layers for value in layer.params.values())
    title = f"Sequential: {len(layers)} layers, {parameters:,} parameters"
    try:
        shown = table(HEADINGS, summary_rows(layers, input_shape), caption=title, last_is_total=True)
    except Exception:  # a layer of one's own may raise anything, and a view must be there
        rows = [(str(number), repr(layer)) for number, layer in enumerate(layers)]
        shown = table(("place", "layer"), rows, caption=title)
    return view(title, shown)


def summary_rows(layers: Sequence[Layer], input_shape: tuple[int, ...] | None) -> list[tuple[str, ...]]:
    """The table's cells, in the order of `HEADINGS`: the input, a row per layer, the total.

    Raises
        ValueError : as `summary`
    """
    shape = input_shape or smallest_input(layers)
    kept = _bytes_kept(layers, shape)
    rows = [("input", _dims(shape), *[""] * 4)]
    totals = [0, 0, sum(kept)]
    field: int | None = 1
    step = 1
    for layer, kept_bytes in zip(layers, kept, strict=True):
        multiply_adds = layer.multiply_adds(shape)
        shape = layer.output_shape(shape)
        kernel_size, stride = layer.window
        field = None if field is None or isinstance(layer, Dense) else field + (kernel_size - 1) * step
        step *= stride
        parameters = sum(value.size for value in layer.params.values())
        totals[0] += parameters
        totals[1] += multiply_adds
        counts = f"{parameters:,}", _count(multiply_adds), _count(kept_bytes), f"{field or 'all'}"
        rows.append((repr(layer), _dims(shape), *counts))
    rows.append(("total", "", f"{totals[0]:,}", _count(totals[1]), _count(totals[2]), ""))
    return rows


def _bytes_kept(layers: Sequence[Layer], shape: tuple[int, ...]) -> list[int]:
    """What each layer holds after a forward pass of one image, measured on a copy."""
    layers = copy.deepcopy(list(layers))
    dtype = next((value.dtype for layer in layers for value in layer.params.values()), np.dtype(np.float32))
    y = np.zeros((1, *shape), dtype)
    seen: set[int] = set()
    kept = []
    for layer in layers:
        y = layer.forward(y, training=True)
        owners = [_owner(value) for value in vars(layer).values() if isinstance(value, np.ndarray)]
        memory = {id(owner): owner.nbytes for owner in owners}
        kept.append(sum(nbytes for key, nbytes in memory.items() if key not in seen))
        seen |= memory.keys()
    return kept


def _owner(array: np.ndarray) -> np.ndarray:
    return array.base if isinstance(array.base, np.ndarray) else array


def smallest_input(layers: Sequence[Layer], where: str = "summary") -> tuple[int, ...]:
    """The shape of one x, worked out from the layers: see `Sequential.summary`.

    where : who asks, for the message

    Raises
        ValueError : it cannot be worked out
    """
    first = next((layer for layer in layers if isinstance(layer, Dense | Conv2D)), None)
    if isinstance(first, Dense):
        return (first.n_in,)
    if isinstance(first, Conv2D):
        for side in range(1, _LARGEST_SIDE + 1):
            shape: tuple[int, ...] = (side, side, first.c_in)
            try:
                for layer in layers:
                    shape = layer.output_shape(shape)
            except ValueError:
                continue
            return side, side, first.c_in
    raise ValueError(
        f"{where}: got no input_shape, and the layers do not determine it, expected a shape; pass one, such as "
        "(96, 96, 1), or check that the first Dense layer's n_in is what the layers before it give"
    )


def _dims(shape: tuple[int, ...]) -> str:
    return ", ".join(str(length) for length in shape)


def _short(text: str) -> str:
    return text if len(text) <= 26 else text[:22] + "...)"


def _count(number: int) -> str:
    """At most six characters: 824, 79.1k, 2.31M."""
    if number < 10_000:
        return f"{number:,}" if number < 1000 else str(number)
    for unit in ("k", "M", "G"):
        number_in_unit = number / 1000
        if number_in_unit < 1000:
            return f"{number_in_unit:.3g}{unit}" if number_in_unit < 999.5 else f"{number_in_unit:.0f}{unit}"
        number = round(number_in_unit)
    return f"{number:.3g}T"
