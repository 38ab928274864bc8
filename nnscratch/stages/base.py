"""What every stage has in common: the layers it stands for, and arrays that are used again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.layers import Layer


class Stage:
    """A run of layers that is executed as one: the same numbers as the layers in turn, only faster.

    layers : the user's layers, whose `params` it reads and whose `grads` it sets

    What `forward` and `backward` return may be an array of the stage's own, which the next call of the same kind
    overwrites; `Sequential` copies what it hands to the user.
    """

    layers: list[Layer]

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        """y from x; keeps what `backward` needs if `training`."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        """Sets the layers' `grads`; dx if `input_gradient`, else None."""
        raise NotImplementedError


class Buffers:
    """Arrays by name that grow to the largest size asked for and are then used again and again.

    A training loop that asks for the same arrays in every step allocates them once; the smaller batch at the end of an
    epoch gets the front of the large one.

    >>> buffers = Buffers()
    >>> large = buffers.get("y", (4, 3), np.float32)
    >>> small = buffers.get("y", (2, 3), np.float32)
    >>> np.shares_memory(large, small)
    True
    """

    def __init__(self) -> None:
        self._memory: dict[str, np.ndarray] = {}

    def get(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array of this shape and dtype; its content is what the last user left."""
        size = math.prod(shape)
        memory = self._memory.get(name)
        if memory is None or memory.size < size or memory.dtype != dtype:
            memory = self._memory[name] = np.empty(size, dtype)
        return memory[:size].reshape(shape)
