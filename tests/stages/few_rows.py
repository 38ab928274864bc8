"""What tests of one call have in common: layers with biases that are not 0, networks, rows."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np

import nnscratch as nn
from nnscratch.layers import Layer

F = np.float32
PASSES = 12  # after which a network runs in one call


def conv(c_in: int, c_out: int, size: int, padding: int = 0, bias: bool = True) -> list[Layer]:
    init = "normal(0.1)" if bias else "constant(0)"
    convolution = nn.Conv2D(c_in, c_out, size, padding=padding, bias=bias, bias_init=init)
    return [convolution, nn.ReLU(), nn.MaxPool2D(2)]


def dense(n_in: int, n_out: int, bias: bool = True) -> nn.Dense:
    return nn.Dense(n_in, n_out, bias=bias, bias_init="normal(0.1)" if bias else "constant(0)")


def chain(*layers: Layer) -> Callable[[], nn.Sequential]:
    return lambda: copy.deepcopy(nn.Sequential(*layers, rng=0))


def rows(count: int, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(F)
