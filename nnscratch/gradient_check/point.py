"""A network at one point: L, which can be asked for again and again, and the gradients it wrote."""

from __future__ import annotations

import copy

import numpy as np

from nnscratch.layers import Layer
from nnscratch.losses import Loss
from nnscratch.model import Sequential


class Point:
    """L of a network for one x.

    network : in float64;  x : (N, ...), float64
    dy      : like y; without a loss, L = sum(dy * y)
    loss, target : L = loss(y, target); None and None for the sum

    Dropout draws the same mask in every pass.
    """

    def __init__(
        self, network: Sequential, x: np.ndarray, dy: np.ndarray, loss: Loss | None, target: np.ndarray | None
    ) -> None:
        self.network, self.x, self.dy, self.loss, self.target = network, x, dy, loss, target
        self._generators = [(layer, layer.rng) for layer in network.layers if hasattr(layer, "rng")]

    def value(self) -> float:
        """L, as x and the parameters are now."""
        y = self._forward()
        if self.loss is None or self.target is None:
            return float((self.dy * y).sum())
        return _float64(self.loss.forward(y, self.target))

    def size(self) -> float:
        """The size of what is summed up in L: rounding is relative to it."""
        terms = self.dy * self._forward() if self.loss is None else np.zeros(1)
        return max(abs(self.value()), float(np.abs(terms).sum()))

    def gradients(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """name -> (array, its gradient as backward wrote it): "x", "layer 2 weight" ...

        The second of two steps from the same point made them: a backward that adds to what the step
        before left behind gives another gradient there.

        Raises
            ValueError : a backward that set no gradient, or one of another shape
        """
        self._step()
        arrays = {"x": (self.x, self._step())}
        for i, layer in enumerate(self.network.layers):
            for name, value in layer.params.items():
                arrays[f"layer {i} {name}"] = value, _gradient_of(layer, name)
        return arrays

    def _step(self) -> np.ndarray:
        self.value()
        dx = self.network.backward(self.dy if self.loss is None else self.loss.backward(), input_gradient=True)
        assert dx is not None  # it was asked for
        return dx

    def _forward(self) -> np.ndarray:
        for layer, rng in self._generators:
            layer.rng = copy.deepcopy(rng)  # so that it draws the same mask again
        return self.network.forward(self.x, training=True)


def _gradient_of(layer: Layer, name: str) -> np.ndarray:
    w, dw = layer.params[name], layer.grads.get(name)
    if dw is None or np.shape(dw) != w.shape:
        got = "no gradient" if dw is None else f"a gradient of shape {np.shape(dw)}"
        raise ValueError(
            f"gradient_check: got {got} of {name!r} in {layer!r}, expected one of shape {w.shape}; set "
            f"grads[{name!r}] in its backward"
        )
    return dw


def _float64(value: object) -> float:
    """A loss as a float; one in float32 would differ from its neighbours by rounding alone."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype != np.float64:
        raise ValueError(
            f"gradient_check: got a loss of dtype {value.dtype}, expected float64; compute it in the dtype of the "
            "prediction"
        )
    return float(value)  # type: ignore[arg-type]
