"""A measured pass: images go through copies of the layers, forward and back, and are summed up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nnscratch.diagnosis.activity import ACTIVATIONS, active_units, can_die, can_saturate, saturated_values
from nnscratch.diagnosis.spread import RunningSpread
from nnscratch.kernels.finite import all_finite
from nnscratch.layers import Layer, NotFiniteError
from nnscratch.losses import Loss, labelled_mean, labels_in

_BATCH = 32  # images at a time, so that the largest layers of a network fit into memory


class MeasuredPass:
    """A pass forward and back, and what was summed up in it; `run` makes it.

    layers, loss : copies, for a pass leaves its gradients in them
    spreads : of each layer's output, one `RunningSpread` per layer
    active : (units,) bool per ReLU: whether a unit was above 0 for any image; None for other layers
    saturated : (saturated values, all values) of each Sigmoid and Tanh; (0, 0) for other layers
    grads : of each layer, the gradients of the loss of the images that went back
    dy_squares : sum of squares of dL/dy of each layer with parameters
    residual_gradient : (n_in, n_out) the gradient of a last dense layer's weights if the network
        answered with the mean of the targets; None if the last layer is another kind
    predictions, targets : of each batch
    total : the loss of all images
    not_finite : where NaN or infinity first came up, in words; "" if nowhere
    """

    layers: Sequence[Layer]
    loss: Loss
    spreads: list[RunningSpread]
    active: list[np.ndarray | None]
    saturated: list[tuple[int, int]]
    grads: list[dict[str, np.ndarray]]
    dy_squares: list[float]
    residual_gradient: np.ndarray | None
    predictions: list[np.ndarray]
    targets: list[np.ndarray]
    total: float
    not_finite: str

    def __init__(self, layers: Sequence[Layer], loss: Loss) -> None:
        self.layers = layers
        self.loss = loss
        self.spreads = [RunningSpread() for _ in layers]
        self.active = [None] * len(layers)
        self.saturated = [(0, 0)] * len(layers)
        self.grads = [{} for _ in layers]
        self.dy_squares = [0.0] * len(layers)
        self.residual_gradient = None
        self.predictions, self.targets = [], []
        self.total = 0.0
        self.not_finite = ""
        learning = [i for i, layer in enumerate(layers) if layer.params]
        self._first, self._last = learning[0], learning[-1]

    def run(self, x: np.ndarray, y: np.ndarray, rows_back: int) -> None:
        """Sends all images forward, and about `rows_back` of them back; stops at NaN or infinity.

        x, y : (M, ...) in the dtype of the parameters; y is NaN where a label is missing
        """
        self.not_finite = self._not_finite_before(x, y)
        residual = _gradient_at_the_mean(y)
        # Every n-th row makes a batch, so that the rows that go back come from everywhere.
        batches = max(1, math.ceil(len(x) / _BATCH))
        back = range(0, batches, max(1, math.ceil(len(x) / rows_back)))
        # A batch counts as much as it has labels, as in `labels_of`.
        counts = [labels_in(self.loss, y[i::batches]) for i in range(batches)]
        count, count_back = max(1, sum(counts)), max(1, sum(counts[i] for i in back))
        for i in range(batches):
            if self.not_finite:
                return
            rows = slice(i, None, batches)
            share_back = counts[i] / count_back if i in back else None
            prediction = self._forward(x[rows], residual[rows], training=share_back is not None)
            if prediction is not None:
                self._loss_and_back(prediction, y[rows], counts[i] / count, share_back)

    def _not_finite_before(self, x: np.ndarray, y: np.ndarray) -> str:
        """Which input, parameter or target is not finite before anything was computed, or ""."""
        if not np.isfinite(x).all():
            return "x, the input"
        for layer in self.layers:
            for name, w in layer.params.items():
                if not np.isfinite(w).all():
                    return f"the {name} of {layer!r}"
        return "y, the targets" if np.isinf(y).any() else ""

    def _forward(self, x: np.ndarray, residual: np.ndarray, training: bool) -> np.ndarray | None:
        """The answers to a batch, or None if something on the way was not finite."""
        z = np.ascontiguousarray(x)  # its rows were taken with a step
        for i, layer in enumerate(self.layers):
            if i == self._last == len(self.layers) - 1 and z.ndim == residual.ndim == 2:
                dw = z.T @ residual.astype(z.dtype)
                self.residual_gradient = dw if self.residual_gradient is None else self.residual_gradient + dw
            z = layer.forward(z, training=training)
            if not all_finite(z):
                self.not_finite = f"the output of {layer!r}"
                return None
            self._measure(i, z)
        return z

    def _measure(self, i: int, z: np.ndarray) -> None:
        """Adds a batch of outputs of layer i to the sums."""
        layer, before = self.layers[i], self.active[i]
        if layer.params or isinstance(layer, ACTIVATIONS) or i == len(self.layers) - 1:
            self.spreads[i].add(z)
        if can_die(layer) and (before is None or not before.all()):
            self.active[i] = active_units(z) if before is None else before | active_units(z)
        if can_saturate(layer):
            flat, values = self.saturated[i]
            self.saturated[i] = flat + saturated_values(layer, z), values + z.size

    def _loss_and_back(self, prediction: np.ndarray, y: np.ndarray, share: float, share_back: float | None) -> None:
        self.predictions.append(prediction)
        self.targets.append(y)
        try:
            self.total += share * self.loss.forward(prediction, y)
            if share_back is not None:
                self._backward(self.loss.backward() * prediction.dtype.type(share_back))
        except NotFiniteError:
            self.not_finite = "the gradient"

    def _backward(self, dy: np.ndarray) -> None:
        for i in range(len(self.layers) - 1, self._first - 1, -1):
            layer = self.layers[i]
            if layer.params:
                self.dy_squares[i] += float(np.square(dy, dtype=np.float64).sum())
            if i > self._first:
                dy = layer.backward(dy)
            else:
                layer.backward_parameters(dy)
            for name, dw in layer.grads.items():
                self.grads[i][name] = self.grads[i][name] + dw if name in self.grads[i] else dw.copy()


def _gradient_at_the_mean(y: np.ndarray) -> np.ndarray:
    """(M, ...) dL/dprediction of the mean squared error if every answer is the targets' mean."""
    labelled = np.isfinite(y)
    residual = np.where(labelled, labelled_mean(y) - y, 0)
    residual *= 2 / max(1, int(labelled.sum()))
    return residual
