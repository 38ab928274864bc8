"""SGD: all weights move along their gradients at one rate, and gather speed with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import fraction
from nnscratch.kernels import update_table
from nnscratch.kernels.update_table import Update
from nnscratch.kernels.updates import flush_threshold, in_dtype
from nnscratch.optimizers.base import Optimizer

if TYPE_CHECKING:
    from nnscratch.layers.base import Layer
    from nnscratch.model import Sequential


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, plain or Nesterov's, and weight decay.

    Update of a parameter w with gradient dw, from v = 0
        g <- dw + weight_decay * w                     w under the key "weight"; otherwise dw
        v <- momentum * v + g
        w <- w - lr * v                                plain
        w <- w - lr * (g + momentum * v)               Nesterov
    This is torch.optim.SGD's update, to rounding. While momentum is 0, v is not used.

    Effective step size
        A gradient that stays the same is added again and again: v -> g / (1 - momentum), so that
            effective lr = lr / (1 - momentum)
        Momentum 0.9 makes every step 10 times longer.

    The report of He & Yang (2015) writes v <- 0.9 v + 0.1 g from v = 0, then w <- w - 0.01 v. Its v
    is 0.1 times the v above, so it is exactly SGD(model, lr=0.001, momentum=0.9). Its loss adds
    0.0005 * sum of w^2, without 1/2, whose gradient is 2 * 0.0005 * w: weight_decay=0.001.

    Arguments
        model : a Sequential; its parameters are changed in place, in their own dtype
        lr : learning rate, >= 0; may be set between two steps
        momentum : in [0, 1) (default 0.0); may be set between two steps
        nesterov : looks ahead along v (default False); needs momentum > 0
        weight_decay : >= 0 (default 0.0)
        layers : those of the model that it moves, such as [model[2]] (default: all); to leave some
            alone for a while, set `layer.frozen`

    Raises
        ValueError : a number out of range, nesterov without momentum, a model without parameters,
            layers that are not the model's, are there twice or have no parameters

    Sources: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964);
    Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and momentum in deep
    learning" (2013).

    >>> import nnscratch as nn
    >>> layer = nn.Dense(1, 1, rng=np.random.default_rng(0))
    >>> optimizer = SGD(nn.Sequential(layer), lr=0.1, momentum=0.5)
    >>> layer.params["weight"][:] = 1.0
    >>> for _ in range(2):  # v = 2, then 0.5 * 2 + 2 = 3
    ...     layer.grads = {"weight": np.float32([[2]]), "bias": np.float32([0])}
    ...     optimizer.step()
    ...     print(round(layer.params["weight"].item(), 4))
    0.8
    0.5
    """

    nesterov: bool
    changing = ("lr", "momentum")
    memory_names = ("v",)

    def __init__(
        self,
        model: Sequential,
        *,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        layers: Sequence[Layer] | None = None,
    ) -> None:
        self.momentum = momentum
        self.nesterov = nesterov
        if nesterov and self.momentum == 0:
            raise ValueError(
                f"SGD: got nesterov=True with momentum={momentum}, expected momentum > 0; set momentum=0.9, or "
                "nesterov=False"
            )
        super().__init__(model, lr=lr, weight_decay=weight_decay, memory=1, layers=layers)

    @property
    def momentum(self) -> float:
        """The momentum of the next step."""
        return self._momentum

    @momentum.setter
    def momentum(self, value: float) -> None:
        self._momentum = fraction("SGD", "momentum", value)

    @property
    def effective_lr(self) -> float:
        return self.lr / (1 - self.momentum)

    def _rule(self, dtype: np.dtype[Any], weight_decay: float, steps: int) -> Update:
        if self.momentum == 0:
            return update_table.sgd(*in_dtype(dtype, self.lr, weight_decay))
        ahead = self.momentum if self.nesterov else 0.0
        scalars = in_dtype(dtype, self.lr, weight_decay, self.momentum, ahead, self.nesterov, flush_threshold(dtype))
        return update_table.sgd_momentum(*scalars)

    def __repr__(self) -> str:
        return (
            f"SGD(model, lr={self.lr}, momentum={self.momentum}, nesterov={self.nesterov}, "
            f"weight_decay={self.weight_decay}{self._layers_shown()})"
        )
