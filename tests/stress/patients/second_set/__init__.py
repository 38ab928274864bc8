"""The second set: HEALTHY and PATIENTS of every file here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

import nnscratch as nn


def dense_layers(
    sizes: Sequence[int],
    seed: int,
    activation: Callable[[], nn.Layer] = nn.ReLU,
    weight_init: str = "he_normal",
    bias_init: str = "constant(0.0)",
) -> list[nn.Layer]:
    """Dense layers of these sizes with an activation between two of them, none behind the last."""
    rng = np.random.default_rng(1000 + seed)
    layers: list[nn.Layer] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Dense(n_in, n_out, weight_init=weight_init, bias_init=bias_init, rng=rng), activation()]
    return layers[:-1]


def blobs(
    rng: np.random.Generator, rows: int, side: int, radius: float = 1.5, margin: float = 1.5
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of one bright blob, (rows, side, side, 1), 0..1; its places, (rows, 2), pixels."""
    places = rng.uniform(margin, side - 1 - margin, (rows, 2))
    grid = np.arange(side)
    down, across = (np.square(grid - places[:, [axis]]) for axis in (0, 1))
    pictures = np.exp(-(down[:, :, np.newaxis] + across[:, np.newaxis, :]) / (2 * radius**2))
    return pictures[..., np.newaxis].astype(np.float32), places.astype(np.float32)


def batches(rows: int, size: int, rng: np.random.Generator | None = None) -> Iterator[np.ndarray]:
    """The row numbers of each batch of one epoch, in order where there is no rng."""
    order = np.arange(rows) if rng is None else rng.permutation(rows)
    for start in range(0, rows, size):
        yield order[start : start + size]
