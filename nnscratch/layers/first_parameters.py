"""First weights: drawn from a layer's own rng, or anew from the stream that its network gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnscratch import initializers
from nnscratch.checks import random_generator
from nnscratch.initializers import Initializer


class FirstParameters:
    """What draws a layer's weight and bias, once or twice.

    Arguments
        where        : the name of the layer's class
        weight_shape : the last length is that of the bias
        weight_init  : initializer of the weight, or its name
        bias_init    : of the bias; None: there is no bias
        rng          : as the layer was given it; None: no seed, so that a network's may take effect

    >>> first = FirstParameters("Dense", (2, 1), "he_normal", "constant(3)", rng=None)
    >>> params = first.draw(np.dtype(np.float32))
    >>> first.draw_anew(params, np.random.default_rng(0))
    >>> params["weight"].ravel(), params["bias"]
    (array([ 0.12573022, -0.13210486], dtype=float32), array([3.], dtype=float32))
    >>> first.draw_anew(params, np.random.default_rng(1))  # now they have a seed
    >>> params["weight"].ravel()
    array([ 0.12573022, -0.13210486], dtype=float32)
    """

    def __init__(
        self,
        where: str,
        weight_shape: tuple[int, ...],
        weight_init: Initializer | str,
        bias_init: Initializer | str | None,
        rng: np.random.Generator | int | None,
    ) -> None:
        self.shapes = {"weight": weight_shape} | ({} if bias_init is None else {"bias": weight_shape[-1:]})
        self.initializers = {"weight": weight_init, "bias": bias_init or ""}
        # Without a seed they come from chance, which is kept: so that one can tell whether they are
        # still the first ones.
        self._chance = np.random.SeedSequence() if rng is None else None
        self._rng = random_generator(where, self._chance if rng is None else rng)

    def draw(self, dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
        """Weight and bias in `dtype`; to be called once, when the layer is made."""
        self.dtype = dtype
        params = self._draw(self._rng)
        del self._rng
        return params

    def draw_anew(self, params: Mapping[str, np.ndarray], rng: np.random.Generator) -> None:
        """Writes new values into `params` if they are still the first ones, drawn without a seed.

        Parameters that were trained, loaded or set by hand stay as they are.
        """
        if self._chance is None:
            return
        first = self._draw(np.random.default_rng(self._chance))
        self._chance = None
        if params.keys() == first.keys() and all(_still(params[name], first[name]) for name in first):
            for name, value in self._draw(rng).items():
                np.copyto(params[name], value, casting="same_kind")

    def _draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {
            name: initializers.draw(self.initializers[name], shape, rng, self.dtype)
            for name, shape in self.shapes.items()
        }


def _still(w: object, first: np.ndarray) -> bool:
    """Whether w is `first`, perhaps in another dtype."""
    if not isinstance(w, np.ndarray) or w.shape != first.shape or w.dtype.kind != "f" or not w.flags.writeable:
        return False
    return np.array_equal(w, first.astype(w.dtype))
