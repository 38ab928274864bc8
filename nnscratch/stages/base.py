"""What every stage has in common, and the stage of a single layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnscratch.kernels.memory import Buffers
from nnscratch.layers import Conv2D, Layer, MaxPool2D
from nnscratch.layers.networks import inside_network


class Stage:
    """Consecutive layers that are executed as one: the layers' own numbers, only faster.

    layers : the user's layers, whose `params` the stage reads and whose `grads` it sets
    buffers : arrays that stay from step to step; what `forward` and `backward` return may lie in
        one of them, and is overwritten by the next call of the same kind. `Sequential` copies what
        it hands to the user
    is_first : its x is the user's. Then `forward` rejects NaN and infinity; later stages leave that
        out (`Sequential` says where it checks)
    planned : `sizes` when the plan was made, on which the choice of this stage rested
    needs_y : `backward` reads the y that `forward` returned
    may_overwrite_x : nobody reads x after this stage's `backward`, which may put dx in its place:
        the largest maps of a convolutional network are then in memory once instead of twice
    """

    is_first = True
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

    def result(self, name: str, training: bool, shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
        """The buffer for a result of `forward`: one for training and one for inference.

        So a prediction between forward and backward does not disturb the step.
        """
        return self.buffers.get(f"{'training' if training else 'inference'} {name}", shape, dtype)


class Single(Stage):
    """One layer, run by its own methods: for every layer that no faster stage recognises."""

    def __init__(self, layer: Layer) -> None:
        super().__init__([layer])

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        with inside_network:
            return self.layers[0].forward(x, training)

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        with inside_network:
            if input_gradient:
                return self.layers[0].backward(dy)
            self.layers[0].backward_parameters(dy)
        return None


def triple_sizes(conv: Conv2D, pool: MaxPool2D) -> tuple[object, ...]:
    """The sizes of a convolution and the pooling behind its ReLU: see `Stage.sizes`."""
    kernel = conv.kernel_size, conv.c_in, conv.c_out, conv.bias
    return kernel, conv.stride, conv.padding, pool.pool_size, pool.stride
