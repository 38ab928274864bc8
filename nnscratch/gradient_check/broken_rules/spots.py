"""The small problem on which broken rules are trained: where is the bright square?

Pictures of 8 x 8 pixels with a bright square; y is the row and the column of its middle, from -1 to
1, and a third of the labels is missing. The network has every kind of layer that a rule may break.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnscratch.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD

SIZE, SIDE = 8, 3  # of a picture and of its square, in pixels
PICTURES, BATCH, EPOCHS = 32, 8, 20
LR, MOMENTUM = 0.03, 0.9


def spots(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """x (N, 8, 8, 1) and y (N, 2), float64, NaN where a label is missing."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, SIZE - SIDE + 1, (PICTURES, 2))
    x = np.zeros((PICTURES, SIZE, SIZE, 1))
    for picture, (row, column) in zip(x, corners, strict=True):
        picture[row : row + SIDE, column : column + SIDE] = 1
    y = corners / (SIZE - SIDE) * 2 - 1
    y[rng.random(y.shape) < 1 / 3] = np.nan
    return x, y


def spot_network(seed: int, wrong: type | None = None, sizes: Callable[..., bool] | None = None) -> Sequential:
    """A convolutional network for `spots`, in float64.

    wrong : a class that takes the place of its base class; None: all layers are right
    sizes : of which arguments it does; None: of all
    """
    rng = np.random.default_rng(seed)

    def layer(kind: type, *arguments: Any, **options: Any) -> Any:
        broken = wrong is not None and wrong.__mro__[1] is kind and (sizes is None or sizes(*arguments))
        return (wrong if broken and wrong else kind)(*arguments, **options)

    drawn: dict[str, Any] = {"rng": rng, "dtype": np.float64}
    return Sequential(
        layer(Conv2D, 1, 6, 3, padding=1, bias_init="constant(0.1)", **drawn),
        layer(ReLU),
        layer(MaxPool2D, 2),
        layer(Conv2D, 6, 8, 3, padding=1, bias_init="constant(0.1)", **drawn),
        layer(ReLU),
        layer(MaxPool2D, 2),
        Flatten(),
        layer(Dense, 32, 16, **drawn),
        layer(ReLU),
        layer(Dropout, 0.2, rng=rng),
        layer(Dense, 16, 16, **drawn),
        layer(ReLU),
        layer(Dense, 16, 2, **drawn),
    )


def train(seed: int, wrong: type | None = None, sizes: Callable[..., bool] | None = None) -> list[float]:
    """The loss on all pictures before the first epoch and after each, dropout off.

    seed : of the pictures, the first weights, the masks and the order of the batches: two networks
        with the same one differ in nothing but the broken rule
    wrong, sizes : as for `spot_network`; or a loss class

    A training that has become infinite or NaN stays at infinity.
    """
    x, y = spots(seed)
    is_loss = wrong is not None and issubclass(wrong, MSELoss)
    network = spot_network(seed, None if is_loss else wrong, sizes)
    judge = spot_network(seed)  # every rule is broken on the way back: this one's y is the same, sooner
    loss: MSELoss = wrong() if is_loss and wrong else MSELoss()
    optimizer = SGD(network, lr=LR, momentum=MOMENTUM)
    rng = np.random.default_rng([seed, 1])
    losses = [MSELoss().forward(judge.forward(x), y)]
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for epoch in range(EPOCHS):
                optimizer.lr = LR * (1 - epoch / EPOCHS)  # small steps at the end: less noise in the last loss
                for batch in np.split(rng.permutation(PICTURES), PICTURES // BATCH):
                    loss.forward(network.forward(x[batch], training=True), y[batch])
                    network.backward(loss.backward())
                    optimizer.step()
                judge.put_back(network.parameters())
                losses.append(MSELoss().forward(judge.forward(x), y))
    except ValueError:  # NaN or infinity: the network refuses them
        losses += [np.inf] * (EPOCHS + 1 - len(losses))
    return losses
