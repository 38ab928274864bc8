"""What every stage has in common."""

from __future__ import annotations

import numpy as np

from nnscratch.layers import Layer


class Stage:
    """A run of layers that is executed as one: the same numbers as the layers in turn, only faster.

    layers : the user's layers, whose `params` it reads and whose `grads` it sets
    checks_finite : `forward` itself stops an x with NaN or infinity, while it has x in the cache
    needs_y : `backward` reads the y that `forward` returned
    may_overwrite_x : nobody reads x after this stage's `backward`, which may put dx in its place: the largest maps of a
        convolutional network are then in memory once instead of twice

    What `forward` and `backward` return may be an array of the stage's own, which the next call of the same kind
    overwrites; `Sequential` copies what it hands to the user.
    """

    layers: list[Layer]
    checks_finite = False
    needs_y = True
    may_overwrite_x = False

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        """y from x; keeps what `backward` needs if `training`."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        """Sets the layers' `grads`; dx if `input_gradient`, else None."""
        raise NotImplementedError
