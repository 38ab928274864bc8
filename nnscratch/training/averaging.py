"""Averaging: the mean of the last steps' weights, often better than the weights of any one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import above, below, number
from nnscratch.kernels.finite import all_finite
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.updates import BLOCK, flush_threshold, in_dtype, running_mean
from nnscratch.optimizers.parameters import HeldParameters, check_keys, copies_like, count_of_steps

if TYPE_CHECKING:
    from nnscratch.model import Sequential


DECAY_FIX = "0.998 is a mean of about 500 steps"


class WeightAverage:
    """The exponential moving average of all parameters of a model.

    The mean of a parameter w begins as w itself. Update number n = 1, 2, ..., after a step of the
    optimizer, changes it to
        d    <- min(decay, (1 + n) / (10 + n))
        mean <- d * mean + (1 - d) * w             computed as mean + (1 - d) * (w - mean)
    While n is small, d is small too, and the initial weights are soon forgotten: after 20 updates
    they count for less than a millionth.

    Why: unless the learning rate is tiny, the noise of the batches makes the weights wander around
    the minimum. Their mean lies nearer to it than they do, and takes less time than a smaller
    learning rate.

    Effective length
        A step's weights have the share 1 - d, which every later update multiplies by d. So the mean
        is over about 1 / (1 - decay) steps, 500 with 0.998. The mean should be over a tenth of the
        training or less.
        In float32 a mean stops following a w once they differ by less than 6e-8 / (1 - decay) of
        its size.

    Cost per update: the parameters read twice and written once. Memory: one more copy of them, and
    another one inside `in_place`.

    Arguments
        model : a Sequential; its parameters, float32 or float64, are changed only inside `in_place`
        decay : > 0 and < 1 (default 0.998)

    Attributes
        updates : number of updates so far
        parameters : the means, in the shapes, the dtype and the order of the model's parameters

    Raises
        ValueError : a decay out of its range

    Sources: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging" (1992), for
    the plain mean; Tarvainen & Valpola, "Mean teachers are better role models" (2017), for the
    exponential one; Abadi et al., "TensorFlow" (2016), whose
    ExponentialMovingAverage(num_updates=n) is the d above.

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(1, 1, weight_init="constant(1)", bias=False, rng=0))
    >>> average = WeightAverage(model, decay=0.5)
    >>> model.layers[0].params["weight"][:] = 12
    >>> average.update()  # n = 1: d = 2/11, and 2/11 * 1 + 9/11 * 12 = 10
    >>> with average.in_place():
    ...     print(model.predict(np.ones((1, 1), np.float32)))
    [[10.]]
    >>> model.layers[0].params["weight"]
    array([[12.]], dtype=float32)
    """

    def __init__(self, model: Sequential, decay: float = 0.998) -> None:
        self.model = model
        self.decay = number("WeightAverage", "decay", decay, above(0), below(1), fix=DECAY_FIX)
        self.updates = 0
        self._held = HeldParameters(model, "WeightAverage")
        self.parameters = model.copy_parameters()

    def update(self) -> None:
        """Adds the model's present weights to the mean; to be called after each step.

        Raises
            ValueError : a layer was replaced, inserted or removed, or an array has another shape or
                dtype or is read-only. (Another array like the first is followed.)
        """
        present = self._held.present()
        self.updates += 1
        share = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        for mean, w in zip(self.parameters, present, strict=True):
            scalars = in_dtype(mean.dtype, share, flush_threshold(mean.dtype))
            in_blocks(partial(_move, mean.reshape(-1), w.reshape(-1), scalars), mean.size, BLOCK)

    def state(self) -> dict[str, Any]:
        """All that changes while training, for `restore`: `updates`, and copies of `parameters`."""
        return {"updates": self.updates, "parameters": self.copy()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`, which `state()` of the same network's average gave; copies it.

        Raises
            ValueError : other keys, a number out of its range, arrays that are not finite or of
                other shapes or dtypes than the means. Then the average stays as it was
        """
        where = "WeightAverage.restore"
        check_keys(where, state, ["updates", "parameters"])
        updates = count_of_steps(where, "updates", state["updates"])
        means = copies_like(where, "parameters", state["parameters"], self.parameters)
        self.updates, self.parameters = updates, means

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Gives the model the averaged weights inside the block, and its own again after it.

        Raises
            ValueError : the model is no longer the one that was averaged, as in `update`
        """
        live = [w.copy() for w in self._held.present()]
        try:
            self._held.write(self.parameters)
            yield
        finally:
            self._held.write(live)

    def copy(self) -> list[np.ndarray]:
        """A copy of the means, for `Sequential.put_back`: the next update does not change it."""
        return [mean.copy() for mean in self.parameters]

    @property
    def is_usable(self) -> bool:
        """Whether there has been an update, and every mean is a finite number."""
        return self.updates > 0 and all(all_finite(mean) for mean in self.parameters)


def _move(mean: np.ndarray, w: np.ndarray, scalars: tuple[Any, ...], start: int, stop: int) -> None:
    running_mean(mean[start:stop], w[start:stop], *scalars)
