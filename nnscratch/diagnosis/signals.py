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

from nnscratch.diagnosis.passes import Flow
from nnscratch.diagnosis.spread import Spread
from nnscratch.initializers import fans
from nnscratch.layers import Dropout, Layer, ReLU
from nnscratch.losses import MSELoss
from nnscratch.optimizers import Adam

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.optimizers.base import Optimizer

ROWS = 128  # images that are looked at, half of them back as well: a spread is then known to about 6 %
FEW_ROWS = 64  # in a network where an image takes many multiply-adds: to 9 %
_MANY_MULTIPLY_ADDS = 20_000_000


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
    bias_range  : standard deviation of b over the units; 0 if they all have the same
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
    bias_range: float = 0.0
    bias_ratio: float = 0.0
    twins: float = 0.0


@dataclass
class Signals:
    """The numbers of a network on up to 128 images.

    layers : of every layer with weights, input to output
    x_spread, x_rms : of the input
    prediction, target : (M, ...) of the images looked at, without dropout
    loss : of these images
    pull : root mean square of the gradient of the last weights if the answer were the mean of the targets: how hard the
        data pull at them once the mean is found; NaN if the last layer with weights is no Dense
    not_finite : where NaN or infinity first came up; "" if nowhere
    """

    layers: list[LayerSignals]
    x_spread: float
    x_rms: float
    prediction: np.ndarray
    target: np.ndarray
    loss: float = math.nan
    pull: float = math.nan
    not_finite: str = ""


def measure(
    model: Sequential, x: np.ndarray, y: np.ndarray, loss: MSELoss | None = None, optimizer: Optimizer | None = None
) -> Signals:
    """Runs copies of the layers one by one, forward and back, without dropout; the model stays as it is.

    x : (N, ...), y : (N, ...), NaN where a label is missing; of many rows, 128 evenly spaced ones are used (64 if an
        image takes more than 20 million multiply-adds)
    """
    weight = next(w for layer in model.layers for w in layer.params.values())
    count = ROWS if _multiply_adds(model.layers, x.shape[1:]) < _MANY_MULTIPLY_ADDS else FEW_ROWS
    rows = np.unique(np.linspace(0, len(x) - 1, min(count, len(x))).astype(int))
    x, y = x[rows].astype(weight.dtype, copy=False), y[rows].astype(weight.dtype, copy=False)
    layers = [copy.deepcopy(layer) for layer in model.layers]
    kept = [i for i, layer in enumerate(layers) if not isinstance(layer, Dropout)]
    with np.errstate(all="ignore"):
        flow = Flow([layers[i] for i in kept], copy.deepcopy(loss or MSELoss()))
        flow.run(x, y, rows_back=count // 2)
        return _summary(flow, kept, x, y, optimizer)


def _multiply_adds(layers: Sequence[Layer], shape: tuple[int, ...]) -> int:
    """Of one image; 0 if a layer does not tell its output's shape."""
    total = 0
    try:
        for layer in layers:
            total += layer.multiply_adds(shape)
            shape = layer.output_shape(shape)
    except NotImplementedError:
        return 0
    return total


def _summary(flow: Flow, kept: list[int], x: np.ndarray, y: np.ndarray, optimizer: Optimizer | None) -> Signals:
    learning = [i for i, layer in enumerate(flow.layers) if "weight" in layer.params]
    found = [_of_layer(flow, i, kept[i], i == learning[-1], optimizer) for i in learning]
    of_x = Spread()
    of_x.add(x)
    empty = [np.empty((0, *y.shape[1:]), y.dtype)]
    prediction, target = (np.concatenate(parts or empty) for parts in (flow.predictions, flow.targets))
    signals = Signals(found, of_x.spread, of_x.rms, prediction, target, not_finite=flow.not_finite)
    if not flow.not_finite:
        signals.loss = flow.total
        if flow.pull is not None and flow.pull.shape == flow.layers[learning[-1]].params["weight"].shape:
            signals.pull = _rms(flow.pull)
    return signals


def _of_layer(flow: Flow, i: int, index: int, is_last: bool, optimizer: Optimizer | None) -> LayerSignals:
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
        signals.bias_range = float(np.std(layer.params["bias"], dtype=np.float64))
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
    return optimizer.effective_lr


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
    norm = np.linalg.norm(weight, axis=0).astype(np.float64)
    if not np.isfinite(norm).all():  # too large to be compared
        return 0.0
    rng = np.random.default_rng(0)
    mixed = (rng.standard_normal(len(weight)).astype(weight.dtype) @ weight).astype(np.float64)
    if "bias" in layer.params:
        mixed = mixed + rng.standard_normal() * layer.params["bias"]
    order = np.argsort(mixed)
    # Rounding makes equal weights differ by 1e-7 of their size; so near by chance are few in a thousand.
    same = np.diff(mixed[order]) <= 1e-5 * np.minimum(norm[order][1:], norm[order][:-1])
    twin = np.zeros(len(order), bool)
    twin[1:] |= same
    twin[:-1] |= same
    return float(twin.mean())
