"""One pass of some images through copies of the layers, forward and back, and what is summed up on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nnscratch.diagnosis.spread import Spread
from nnscratch.kernels.finite import all_finite
from nnscratch.layers import Layer, NotFiniteError, ReLU
from nnscratch.losses import MSELoss, labelled_mean

_BATCH = 32  # images at a time, so that the largest layers of a network fit into memory


class Flow:
    """The passes, and the sums over batches.

    layers, loss : copies, which may be changed
    spreads, active, grads, dz : of each layer; the output's spread, the units that were ever above 0, the gradients of
        the parameters, and the sum of squares of dL/dy
    pull : (n_in, n_out) what the weights of a last dense layer would be pulled by, if the network answered with the
        mean of the targets; None if the last layer with weights is another one
    predictions, targets, total : the answers, batch by batch, and their loss
    not_finite : where NaN or infinity first came up; "" if nowhere
    """

    def __init__(self, layers: Sequence[Layer], loss: MSELoss) -> None:
        self.layers = layers
        self.loss = loss
        self.spreads = [Spread() for _ in layers]
        self.active: list[np.ndarray | None] = [None] * len(layers)
        self.grads: list[dict[str, np.ndarray]] = [{} for _ in layers]
        self.dz = [0.0] * len(layers)
        self.pull: np.ndarray | None = None
        self.predictions: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []
        self.total = 0.0
        self.not_finite = ""
        self._last = max(i for i, layer in enumerate(layers) if layer.params)

    def run(self, x: np.ndarray, y: np.ndarray, rows_back: int) -> None:
        """x, y : (M, ...); of the images, about `rows_back` go back as well."""
        for layer in self.layers:
            for name, w in layer.params.items():
                if not np.isfinite(w).all():
                    self.not_finite = self.not_finite or f"the {name} of {layer!r}"
        if not np.isfinite(x).all():
            self.not_finite = "x, the input"
        elif np.isinf(y).any():
            self.not_finite = self.not_finite or "y, the targets"
        labelled = np.isfinite(y)
        rest = np.where(labelled, y - labelled_mean(y), 0)
        rest *= 2 / max(1, int(labelled.sum()))
        # In turn, so that the rows that go back come from everywhere.
        batches = max(1, math.ceil(len(x) / _BATCH))
        back = range(0, batches, max(1, math.ceil(len(x) / rows_back)))
        count_back = sum(len(x[i::batches]) for i in back)
        for i in range(batches):
            if not self.not_finite:
                rows = slice(i, None, batches)
                count = len(x[rows])
                self._batch(x[rows], y[rows], rest[rows], count / len(x), count / count_back if i in back else 0.0)

    def _batch(self, x: np.ndarray, y: np.ndarray, rest: np.ndarray, share: float, share_back: float) -> None:
        z = np.ascontiguousarray(x)  # its rows were taken in turn
        for i, layer in enumerate(self.layers):
            if i == self._last and z.ndim == rest.ndim == 2:
                pull = z.T @ rest.astype(z.dtype)
                self.pull = pull if self.pull is None else self.pull + pull
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
