"""What `python -m nnscratch gradcheck` checks: every layer and loss. A new one: a line more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnscratch.gradient_check.check import compare_gradients
from nnscratch.gradient_check.comparison import Comparison
from nnscratch.layers import (
    AveragePool2D,
    ContrastNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)
from nnscratch.losses import Loss, MSELoss, SoftmaxCrossEntropy
from nnscratch.messages import shown
from nnscratch.model import Sequential


@dataclass(frozen=True)
class Configuration:
    """Something to check.

    names   : of the layers and losses in it
    title   : what it is, with its sizes
    compare : does it: both gradients of each array
    chain   : the layers in it, float32; () for a loss
    x       : the shape of their input
    """

    names: frozenset[str]
    title: str
    compare: Callable[[], list[Comparison]]
    chain: tuple[Layer, ...] = ()
    x: tuple[int, ...] = ()


def distinct_numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers from -2 to 2, none near 0 or near another: ReLU and max have a slope at each.

    >>> distinct_numbers((2, 2))
    array([[ 0.5, -1.5],
           [-0.5,  1.5]])
    """
    values = (np.arange(np.prod(shape)) + 0.5) / np.prod(shape) * 4 - 2
    return np.random.default_rng(seed).permutation(values).reshape(shape)


def layers(*chain: Layer, x: tuple[int, ...], fuse: bool = False) -> Configuration:
    """A layer or several in a row, each run by its own methods or, with `fuse`, as one stage.

    x : the shape of the input
    """
    title = f"{' + '.join(map(repr, chain))}, {'fused, ' if fuse else ''}x {x}"
    model = Sequential(*chain, fuse=fuse)

    def compare() -> list[Comparison]:
        comparisons = compare_gradients(model, distinct_numbers(x))
        if len(chain) > 1:
            return comparisons
        return [replace(each, name=each.name.removeprefix("layer 0 ")) for each in comparisons]

    return Configuration(frozenset(type(layer).__name__ for layer in chain), title, compare, chain, x)


def loss(
    loss: MSELoss | SoftmaxCrossEntropy, target: np.ndarray, note: str, sample_weight: np.ndarray | None = None
) -> Configuration:
    """A loss by itself: dL/dprediction.

    target : like the prediction, or (N,) classes of three;  note : what is particular about it
    """
    shape = target.shape if target.ndim > 1 else (len(target), 3)
    network = Sequential(Flatten(), fuse=False)  # y = x: the prediction
    checked: Loss = loss if sample_weight is None else _Weighted(loss, sample_weight)

    def compare() -> list[Comparison]:
        x, *_ = compare_gradients(network, distinct_numbers(shape), loss=checked, target=target)
        return [replace(x, name="prediction")]

    return Configuration(frozenset({type(loss).__name__}), f"{loss!r}, {note}, prediction {shape}", compare)


class _Weighted(Loss):
    """A loss whose rows always have these weights."""

    def __init__(self, loss: MSELoss | SoftmaxCrossEntropy, sample_weight: np.ndarray) -> None:
        self.loss, self.sample_weight = loss, sample_weight

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        return self.loss.forward(prediction, target, self.sample_weight)

    def backward(self) -> np.ndarray:
        return self.loss.backward()


def missing(target: np.ndarray, share: float) -> np.ndarray:
    """A copy of `target` with NaN in place of a `share` of its labels, drawn at random."""
    return np.where(np.random.default_rng(1).random(target.shape) < share, np.nan, target)


def _biased(*sizes: int, **options: Any) -> Conv2D:
    """A convolution with biases other than 0."""
    return Conv2D(*sizes, bias_init="normal(0.1)", rng=1, **options)


_WEIGHTS = np.array([1.0, 0.0, 2.5, 0.3])
_CLASSES = np.array([2, 0, 1, 2])
_SHARES = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [np.nan] * 3, [0.1, 0.1, 0.8]])
_LABELS = np.random.default_rng(2).standard_normal((4, 6))

CONFIGURATIONS: tuple[Configuration, ...] = (
    layers(Dense(5, 4, rng=1), x=(3, 5)),
    layers(Dense(5, 4, rng=1), x=(1, 5)),  # batch 1
    layers(Dense(1, 1, rng=1), x=(1, 1)),
    layers(Dense(5, 4, bias=False, rng=1), x=(3, 5)),
    layers(Dense(20, 17, rng=1), x=(9, 20)),  # more than a tile of the dense kernels
    layers(Conv2D(2, 3, 1, rng=1), x=(2, 4, 3, 2)),
    layers(Conv2D(2, 3, 3, rng=1), x=(2, 5, 6, 2)),
    layers(Conv2D(2, 3, 3, rng=1), x=(1, 5, 6, 2)),
    layers(Conv2D(2, 3, 3, bias=False, rng=1), x=(2, 5, 6, 2)),
    layers(Conv2D(2, 3, 3, padding=1, rng=1), x=(2, 4, 5, 2)),
    layers(Conv2D(1, 2, 5, padding=2, rng=1), x=(2, 5, 4, 1)),
    layers(Conv2D(3, 1, 2, stride=3, rng=1), x=(2, 7, 6, 3)),
    layers(Conv2D(1, 2, (2, 4), stride=(2, 1), padding=(1, 2), rng=1), x=(3, 5, 6, 1)),
    layers(Conv2D(2, 2, (4, 1), stride=(1, 2), padding=(0, 1), rng=1), x=(2, 5, 4, 2)),
    layers(MaxPool2D(2), x=(2, 5, 4, 3)),
    layers(MaxPool2D(2), x=(1, 4, 4, 1)),
    layers(MaxPool2D(3), x=(2, 7, 6, 2)),
    layers(MaxPool2D(3, stride=2), x=(2, 7, 6, 2)),  # windows overlap
    layers(MaxPool2D(3, stride=1), x=(1, 5, 4, 2)),
    layers(MaxPool2D((1, 3), stride=(2, 1)), x=(1, 5, 5, 2)),
    layers(MaxPool2D(1, stride=2), x=(2, 5, 4, 1)),
    layers(AveragePool2D(2), x=(2, 5, 4, 3)),
    layers(AveragePool2D(2), x=(1, 4, 4, 1)),
    layers(AveragePool2D(3), x=(2, 7, 6, 2)),
    layers(AveragePool2D(3, stride=2), x=(2, 7, 6, 2)),  # windows overlap
    layers(AveragePool2D((1, 3), stride=(2, 1)), x=(1, 5, 5, 2)),
    layers(AveragePool2D(1, stride=2), x=(2, 5, 4, 1)),
    layers(ReLU(), x=(4, 3, 2)),
    layers(ReLU(), x=(1, 6)),
    layers(LeakyReLU(), x=(4, 3, 2)),
    layers(LeakyReLU(0.3), x=(1, 6)),
    layers(Sigmoid(), x=(4, 3, 2)),
    layers(Sigmoid(), x=(1, 6)),
    layers(Tanh(), x=(4, 3, 2)),
    layers(Tanh(), x=(1, 6)),
    layers(Dropout(0.5, rng=1), x=(4, 6)),
    layers(Dropout(0.2, rng=1), x=(2, 3, 3, 2)),
    layers(Dropout(0.0, rng=1), x=(4, 6)),
    layers(Flatten(), x=(3, 2, 2, 2)),
    layers(Flatten(), x=(1, 5)),
    layers(ContrastNormalization(), x=(2, 3, 4, 2)),
    layers(ContrastNormalization(), x=(1, 6)),
    layers(ContrastNormalization(0.5, floor=3.0), x=(3, 6)),  # all pictures flat
    layers(_biased(1, 3, 3), ReLU(), MaxPool2D(2), x=(2, 8, 7, 1)),
    layers(_biased(1, 3, 3), ReLU(), MaxPool2D(2), x=(2, 8, 7, 1), fuse=True),  # image vectors
    layers(_biased(1, 3, 3), ReLU(), MaxPool2D(2), _biased(3, 4, 2), ReLU(), MaxPool2D(2), x=(1, 9, 8, 1), fuse=True),
    layers(_biased(1, 20, 3, padding=1), ReLU(), MaxPool2D(2), x=(2, 5, 4, 1), fuse=True),  # channel vectors
    layers(_biased(1, 3, 3), Tanh(), AveragePool2D(2), Flatten(), Dense(18, 2, rng=2), x=(2, 8, 7, 1), fuse=True),
    layers(Dense(6, 5, rng=1), ReLU(), Dropout(0.4, rng=2), Dense(5, 3, rng=3), x=(4, 6)),
    layers(Dense(6, 5, rng=1), ReLU(), Dropout(0.4, rng=2), Dense(5, 3, rng=3), x=(4, 6), fuse=True),
    layers(Dense(6, 5, rng=1), LeakyReLU(), Dense(5, 3, rng=3), Sigmoid(), x=(4, 6), fuse=True),
    layers(Flatten(), Dense(12, 4, rng=1), ReLU(), x=(3, 2, 3, 2), fuse=True),
    layers(ContrastNormalization(), Flatten(), Dense(12, 3, rng=1), x=(2, 4, 3, 1), fuse=True),
    loss(MSELoss(), _LABELS, "every label"),
    loss(MSELoss(), missing(_LABELS, 0.4), "labels missing"),
    loss(MSELoss(), missing(_LABELS, 1.0), "no label"),
    loss(MSELoss(), _LABELS[:1], "every label"),
    loss(MSELoss(), missing(_LABELS, 0.4), "labels missing, sample weights", _WEIGHTS),
    loss(SoftmaxCrossEntropy(), _CLASSES, "classes"),
    loss(SoftmaxCrossEntropy(), np.array([2, -1, 1, -1]), "classes, two missing"),
    loss(SoftmaxCrossEntropy(), _CLASSES[:1], "a class"),
    loss(SoftmaxCrossEntropy(), _SHARES, "distributions, one missing"),
    loss(SoftmaxCrossEntropy(), _CLASSES, "classes, sample weights", _WEIGHTS),
)


def known_names() -> list[str]:
    """The layers and losses that have a configuration, in the order of the list."""
    return list(dict.fromkeys(name for each in CONFIGURATIONS for name in sorted(each.names)))


def configurations_of(name: str | None) -> list[Configuration]:
    """Those with a layer or a loss of this name, whose capitals do not matter; None: all.

    Raises
        ValueError : there is none

    >>> len(configurations_of("flatten")) > 1
    True
    """
    found = [each for each in CONFIGURATIONS if name is None or name.lower() in {n.lower() for n in each.names}]
    if not found:
        raise ValueError(
            f"gradcheck: got the layer {shown(name or '')}, expected one of {', '.join(known_names())}; for a layer of "
            "your own, call nnscratch.gradient_check"
        )
    return found
