"""Random small networks: what both stress programs draw from, each from one number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import nnscratch as nn

Shape = tuple[int, ...]


def random_network(rng: np.random.Generator, *, large: bool = False) -> tuple[list[nn.Layer], Shape]:
    """Layers that fit each other, with random sizes, and the shape of x, (N, ...).

    large : channels up to 40 and pictures up to 24 pixels, so that every kernel has its turn
    """
    images = int(rng.choice([1, 1, 2, 3, 5, 17, 33] if large else [1, 1, 2, 3]))
    if rng.random() < 0.3:
        shape: Shape = (int(rng.integers(1, 12)),)
        return list(_dense_part(rng, shape)), (images, *shape)
    side, channels = (24, 20) if large else (9, 3)
    shape = (int(rng.integers(3, side)), int(rng.integers(3, side)), int(rng.integers(1, channels)))
    layers: list[nn.Layer] = []
    x_shape = (images, *shape)
    if rng.random() < 0.2:
        layers.append(nn.ContrastNormalization(float(rng.choice([0.25, 1.0])), float(rng.choice([0.02, 0.5, 3.0]))))
    for _ in range(int(rng.integers(1, 4))):
        for layer in _convolution_part(rng, shape, 41 if large else 5):
            layers.append(layer)
            shape = layer.output_shape(shape)
    if rng.random() < 0.7:
        layers += _dense_part(rng, shape)
    return layers, x_shape


def _convolution_part(rng: np.random.Generator, shape: Shape, channels: int) -> Iterator[nn.Layer]:
    height, width, c_in = shape
    usual = rng.random() < 0.6  # stride 1, ReLU and 2x2 pooling: what is fused
    padding = int(rng.choice([0, 0, 1, 2])), int(rng.choice([0, 0, 1, 2]))
    if usual and rng.random() < 0.6:
        padding = 0, 0
    largest = min(height + 2 * padding[0], 5), min(width + 2 * padding[1], 5)
    kernel = int(rng.integers(1, largest[0] + 1)), int(rng.integers(1, largest[1] + 1))
    if usual and rng.random() < 0.4 and min(largest) >= 3:
        kernel = 3, 3
    stride = (1, 1) if usual else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    conv = nn.Conv2D(
        c_in, int(rng.integers(1, channels)), kernel, stride=stride, padding=padding,
        bias=rng.random() < 0.8, bias_init=str(rng.choice(["constant(0)", "normal(0.3)"])), rng=rng,
    )  # fmt: skip
    yield conv
    height, width, _ = conv.output_shape(shape)
    if usual or rng.random() < 0.6:
        yield nn.ReLU() if usual else _activation(rng)
    if usual and min(height, width) >= 2:
        yield nn.MaxPool2D(2)
    elif rng.random() < 0.5:
        pool = int(rng.integers(1, min(height, 3) + 1)), int(rng.integers(1, min(width, 3) + 1))
        stride = None if rng.random() < 0.5 else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        yield nn.MaxPool2D(pool, stride) if rng.random() < 0.5 else nn.AveragePool2D(pool, stride)


def _dense_part(rng: np.random.Generator, shape: Shape) -> Iterator[nn.Layer]:
    if len(shape) > 1 or rng.random() < 0.3:
        yield nn.Flatten()
    n_in = int(np.prod(shape))
    for _ in range(int(rng.integers(1, 4))):
        n_out = int(rng.integers(1, 9))
        bias_init = str(rng.choice(["constant(0)", "normal(0.3)"]))
        yield nn.Dense(n_in, n_out, bias=rng.random() < 0.8, bias_init=bias_init, rng=rng)
        n_in = n_out
        if rng.random() < 0.7:
            yield nn.ReLU() if rng.random() < 0.6 else _activation(rng)
        if rng.random() < 0.3:
            yield nn.Dropout(float(rng.choice([0.0, 0.3, 0.6])), rng=int(rng.integers(1000)))
        if rng.random() < 0.1:
            yield nn.ContrastNormalization(1.0)


def _activation(rng: np.random.Generator) -> nn.Layer:
    return [nn.ReLU(), nn.LeakyReLU(float(rng.choice([0.01, 0.3]))), nn.Sigmoid(), nn.Tanh()][int(rng.integers(4))]
