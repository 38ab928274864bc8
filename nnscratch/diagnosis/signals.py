"""Signals: a network in numbers: outputs forward, gradients back, and the optimizer's steps.

A network learns from what differs between its images. So the number to follow is not how large an
activation is but its *spread*: the standard deviation of each unit over the images, and the root
mean square of those over the units. Where the spread ends, every image looks the same to all later
layers, and nothing there can tell them apart.

    for a layer with weights, z = x W + b, and the activation that follows it, such as h = relu(z)
        z, h spread    sqrt(mean over units of (variance over images))
        never active   share of units with h = 0 for every image; a map of a convolution is one unit
        saturated      share of values h that lie where a Sigmoid or a Tanh is flat
        gradient       root mean square of dL/dW, the mean over the images of the batch
        decay/data     pull of weight decay over pull of the data:  |weight_decay * W| / |dL/dW|
        update/weight  size of a step over that of W:  |effective lr * dL/dW| / |W|

The last two are of layers that learn, and not of frozen ones.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.diagnosis.activity import ACTIVATIONS, has_units
from nnscratch.diagnosis.passes import MeasuredPass
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.setup import is_moved, labels_in_dtype, multiply_adds
from nnscratch.diagnosis.spread import RunningSpread, rms
from nnscratch.diagnosis.twins import share_of_twins
from nnscratch.initializers import fans
from nnscratch.layers import Dropout, Layer
from nnscratch.losses import Loss, MSELoss
from nnscratch.optimizers import Adam

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.optimizers.base import Optimizer

ROWS = 128  # images that go forward, half of them back as well: a spread is then known to about 6 %
FEW_ROWS = 64  # in a network where an image takes many multiply-adds: to 9 %
_MANY_MULTIPLY_ADDS = 20_000_000


@dataclass
class LayerSignals:
    """The numbers of a layer with weights and of the activation behind it; NaN if not measured.

    index, name : place in `model.layers`, and the layer's repr
    is_last : whether it is the last layer with weights, whose outputs are the answer
    frozen : whether the optimizer leaves it alone: it is frozen, or not one of its layers
    z_spread, h_spread : before and after the activation; the same where there is none
    z_rms : root mean square of z over all images
    never_active : share of units, 0..1; NaN without a ReLU
    saturated : share of values, 0..1; NaN without a Sigmoid or a Tanh
    gradient_rms, weight_rms : of dL/dW and of W
    initial_rms : of a W that Glorot's initializer would have drawn
    dz_norm : norm of dL/dz over all images and units
    decay_ratio, update_ratio : decay/data and update/weight, see this file's head; NaN without an
        optimizer, and for a layer that it leaves alone
    bias : median over units of |b|; 0 without biases, as the next two
    bias_ratio : median over units of |b| over the unit's own spread
    bias_range : standard deviation of b over the units; 0 if all have the same
    twins : share of units whose weights and bias another unit of the layer has as well
    """

    index: int
    name: str
    is_last: bool
    frozen: bool = False
    z_spread: float = math.nan
    h_spread: float = math.nan
    z_rms: float = math.nan
    never_active: float = math.nan
    saturated: float = math.nan
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

    layers : one for each layer with weights, input to output
    x_spread, x_rms : of the input
    prediction, target : (M, ...) answers without dropout, and labels, of the images that were
        measured
    loss : of these images
    residual_gradient_rms : root mean square of the gradient of the last weights if every answer
        were the mean of the targets: how hard the data pull at them once the mean is found; NaN if
        the last layer with weights is no Dense
    not_finite : where NaN or infinity first came up, in words; "" if nowhere
    """

    layers: list[LayerSignals]
    x_spread: float
    x_rms: float
    prediction: np.ndarray
    target: np.ndarray
    loss: float = math.nan
    residual_gradient_rms: float = math.nan
    not_finite: str = ""


def measure(
    model: Sequential, x: np.ndarray, y: np.ndarray, loss: Loss | None = None, optimizer: Optimizer | None = None
) -> Signals:
    """Runs copies of the layers forward and back, without dropout; the model stays as it is.

    x, y : (N, ...), y is NaN where a label is missing; of more than 128 rows, 128 evenly spaced
        ones are measured (64 if an image takes more than 20 million multiply-adds)
    """
    weight = next(w for layer in model.layers for w in layer.params.values())
    count = ROWS if multiply_adds(model.layers, x.shape[1:]) < _MANY_MULTIPLY_ADDS else FEW_ROWS
    rows = evenly_spaced(len(x), count)
    x, y = x[rows].astype(weight.dtype, copy=False), labels_in_dtype(y[rows], weight.dtype)
    kept = [i for i, layer in enumerate(model.layers) if not isinstance(layer, Dropout)]
    layers = [copy.deepcopy(model.layers[i]) for i in kept]
    with np.errstate(all="ignore"):
        measured = MeasuredPass(layers, copy.deepcopy(loss or MSELoss()))
        measured.run(x, y, rows_back=count // 2)
        left_alone = {i for i, layer in enumerate(model.layers) if not is_moved(layer, optimizer)}
        return _signals(measured, kept, left_alone, x, y, optimizer)


def _signals(
    measured: MeasuredPass,
    kept: list[int],
    left_alone: set[int],
    x: np.ndarray,
    y: np.ndarray,
    optimizer: Optimizer | None,
) -> Signals:
    """What the pass has summed up.

    kept : the places in `model.layers` of the pass's layers;  left_alone : of those that nobody
    moves
    """
    learning = [i for i, layer in enumerate(measured.layers) if has_units(layer)]
    layers = [
        LayerSignals(kept[i], repr(layer), is_last=i == learning[-1], frozen=kept[i] in left_alone)
        for i, layer in enumerate(measured.layers)
        if i in learning
    ]
    for i, signals in zip(learning, layers, strict=True):
        _add_weights(signals, measured.layers[i])
        if measured.spreads[i].count:
            _add_outputs(signals, measured, i)
            _add_biases(signals, measured.layers[i], measured.spreads[i])
            _add_gradient(signals, measured, i, optimizer)
    of_x = RunningSpread()
    of_x.add(x)
    empty = [np.empty((0, *y.shape[1:]), y.dtype)]
    prediction, target = (np.concatenate(parts or empty) for parts in (measured.predictions, measured.targets))
    result = Signals(layers, of_x.spread, of_x.rms, prediction, target, not_finite=measured.not_finite)
    if not measured.not_finite:
        result.loss = measured.total
        dw = measured.residual_gradient
        if dw is not None and learning and dw.shape == measured.layers[learning[-1]].params["weight"].shape:
            result.residual_gradient_rms = rms(dw)
    return result


def _add_weights(signals: LayerSignals, layer: Layer) -> None:
    weight = layer.params["weight"]
    signals.weight_rms = rms(weight)
    signals.initial_rms = math.sqrt(2 / sum(fans(weight.shape)))
    signals.twins = share_of_twins(weight, layer.params.get("bias"))


def _add_outputs(signals: LayerSignals, measured: MeasuredPass, i: int) -> None:
    z = measured.spreads[i]
    signals.z_spread = signals.h_spread = z.spread
    signals.z_rms = z.rms
    if i + 1 == len(measured.layers) or not isinstance(measured.layers[i + 1], ACTIVATIONS):
        return
    signals.h_spread = measured.spreads[i + 1].spread
    active, (flat, values) = measured.active[i + 1], measured.saturated[i + 1]
    if active is not None:
        signals.never_active = float(1 - active.mean())
    if values:
        signals.saturated = flat / values


def _add_biases(signals: LayerSignals, layer: Layer, z: RunningSpread) -> None:
    if "bias" not in layer.params:
        return
    bias = np.abs(layer.params["bias"]).astype(np.float64)
    signals.bias = float(np.median(bias))
    signals.bias_ratio = float(np.median(bias / np.maximum(z.per_unit, np.finfo(np.float32).tiny)))
    signals.bias_range = float(np.std(layer.params["bias"], dtype=np.float64))


def _add_gradient(signals: LayerSignals, measured: MeasuredPass, i: int, optimizer: Optimizer | None) -> None:
    dw = measured.grads[i].get("weight")
    if dw is None:
        return
    signals.gradient_rms, signals.dz_norm = rms(dw), math.sqrt(measured.dy_squares[i])
    if optimizer is None or signals.frozen:
        return
    # Adam's steps are lr long whatever the gradient's size, as if it were 1; far below its epsilon,
    # though, they shrink with it.
    direction = dw / (np.abs(dw) + dw.dtype.type(optimizer.epsilon)) if isinstance(optimizer, Adam) else dw
    step = rms(optimizer.effective_lr * direction)
    signals.update_ratio = step / max(signals.weight_rms, 1e-30)
    data = step / max(optimizer.lr, 1e-30) if isinstance(optimizer, Adam) else signals.gradient_rms
    pull = optimizer.weight_decay * signals.weight_rms
    signals.decay_ratio = 0.0 if pull == 0 else pull / max(data, 1e-30)
