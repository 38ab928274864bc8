"""What goes through a network, in numbers: the signal forward, its gradient backward, and the steps of the optimizer.

A network learns from what differs between its images. So the number to follow is not how large an activation is but
its *spread*: for each unit the standard deviation over the images, and of those the root mean square over the units.
Where the spread ends, every image looks the same to all layers behind, and nothing there can tell them apart.

    for a layer with weights, z = x W + b, and what follows it, h = relu(z)
        z, h spread    sqrt(mean over units of (variance over images))
        never active   share of units with h = 0 for every image (of a convolution: maps that are 0 everywhere)
        gradient       root mean square of dL/dW; the mean over the images of the batch
        decay/data     how hard weight decay pulls at W over how hard the data do:  |weight_decay * W| / |dL/dW|
        update/weight  size of a step over the size of what it changes:  |effective lr * dL/dW| / |W|
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.initializers import fans
from nnscratch.kernels.finite import all_finite
from nnscratch.layers import Dropout, Layer, NotFiniteError, ReLU
from nnscratch.losses import MSELoss
from nnscratch.optimizers import SGD, Adam

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.optimizer import Optimizer

ROWS = 128  # images that are looked at: a spread is then known to about 6 %
_GRADIENT_ROWS = 64  # of them go back as well: a batch, as in training
_BATCH = 32  # images at a time, so that the largest layers of a network fit into memory
_POSITIONS = 64  # positions of a feature map that its spread is taken from; neighbours say the same


@dataclass
class LayerSignals:
    """The numbers of one layer with weights, and of the ReLU behind it. What was not measured is NaN.

    index, name : place in `model.layers`, and the layer's repr
    is_last     : whether it is the last layer with weights, whose outputs are the answer
    z_spread, h_spread, z_rms : before and after the ReLU (the same where there is none); rms of z over all images
    never_active : share of units, 0..1; NaN without a ReLU
    gradient_rms, weight_rms, initial_rms : of dL/dW, of W, and of a W that Glorot would have drawn
    dz_norm     : norm of dL/dz over all images and units
    decay_ratio, update_ratio : see this file's head; NaN without an optimizer
    bias, bias_ratio : median over units of |b|, and of |b| over the unit's own spread; 0 without biases
    twins       : share of units whose weights another unit of the layer has as well
    """

    index: int
    name: str
    is_last: bool
    z_spread: float = math.nan
    h_spread: float = math.nan
    z_rms: float = math.nan
    never_active: float = math.nan
    gradient_rms: float = math.nan
    weight_rms: float = math.nan
    initial_rms: float = math.nan
    dz_norm: float = math.nan
    decay_ratio: float = math.nan
    update_ratio: float = math.nan
    bias: float = 0.0
    bias_ratio: float = 0.0
    twins: float = 0.0


@dataclass
class Signals:
    """The numbers of a network on up to 128 images.

    layers : of every layer with weights, input to output
    x_spread, x_rms : of the input
    prediction, target : (M, ...) of the images looked at, without dropout
    loss, gain : the loss, and the share of it that one step of the optimizer would take away (first order); NaN if none
    not_finite : where NaN or infinity first came up; "" if nowhere
    """

    layers: list[LayerSignals]
    x_spread: float
    x_rms: float
    prediction: np.ndarray
    target: np.ndarray
    loss: float = math.nan
    gain: float = math.nan
    not_finite: str = ""


class _Spread:
    """Variance of each unit over images that come in batches; float64 sums of differences from the first image."""

    def __init__(self) -> None:
        self.count = 0
        self.origin: np.ndarray | None = None
        self.sums: np.ndarray | None = None
        self.square = 0.0

    def add(self, y: np.ndarray) -> None:
        if y.ndim == 4:
            step = max(1, math.ceil(math.sqrt(y.shape[1] * y.shape[2] / _POSITIONS)))
            y = y[:, ::step, ::step]
        if self.origin is None:
            self.origin = y[:1].astype(np.float64)
        d = y - self.origin
        sums = np.stack([d.sum(axis=0), np.square(d).sum(axis=0)])
        self.sums = sums if self.sums is None else self.sums + sums
        self.count += len(y)
        self.square += float(np.square(y, dtype=np.float64).sum())

    @property
    def variance(self) -> np.ndarray:
        """Of every unit, in the shape of one y."""
        assert self.sums is not None
        mean = self.sums[0] / self.count
        variance: np.ndarray = np.maximum(self.sums[1] / self.count - mean * mean, 0)
        return variance

    @property
    def spread(self) -> float:
        return float(np.sqrt(self.variance.mean())) if self.count else math.nan

    @property
    def rms(self) -> float:
        return math.sqrt(self.square / (self.count * self.sums[0].size)) if self.sums is not None else math.nan

    @property
    def per_unit(self) -> np.ndarray:
        """(units,): a convolution's positions are one unit."""
        variance = self.variance
        spread: np.ndarray = np.sqrt(variance.reshape(-1, variance.shape[-1]).mean(axis=0))
        return spread


def measure(
    model: Sequential, x: np.ndarray, y: np.ndarray, loss: MSELoss | None = None, optimizer: Optimizer | None = None
) -> Signals:
    """Runs copies of the layers one by one, forward and back, without dropout; the model stays as it is.

    x : (N, ...), y : (N, ...), NaN where a label is missing; of more than 128 rows, 128 evenly spaced ones are used
    """
    weight = next(w for layer in model.layers for w in layer.params.values())
    rows = np.unique(np.linspace(0, len(x) - 1, min(ROWS, len(x))).astype(int))
    x, y = x[rows].astype(weight.dtype, copy=False), y[rows].astype(weight.dtype, copy=False)
    layers = [copy.deepcopy(layer) for layer in model.layers]
    kept = [i for i, layer in enumerate(layers) if not isinstance(layer, Dropout)]
    with np.errstate(all="ignore"):
        flow = _Flow([layers[i] for i in kept], copy.deepcopy(loss or MSELoss()))
        flow.run(x, y)
        return _summary(flow, kept, layers, x, y, optimizer)


class _Flow:
    """The passes themselves, and the sums over batches."""

    def __init__(self, layers: Sequence[Layer], loss: MSELoss) -> None:
        self.layers = layers
        self.loss = loss
        self.spreads = [_Spread() for _ in layers]
        self.active: list[np.ndarray | None] = [None] * len(layers)
        self.grads: list[dict[str, np.ndarray]] = [{} for _ in layers]
        self.dz = [0.0] * len(layers)
        self.predictions: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []
        self.total = 0.0
        self.not_finite = ""

    def run(self, x: np.ndarray, y: np.ndarray) -> None:
        for layer in self.layers:
            for name, w in layer.params.items():
                if not np.isfinite(w).all():
                    self.not_finite = self.not_finite or f"the {name} of {layer!r}"
        if not np.isfinite(x).all():
            self.not_finite = "x, the input"
        # In turn, so that the rows that go back come from everywhere: two batches of four.
        batches = max(1, math.ceil(len(x) / _BATCH))
        back = range(0, batches, max(1, math.ceil(len(x) / _GRADIENT_ROWS)))
        rows_back = sum(len(x[i::batches]) for i in back)
        for i in range(batches):
            if not self.not_finite:
                rows = slice(i, None, batches)
                self._batch(x[rows], y[rows], len(y[rows]) / len(x), len(y[rows]) / rows_back if i in back else 0.0)

    def _batch(self, x: np.ndarray, y: np.ndarray, share: float, share_back: float) -> None:
        z = np.ascontiguousarray(x)  # its rows were taken in turn
        for i, layer in enumerate(self.layers):
            z = layer.forward(z, training=share_back > 0)
            if not all_finite(z):
                self.not_finite = f"the output of {layer!r}"
                return
            if layer.params or isinstance(layer, ReLU) or i == len(self.layers) - 1:
                self.spreads[i].add(z)
            before = self.active[i]
            if isinstance(layer, ReLU) and (before is None or not before.all()):
                active: np.ndarray = np.any(z, axis=tuple(range(z.ndim - 1)))  # a ReLU's output is never below 0
                self.active[i] = active if before is None else before | active
        self.predictions.append(z)
        self.targets.append(y)
        try:
            self.total += share * self.loss.forward(z, y)
            if share_back:
                self._backward(self.loss.backward() * z.dtype.type(share_back))
        except NotFiniteError:
            self.not_finite = "the gradient"

    def _backward(self, dy: np.ndarray) -> None:
        first = next(i for i, layer in enumerate(self.layers) if layer.params)
        for i in range(len(self.layers) - 1, first - 1, -1):
            layer = self.layers[i]
            if layer.params:
                self.dz[i] += float(np.square(dy, dtype=np.float64).sum())
            if i > first:
                dy = layer.backward(dy)
            else:
                layer.backward_parameters(dy)
            for name, dw in layer.grads.items():
                self.grads[i][name] = self.grads[i][name] + dw if name in self.grads[i] else dw.copy()


def _summary(
    flow: _Flow, kept: list[int], layers: list[Layer], x: np.ndarray, y: np.ndarray, optimizer: Optimizer | None
) -> Signals:
    learning = [i for i, layer in enumerate(flow.layers) if "weight" in layer.params]
    found = [_of_layer(flow, i, kept[i], i == learning[-1], optimizer) for i in learning]
    of_x = _Spread()
    of_x.add(x)
    empty = [np.empty((0, *y.shape[1:]), y.dtype)]
    prediction, target = (np.concatenate(parts or empty) for parts in (flow.predictions, flow.targets))
    signals = Signals(found, of_x.spread, of_x.rms, prediction, target, not_finite=flow.not_finite)
    if not flow.not_finite:
        signals.loss = flow.total
        if optimizer is not None and flow.total > 0:
            flat = [dw for grads in flow.grads for dw in grads.values()]
            signals.gain = sum(float(np.sum(np.abs(_step(optimizer, dw) * dw))) for dw in flat) / flow.total
    return signals


def _of_layer(flow: _Flow, i: int, index: int, is_last: bool, optimizer: Optimizer | None) -> LayerSignals:
    layer = flow.layers[i]
    weight = layer.params["weight"]
    signals = LayerSignals(index, repr(layer), is_last, weight_rms=_rms(weight))
    signals.initial_rms = math.sqrt(2 / sum(fans(weight.shape)))
    signals.twins = _twins(layer)
    z = flow.spreads[i]
    if not z.count:
        return signals
    signals.z_spread = signals.h_spread = z.spread
    signals.z_rms = z.rms
    if i + 1 < len(flow.layers) and isinstance(flow.layers[i + 1], ReLU):
        active = flow.active[i + 1]
        if active is not None:
            signals.h_spread, signals.never_active = flow.spreads[i + 1].spread, float(1 - active.mean())
    if "bias" in layer.params:
        bias = np.abs(layer.params["bias"]).astype(np.float64)
        signals.bias = float(np.median(bias))
        signals.bias_ratio = float(np.median(bias / np.maximum(z.per_unit, np.finfo(np.float32).tiny)))
    dw = flow.grads[i].get("weight")
    if dw is not None:
        signals.gradient_rms, signals.dz_norm = _rms(dw), math.sqrt(flow.dz[i])
        if optimizer is not None:
            step = _rms(_step(optimizer, dw))
            signals.update_ratio = step / max(signals.weight_rms, 1e-30)
            lr = max(optimizer.lr, 1e-30)
            pull = optimizer.weight_decay * signals.weight_rms
            data = step / lr if isinstance(optimizer, Adam) else signals.gradient_rms
            signals.decay_ratio = 0.0 if pull == 0 else pull / max(data, 1e-30)
    return signals


def effective_lr(optimizer: Optimizer) -> float:
    """What a gradient that stays the same is multiplied by in the long run; see `SGD`."""
    if isinstance(optimizer, SGD):
        return optimizer.lr * ((1 - optimizer.dampening) if optimizer.momentum else 1) / (1 - optimizer.momentum)
    return optimizer.lr


def _step(optimizer: Optimizer, dw: np.ndarray) -> np.ndarray:
    """About how far one step moves an array; Adam's steps are lr long whatever the gradient's size."""
    lr = effective_lr(optimizer)
    return lr * np.sign(dw) if isinstance(optimizer, Adam) else lr * dw


def _rms(array: np.ndarray) -> float:
    flat = array.reshape(-1)
    square = float(np.dot(flat, flat))
    if not 1e-30 < square < 1e30:  # too small or too large for float32
        square = float(np.square(flat, dtype=np.float64).sum())
    return math.sqrt(square / max(1, flat.size))


def _twins(layer: Layer) -> float:
    """Share of units with the same weights as another one: seen in one fixed random mixture of each unit's weights."""
    weight = layer.params["weight"].reshape(-1, layer.params["weight"].shape[-1])
    if weight.shape[1] < 2 or not np.isfinite(weight).all():
        return 0.0
    rng = np.random.default_rng(0)
    mixed = rng.standard_normal(len(weight)).astype(weight.dtype) @ weight
    if "bias" in layer.params:
        mixed = mixed + rng.standard_normal() * layer.params["bias"]
    order = np.argsort(mixed)
    # Rounding makes equal weights differ by 1e-7 of their size; so near by chance are few in a thousand.
    norm = np.sqrt(np.einsum("io,io->o", weight, weight))[order]
    same = np.diff(mixed[order]) <= 1e-5 * np.minimum(norm[1:], norm[:-1])
    twin = np.zeros(len(order), bool)
    twin[1:] |= same
    twin[:-1] |= same
    return float(twin.mean())
