"""What every stage has in common, and the stage of a single layer."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnscratch.kernels.choice import Chosen
from nnscratch.kernels.memory import Buffers
from nnscratch.layers import Conv2D, Layer, MaxPool2D
from nnscratch.layers.networks import inside_network

# Told after each pass of a stage: the stage, "forward" or "backward", and its seconds.
Listener = Callable[["Stage", str, float], None]


class Stage:
    """Consecutive layers that are executed as one: the layers' own numbers, only faster.

    layers : the user's layers, whose `params` the stage reads and whose `grads` it sets
    buffers : arrays that stay from step to step; what `forward` and `backward` return may lie in
        one of them, and is overwritten by the next call of the same kind. `Sequential` copies what
        it hands to the user
    is_first : its x is the user's. Then `forward` rejects NaN and infinity; later stages leave that
        out (`Sequential` says where it checks)
    because : why these layers are one stage, for people
    planned : `sizes` when the plan was made, on which the choice of this stage rested
    needs_y : `backward` reads the y that `forward` returned
    may_overwrite_x : nobody reads x after this stage's `backward`, which may put dx in its place:
        the largest maps of a convolutional network are then in memory once instead of twice
    """

    is_first = True
    because = ""
    planned: tuple[object, ...] = ()
    needs_y = True
    may_overwrite_x = False

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        self.buffers = Buffers()

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        """y from x; keeps what `backward` needs if `training`."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        """Sets the layers' `grads`; returns dx if `input_gradient`, or None."""
        raise NotImplementedError

    def sizes(self) -> tuple[object, ...]:
        """The layers' sizes that this stage was chosen for, and that it reads memory by.

        Another value than `planned` makes the network plan anew.
        """
        return ()

    def kernels(self, x_shape: tuple[int, ...], dtype: np.dtype[Any], input_gradient: bool) -> list[Chosen]:
        """The kernels that run for an x of this shape and dtype, with the reasons, for people.

        input_gradient : whether `backward` computes dx
        """
        raise NotImplementedError

    def kept_arrays(self) -> list[np.ndarray]:
        """The memory that the stage holds between forward(training=True) and backward."""
        return self.buffers.arrays()

    def tell_times(self, listener: Listener | None) -> None:
        """From now on tells a listener how long each `forward` and `backward` took; None: no more.

        A stage to which nobody listens has no trace of it: its methods are replaced only meanwhile.
        """
        for work in ("forward", "backward"):
            vars(self).pop(work, None)
            if listener is not None:
                vars(self)[work] = self._clocked(work, listener)

    def _clocked(self, work: str, listener: Listener) -> Callable[..., Any]:
        method = getattr(self, work)

        @functools.wraps(method)
        def clocked(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            result = method(*arguments, **named)
            listener(self, work, time.perf_counter() - began)
            return result

        return clocked

    def result(self, name: str, training: bool, shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
        """The buffer for a result of `forward`: one for training and one for inference.

        So a prediction between forward and backward does not disturb the step.
        """
        return self.buffers.get(f"{'training' if training else 'inference'} {name}", shape, dtype)


class Single(Stage):
    """One layer, run by its own methods: for every layer that no faster stage recognises."""

    def __init__(self, layer: Layer, because: str = "") -> None:
        super().__init__([layer])
        self.because = because

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        with inside_network:
            return self.layers[0].forward(x, training)

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        with inside_network:
            if input_gradient:
                return self.layers[0].backward(dy)
            self.layers[0].backward_parameters(dy)
        return None

    def kernels(self, x_shape: tuple[int, ...], dtype: np.dtype[Any], input_gradient: bool) -> list[Chosen]:
        layer = self.layers[0]
        own = {
            Conv2D: ("layerwise/im2col.py", "alone, a convolution is one product of all its windows"),
            MaxPool2D: ("layerwise/pooling.py", "alone, one pass over memory"),
        }
        kernel = own.get(type(layer), (f"the methods of {type(layer).__name__}", "it has no kernel of its own"))
        works = ["forward", *(["dweight"] if layer.params else []), *(["dx"] if input_gradient else [])]
        return [Chosen(work, *kernel) for work in works]

    def kept_arrays(self) -> list[np.ndarray]:
        layer = self.layers[0]
        kept = [value for value in vars(layer).values() if isinstance(value, np.ndarray)]
        return [*kept, *layer.grads.values()]


def triple_sizes(conv: Conv2D, pool: MaxPool2D) -> tuple[object, ...]:
    """The sizes of a convolution and the pooling behind its ReLU: see `Stage.sizes`."""
    kernel = conv.kernel_size, conv.c_in, conv.c_out, conv.bias
    return kernel, conv.stride, conv.padding, pool.pool_size, pool.stride
