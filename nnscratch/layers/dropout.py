"""Dropout: train with random units left out, so that no unit can rely on one particular other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from nnscratch.checks import fraction, random_generator
from nnscratch.layers.base import Layer, check_gradient, check_input

# Which rows of how many the forward pass has; each thread has its own. None: all of them.
_share: ContextVar[tuple[slice, int] | None] = ContextVar("nnscratch_share_of_batch", default=None)


@contextmanager
def masks_for(share: slice, rows: int) -> Iterator[None]:
    """Forward passes inside the block have a share of a batch's rows: the masks of these rows.

    Masks are drawn for all rows, of which those of the share are used: so several processes drop
    what one would drop, and their random numbers stay the same.

    share : of the batch's rows;  rows : of the batch

    >>> whole = Dropout(0.5, rng=0).forward(np.ones((3, 4)), training=True)
    >>> with masks_for(slice(1, 3), 3):
    ...     part = Dropout(0.5, rng=0).forward(np.ones((2, 4)), training=True)
    >>> np.array_equal(part, whole[1:])
    True
    """
    token = _share.set((share, rows))
    try:
        yield
    finally:
        _share.reset(token)


class Dropout(Layer):
    """While training, sets each number to 0 with probability p and divides the others by 1 - p.

    Arguments
        p   : the share of numbers to drop, 0 <= p < 1
        rng : NumPy Generator, or a seed, that the masks are drawn from. Equal seeds give equal
            masks: pass one Generator to all layers, or leave rng out and seed the network,
            Sequential(..., rng=0)

    Shapes
        x, y, dx, dy, mask : any shape with a leading N

    Forward
        training:  y = x * mask,  mask = 1 / (1 - p) with probability 1 - p, otherwise 0; drawn anew
        otherwise: y = x
        The mean of y over all masks is (1 - p) * x / (1 - p) = x: what the next layer sees on
        average while training is what it sees later. (This is "inverted" dropout; the older form
        multiplied by 1 - p outside of training instead.)

    Backward, given dy = dL/dy
        Each x feeds exactly one y, with slope mask:
            dx = dy * mask, with the mask of the forward pass

    Cost: one random number and one multiplication per number; keeps the mask.

    Raises
        ValueError : p outside [0, 1), an x or dy of a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = Dropout(0.5, rng=0)
    >>> layer.forward(np.ones((1, 6)), training=True)
    array([[2., 2., 2., 0., 0., 0.]])
    >>> layer.backward(np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]))
    array([[2., 4., 6., 0., 0., 0.]])
    >>> layer.forward(np.ones((1, 6)))
    array([[1., 1., 1., 1., 1., 1.]])

    Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout" (2014), sections
    4 and 10.
    """

    p: float
    rng: np.random.Generator
    mask: np.ndarray  # kept from forward(training=True) to backward

    def __init__(self, p: float, *, rng: np.random.Generator | int | None = None) -> None:
        super().__init__()
        self.p = p
        self.check_sizes()
        self.rng = random_generator("Dropout", rng)
        self._by_chance = self.rng if rng is None else None

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        check_input(self, x)
        if not training:
            return x.copy()
        self.mask = self.draw_mask(x)
        return x * self.mask

    def draw_mask(self, x: np.ndarray) -> np.ndarray:
        """A new mask for x: 1 / (1 - p) or 0, in x's shape and dtype."""
        p = fraction("Dropout", "p", self.p)
        share, rows = _share.get() or (slice(None), len(x))
        # float32 numbers are drawn twice as fast, and 24 bits of chance are plenty.
        kept = self.rng.random((rows, *x.shape[1:]), dtype=np.float32)[share] >= p
        return kept * x.dtype.type(1 / (1 - p))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        mask = self.take("mask")
        check_gradient(self, dy, mask.shape, mask.dtype)
        return dy * mask

    def draw_anew(self, rng: np.random.Generator) -> None:
        if self.rng is self._by_chance:
            self.rng, self._by_chance = rng, None

    def check_sizes(self) -> None:
        self.p = fraction("Dropout", "p", self.p, fix="it is the share to drop, such as 0.5")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape
