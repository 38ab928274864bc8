"""Sequential: layers one after the other, and the chain rule from the last back to the first."""

from __future__ import annotations

import threading
from typing import Any, Self

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.layers import Layer
from nnscratch.stages import Single, Stage, plan
from nnscratch.summary import summary


class Sequential:
    """A network that is a chain of layers.

    Arguments
        layers : the layers, from input to output
        fuse   : run layers that belong together, such as convolution, ReLU and max pooling, in one pass
            (`nnscratch.stages`); False runs each by its own methods. Both give the same numbers, to rounding.

    Shapes
        x (N, ...) as the first layer takes it;  y, dy (N, ...) as the last layer gives it

    Forward
        y = f_last(... f_2(f_1(x)))

    Backward, given dy = dL/dy
        The chain rule, from the outside in: each layer turns the gradient of its output into the gradient of its
        input, which is the output of the layer before:
            dy -> backward of f_last -> ... -> backward of f_2 -> backward of f_1 -> dx

    Raises
        ValueError : no layer, something that is no layer, the same layer object twice, or an x that does not fit
        RuntimeError : backward without forward(training=True)

    >>> import nnscratch as nn
    >>> model = Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, 2, rng=1))
    >>> x = np.ones((5, 3), np.float32)
    >>> model.forward(x, training=True).shape
    (5, 2)
    >>> model.backward(np.ones((5, 2), np.float32), input_gradient=True).shape
    (5, 3)
    >>> model.layers[0].grads["weight"].shape
    (3, 4)
    """

    layers: list[Layer]
    fuse: bool

    def __init__(self, *layers: Layer, fuse: bool = True) -> None:
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"Sequential: got {layer!r}, expected layers; pass them as Sequential(*layers)")
        if not layers or len({id(layer) for layer in layers}) < len(layers):
            raise ValueError("Sequential: got no layer, or one layer object twice, expected distinct layers")
        self.layers = list(layers)
        self.fuse = fuse
        self._planned: list[Layer] = []
        self._stages: list[Stage] = []
        self._lock = threading.RLock()
        self._seen_shape: tuple[int, ...] | None = None

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """y, (N, ...), in the dtype of the parameters; keeps what `backward` needs if `training`.

        y is the caller's own; x must stay unchanged until `backward` has used it.
        """
        with self._lock:
            stages = self._plan()
            if isinstance(x, np.ndarray) and not stages[0].checks_finite:
                check_finite(self.layers[0], "x", x)
            y = x
            for stage in stages:
                y = stage.forward(y, training)
            self._seen_shape = x.shape[1:]
            return y.copy() if self.fuse else y

    def backward(self, dy: np.ndarray, input_gradient: bool = False) -> np.ndarray | None:
        """Sets the `grads` of every layer from dy = dL/dy; returns dx only if `input_gradient`, else None.

        Nobody reads the gradient of the input while training, and for a convolution on large images it is the most
        expensive of all. The arrays in `grads` are the network's own, overwritten by the next `backward`: copy those
        that you want to keep.
        """
        with self._lock:
            stages = self._plan()
            learning = (i for i, stage in enumerate(stages) if any(layer.params for layer in stage.layers))
            first = 0 if input_gradient else next(learning, 0)
            gradient: np.ndarray | None = dy
            for i in range(len(stages) - 1, first - 1, -1):
                assert gradient is not None  # every stage before the last one to run was asked for it
                gradient = stages[i].backward(gradient, input_gradient=input_gradient or i > first)
            return gradient.copy() if gradient is not None and self.fuse else gradient

    def predict(self, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """y for as many x as there are, `batch_size` at a time so that memory stays bounded; dropout is off.

        Raises
            ValueError : batch_size below 1, or an x that does not fit
        """
        if batch_size < 1:
            raise ValueError(f"predict: got batch_size={batch_size}, expected a whole number from 1 up")
        starts = range(0, max(1, len(x)), batch_size)  # an empty x still goes through once, for its shape
        return np.concatenate([self.forward(x[start : start + batch_size]) for start in starts])

    def astype(self, dtype: Any) -> Self:
        """A copy of the network that computes in `dtype`: float32 to train, float64 to check."""
        return type(self)(*(layer.astype(dtype) for layer in self.layers), fuse=self.fuse)

    def _plan(self) -> list[Stage]:
        """The stages of the layers as they are now: somebody may have changed the list."""
        if self._planned != self.layers:
            self._planned = list(self.layers)
            self._stages = plan(self.layers) if self.fuse else [Single(layer) for layer in self.layers]
        return self._stages

    def __getstate__(self) -> dict[str, Any]:
        # For copies: locks cannot be copied, and stages with their buffers are made again when needed.
        return {**self.__dict__, "_lock": None, "_planned": [], "_stages": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_lock": threading.RLock()}

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """A table for print(): layer, output shape, parameters, multiply-adds, bytes kept, receptive field.

        input_shape : shape of one x without N, such as (96, 96, 1). None: that of the last forward pass; before
            any, what the first Dense layer says, which for images means the smallest square ones that fit.

        Raises
            ValueError : the layers do not fit input_shape, or none was given and none can be told
        """
        return summary(self.layers, input_shape or self._seen_shape)

    def __repr__(self) -> str:
        lines = "".join(f"    {layer!r},\n" for layer in self.layers)
        return f"Sequential(\n{lines})"
