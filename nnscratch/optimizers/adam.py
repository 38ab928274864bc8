"""Adam: each weight moves by about the learning rate, whatever the scale of its gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import fraction, positive
from nnscratch.kernels import update_table
from nnscratch.kernels.update_table import Update
from nnscratch.kernels.updates import flush_threshold, in_dtype
from nnscratch.optimizers.base import Optimizer

if TYPE_CHECKING:
    from nnscratch.layers.base import Layer
    from nnscratch.model import Sequential


class Adam(Optimizer):
    """Adam: each weight moves along the mean of its gradients, divided by their root mean square.

    Update number t = 1, 2, ..., of a parameter w with gradient dw
        m <- beta1 * m + (1 - beta1) * dw              mean of the gradients, from m = 0
        v <- beta2 * v + (1 - beta2) * dw^2            mean of their squares, from v = 0
        w <- w - lr * weight_decay * w                 (w under the key "weight" only)
        w <- w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
    The divisions by 1 - beta^t correct m and v for their start at 0, which makes them small. Weight
    decay is decoupled: it does not go through m and v, where a weight with large gradients would
    escape it. This is torch.optim.AdamW's update, to rounding.

    Effective step size
        While a weight's gradients agree, the step is lr, whatever their scale; while they only
        differ in sign, it is near 0. It hardly ever exceeds lr.

    Arguments
        model : a Sequential; its parameters are changed in place, in their own dtype
        lr : learning rate, >= 0 (default 0.001); may be set between two steps
        betas : (beta1, beta2), each in [0, 1) (default (0.9, 0.999))
        epsilon : > 0 (default 1e-8); without it, a weight that has no gradient would divide 0 by 0
        weight_decay : >= 0 (default 0.0)
        layers : those of the model that it moves, such as [model[2]] (default: all); to leave some
            alone for a while, set `layer.frozen`

    Raises
        ValueError : a number out of its range, a model without parameters, layers that are not the
            model's, are there twice or have no parameters

    Sources: Kingma & Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1;
    Loshchilov & Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.

    >>> import nnscratch as nn
    >>> layer = nn.Dense(1, 1, rng=np.random.default_rng(0))
    >>> optimizer = Adam(nn.Sequential(layer), lr=0.1)
    >>> layer.params["weight"][:] = 1.0
    >>> layer.grads = {"weight": np.float32([[50]]), "bias": np.float32([0])}
    >>> optimizer.step()
    >>> round(layer.params["weight"].item(), 4)  # one lr away, whatever the gradient's size
    0.9
    """

    betas: tuple[float, float]
    epsilon: float
    memory_names = ("m", "v")

    def __init__(
        self,
        model: Sequential,
        *,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        layers: Sequence[Layer] | None = None,
    ) -> None:
        if len(betas) != 2:
            raise ValueError(
                f"Adam: got betas={betas}, expected two numbers; give (beta1, beta2), such as (0.9, 0.999)"
            )
        self.betas = fraction("Adam", "beta1", betas[0]), fraction("Adam", "beta2", betas[1])
        self.epsilon = positive("Adam", "epsilon", epsilon, fix="set epsilon=1e-8")
        super().__init__(model, lr=lr, weight_decay=weight_decay, memory=2, layers=layers)

    def _rule(self, dtype: np.dtype[Any], weight_decay: float, steps: int) -> Update:
        beta1, beta2 = self.betas
        # The corrections for the start at 0 are plain numbers, worked out once for all weights.
        step, shrink = self.lr / (1 - beta1**steps), 1 - self.lr * weight_decay
        correction = 1 / math.sqrt(1 - beta2**steps)
        means = beta1, 1 - beta1, beta2, 1 - beta2
        scalars = in_dtype(dtype, step, shrink, *means, correction, self.epsilon, flush_threshold(dtype))
        return update_table.adam(*scalars)

    def _check_means(self, means: list[np.ndarray]) -> None:
        if any((v < 0).any() for v in means[1::2]):
            raise ValueError(
                "Adam.restore: got a negative mean of squares, expected means >= 0; pass what state() gave"
            )

    def __repr__(self) -> str:
        return (
            f"Adam(model, lr={self.lr}, betas={self.betas}, epsilon={self.epsilon}, weight_decay={self.weight_decay}"
            f"{self._layers_shown()})"
        )
