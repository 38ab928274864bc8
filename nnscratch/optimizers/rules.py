"""Optimisers: how a parameter moves, once its gradient is known. They change the model's arrays in place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import in_range
from nnscratch.kernels import updates
from nnscratch.kernels.updates import numbers, tiny
from nnscratch.optimizers.base import Optimizer, Rule

if TYPE_CHECKING:
    from nnscratch.model import Sequential


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, plain or Nesterov's, and weight decay.

    Update, of a parameter w with gradient dw
        g <- dw + weight_decay * w                     (w under the key "weight"; g = dw for all others)
        v <- momentum * v + (1 - dampening) * g        (the first v is g itself, not dampened)
        w <- w - lr * v                                plain
        w <- w - lr * (g + momentum * v)               Nesterov
    This is torch.optim.SGD's update, to rounding. With momentum 0, v = g: nothing is kept and nothing is dampened.

    Effective step size
        A gradient that stays the same is added again and again: v -> g * (1 - dampening) / (1 - momentum), so that
            effective lr = lr * (1 - dampening) / (1 - momentum)
        momentum 0.9 alone makes every step 10 times longer; with dampening 0.9 as well, v is a mean of gradients.

    The report of He & Yang (2015) writes v <- 0.9 v + 0.1 g from v = 0, then w <- w - 0.01 v. Its v is 0.1 times
    the v above without dampening, so it is exactly SGD(model, lr=0.001, momentum=0.9). (lr=0.01 with dampening=0.9
    differs from it: the first gradient is not dampened, and counts 10 times.) Its loss adds 0.0005 * sum of w^2,
    without 1/2, whose gradient is 2 * 0.0005 * w: weight_decay=0.001.

    Arguments
        model : a Sequential; its parameters are changed in place, in their own dtype
        lr : learning rate, >= 0; may be set between two steps
        momentum : in [0, 1); may be set between two steps
        nesterov : looks ahead along v; needs momentum > 0 and dampening 0
        weight_decay : >= 0
        dampening : in [0, 1)

    Raises
        ValueError : a number out of its range, nesterov without momentum or with dampening, a model without parameters

    Sources: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); Sutskever, Martens,
    Dahl & Hinton, "On the importance of initialization and momentum in deep learning" (2013).

    >>> import nnscratch as nn
    >>> layer = nn.Dense(1, 1, rng=np.random.default_rng(0))
    >>> optimizer = SGD(nn.Sequential(layer), lr=0.1, momentum=0.5)
    >>> layer.params["weight"][:] = 1.0
    >>> for _ in range(2):  # v = 2, then 0.5 * 2 + 2 = 3
    ...     layer.grads["weight"], layer.grads["bias"] = np.full((1, 1), 2, np.float32), np.zeros(1, np.float32)
    ...     optimizer.step()
    ...     print(round(layer.params["weight"].item(), 4))
    0.8
    0.5
    """

    def __init__(
        self,
        model: Sequential,
        *,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
    ) -> None:
        self.momentum = momentum
        self.nesterov = nesterov
        self.dampening = in_range("dampening", dampening, 0, 1)
        if nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(
                f"got nesterov=True with momentum={momentum} and dampening={dampening}, "
                "expected momentum > 0 and dampening 0; set momentum=0.9, or nesterov=False"
            )
        super().__init__(model, lr=lr, weight_decay=weight_decay, memory=1)
        self._has_velocity = False

    @property
    def momentum(self) -> float:
        """The momentum of the next step."""
        return self._momentum

    @momentum.setter
    def momentum(self, value: float) -> None:
        self._momentum = in_range("momentum", value, 0, 1)

    def step(self) -> None:
        super().step()
        self._has_velocity = self.momentum > 0

    def reset(self) -> None:
        super().reset()
        self._has_velocity = False

    @property
    def effective_lr(self) -> float:
        """lr * (1 - dampening) / (1 - momentum), see the class; just lr with momentum 0."""
        return self.lr * ((1 - self.dampening) if self.momentum else 1) / (1 - self.momentum)

    def _rule(self, dtype: np.dtype[Any], weight_decay: float) -> Rule:
        if self.momentum == 0:
            scalars = numbers(dtype, self.lr, weight_decay)
            return lambda w, dw, v: updates.sgd(w, dw, *scalars)
        # The first v is g itself: what was there before counts 0 times, and g is not dampened.
        momentum, keep = (self.momentum, 1 - self.dampening) if self._has_velocity else (0.0, 1.0)
        ahead = self.momentum if self.nesterov else 0.0
        scalars = numbers(dtype, self.lr, weight_decay, momentum, keep, ahead, self.nesterov, tiny(dtype))
        return lambda w, dw, v: updates.sgd_momentum(w, dw, v, *scalars)

    def __repr__(self) -> str:
        return (
            f"SGD(model, lr={self.lr}, momentum={self.momentum}, nesterov={self.nesterov}, "
            f"weight_decay={self.weight_decay}, dampening={self.dampening})"
        )


class Adam(Optimizer):
    """Adam: each weight gets a step of its own, the mean of its gradients over their root mean square.

    Update number t = 1, 2, ..., of a parameter w with gradient g
        m <- beta1 * m + (1 - beta1) * g               mean of the gradients, from m = 0
        v <- beta2 * v + (1 - beta2) * g^2             mean of their squares, from v = 0
        w <- w - lr * weight_decay * w                 (w under the key "weight" only)
        w <- w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
    The divisions by 1 - beta^t undo the pull towards the zeros that m and v start from. Weight decay is decoupled: it
    does not go through m and v, where a weight with large gradients would escape it. torch.optim.AdamW's update.

    Effective step size
        While a weight's gradients agree, the step is lr whatever their scale; where they only differ in sign, it is
        near 0. It hardly ever exceeds lr.

    Arguments
        model : a Sequential; its parameters are changed in place, in their own dtype
        lr : learning rate, >= 0; may be set between two steps
        betas : (beta1, beta2), each in [0, 1)
        epsilon : > 0, keeps a weight without gradient from dividing by 0
        weight_decay : >= 0

    Raises
        ValueError : a number out of its range, a model without parameters

    Sources: Kingma & Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1; Loshchilov & Hutter,
    "Decoupled weight decay regularization" (2019), algorithm 2.

    >>> import nnscratch as nn
    >>> layer = nn.Dense(1, 1, rng=np.random.default_rng(0))
    >>> optimizer = Adam(nn.Sequential(layer), lr=0.1)
    >>> layer.params["weight"][:] = 1.0
    >>> layer.grads["weight"], layer.grads["bias"] = np.full((1, 1), 50, np.float32), np.zeros(1, np.float32)
    >>> optimizer.step()
    >>> round(layer.params["weight"].item(), 4)  # one lr away, whatever the gradient's size
    0.9
    """

    def __init__(
        self,
        model: Sequential,
        *,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if len(betas) != 2:
            raise ValueError(f"got betas={betas}, expected two numbers; give (beta1, beta2), such as (0.9, 0.999)")
        self.betas = (in_range("beta1", betas[0], 0, 1), in_range("beta2", betas[1], 0, 1))
        self.epsilon = in_range("epsilon", epsilon, 0, math.inf)
        if self.epsilon == 0:
            raise ValueError("got epsilon=0, expected a number > 0; set epsilon=1e-8")
        super().__init__(model, lr=lr, weight_decay=weight_decay, memory=2)

    def _rule(self, dtype: np.dtype[Any], weight_decay: float) -> Rule:
        beta1, beta2 = self.betas
        # The corrections for the start at 0 are plain numbers: they are taken out of the pass over the arrays.
        step, shrink = self.lr / (1 - beta1**self.steps), 1 - self.lr * weight_decay
        correction = 1 / math.sqrt(1 - beta2**self.steps)
        means = beta1, 1 - beta1, beta2, 1 - beta2
        scalars = numbers(dtype, step, shrink, *means, correction, self.epsilon, tiny(dtype))
        return lambda w, dw, m, v: updates.adam(w, dw, m, v, *scalars)

    def __repr__(self) -> str:
        return (
            f"Adam(model, lr={self.lr}, betas={self.betas}, epsilon={self.epsilon}, weight_decay={self.weight_decay})"
        )
