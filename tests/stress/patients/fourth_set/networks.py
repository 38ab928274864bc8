"""Builders of the fourth set: networks and their parts."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

import numpy as np

import nnscratch as nn
from patients.patient import Training


def standard(x: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and spread 1, float32."""
    spread = x.std(axis=0)
    return ((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)


def dense(
    rng: np.random.Generator,
    *sizes: int,
    activation: Callable[[], nn.Layer] | None = nn.ReLU,
    weights: str = "he_normal()",
    bias: str = "constant(0.0)",
    dropout: float = 0.0,
) -> list[nn.Layer]:
    """Dense layers of these sizes, an activation (and Dropout) behind all but the last."""
    layers: list[nn.Layer] = []
    for n_in, n_out in itertools.pairwise(sizes[:-1]):
        layers.append(nn.Dense(n_in, n_out, weight_init=weights, bias_init=bias, rng=rng))
        if activation is not None:
            layers.append(activation())
        if dropout:
            layers.append(nn.Dropout(dropout, rng=rng))
    layers.append(nn.Dense(sizes[-2], sizes[-1], weight_init=weights, rng=rng))
    return layers


def convolutional(
    rng: np.random.Generator, size: int, channels: int, n_out: int, pool: nn.Layer, hidden: int = 0
) -> nn.Sequential:
    """One convolution of 3 by 3, ReLU, the pool, then Dense layers."""
    front = [nn.Conv2D(1, channels, 3, padding=1, weight_init="he_normal()", rng=rng), nn.ReLU(), pool, nn.Flatten()]
    features = channels * (size // pool.pool_size[0]) ** 2  # type: ignore[attr-defined]
    sizes = (features, hidden, n_out) if hidden else (features, n_out)
    return nn.Sequential(*front, *dense(rng, *sizes))


def by_hand(
    rng: np.random.Generator, optimizer: nn.SGD | nn.Adam, *, shuffled: bool = True, tried: bool = False
) -> Callable[[Training, int], None]:
    """An owner's own loop, without a Trainer; tried: batches that raise ValueError are left out."""

    def loop(training: Training, epochs: int) -> None:
        rows = np.arange(len(training.x))
        for _ in range(epochs):
            if shuffled:
                rng.shuffle(rows)
            for start in range(0, len(rows), training.batch_size):
                batch = rows[start : start + training.batch_size]
                with contextlib.suppress(*[ValueError] if tried else []):
                    training.loss.forward(training.model.forward(training.x[batch], training=True), training.y[batch])
                    training.model.backward(training.loss.backward())
                    optimizer.step()

    return loop
