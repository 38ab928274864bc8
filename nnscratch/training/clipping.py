"""Gradient clipping: keeps a single steep batch from throwing the weights far away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.checks import positive
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.updates import BLOCK, sum_of_squares
from nnscratch.optimizers.parameters import chosen_layers, gradient_of, moves

if TYPE_CHECKING:
    from nnscratch.layers.base import Layer
    from nnscratch.model import Sequential


def clip_gradients(model: Sequential, max_norm: float, *, layers: Sequence[Layer] | None = None) -> float:
    """Shortens the gradient of a model to a length of at most `max_norm`.

    All gradient arrays together are one vector g:
        norm = sqrt(sum of g^2)                    over every number of every parameter's gradient
        g    <- g * max_norm / norm                if norm > max_norm

    The direction stays; clipping each array by itself would turn it. Weight decay is not part of g:
    the optimizer adds it later. Nor are frozen layers, and those that the optimizer does not have:
    they do not move.

    model : a Sequential after its `backward`; the arrays in its `grads` are changed in place
    max_norm : > 0, in the units of the gradient. This function returns the norm of a batch: try the
        norm of ordinary batches first
    layers : those of the model whose gradients count, as an optimizer of some layers takes them;
        None: all

    Returns the norm before clipping, summed in float64, with the same bits on any number of
    threads. If it is not finite, the gradients stay as they are: the training must see that it
    diverges.

    Raises
        ValueError : max_norm out of its range; layers that are not the model's; a gradient is
            missing, read-only or of another shape or dtype than its parameter. Then no gradient has
            changed

    >>> import nnscratch as nn
    >>> layer = nn.Dense(1, 1, rng=0)
    >>> layer.grads = {"weight": np.float32([[30]]), "bias": np.float32([40])}
    >>> clip_gradients(nn.Sequential(layer), max_norm=5)  # sqrt(30^2 + 40^2), ten times 5
    50.0
    >>> layer.grads["weight"], layer.grads["bias"]
    (array([[3.]], dtype=float32), array([4.], dtype=float32))

    Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks"
    (2013), algorithm 1.
    """
    max_norm = positive("clip_gradients", "max_norm", max_norm, fix="leave it out for gradients as they are")
    chosen = chosen_layers("clip_gradients", model, layers)
    gradients = _gradients(model.layers if chosen is None else chosen)
    norm = math.sqrt(math.fsum(_sum_of_squares(dw) for dw in gradients))
    if max_norm < norm < math.inf:
        for dw in gradients:
            dw *= dw.dtype.type(max_norm / norm)
    return norm


def _gradients(layers: Sequence[Layer]) -> list[np.ndarray]:
    moving = [layer for layer in layers if moves(layer)]
    gradients = [gradient_of("clip_gradients", layer, name) for layer in moving for name in layer.params]
    if not all(dw.flags.writeable for dw in gradients):
        raise ValueError(
            "clip_gradients: got a read-only gradient, expected one that can be shortened in place; let backward set a "
            "copy of it"
        )
    return gradients


def _sum_of_squares(values: np.ndarray) -> float:
    flat, sums = values.reshape(-1), np.zeros(-(-values.size // BLOCK))

    def work(start: int, stop: int) -> None:
        sums[start // BLOCK] = sum_of_squares(flat[start:stop])

    in_blocks(work, flat.size, BLOCK)
    return float(sums.sum())
