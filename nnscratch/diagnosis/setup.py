"""A setup: all that a training begins with, in copies that a remedy may change and try."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch import initializers
from nnscratch.diagnosis.explained import MOST_LEFT, loss_beside_guess, unexplained
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.layers import Dropout, Layer, NotFiniteError
from nnscratch.losses import Loss, MSELoss, SoftmaxCrossEntropy
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD

if TYPE_CHECKING:
    from nnscratch.optimizers.base import Optimizer

# Steps of a trial; a large network would take minutes for so many.
_STEPS, _FEW_STEPS = 300, 60
MANY_MULTIPLY_ADDS = 200_000  # of one row, from which on a network is large

_APART = 4  # every fourth row is kept apart in a trial, to judge it
_MOST_JUDGED = 256


@dataclass(frozen=True)
class Treatment:
    """A remedy that can be tried.

    words : what it changes, such as "lr=0.01"
    apply : changes a Setup in place
    """

    words: str
    apply: Callable[[Setup], None]


@dataclass
class Setup:
    """What a training begins with; a remedy changes it in place.

    model : freshly drawn
    x, y : (N, ...) all training rows, in the dtype of the model; y is NaN where a label is missing
    loss, optimizer : made for this model
    batch_size : rows per step
    """

    model: Sequential
    x: np.ndarray
    y: np.ndarray
    loss: Loss
    optimizer: Optimizer
    batch_size: int = 32

    @classmethod
    def of(
        cls,
        model: Sequential,
        x: np.ndarray,
        y: np.ndarray,
        loss: Loss,
        optimizer: Optimizer | None,
        batch_size: int = 32,
    ) -> Setup:
        """Copies in which the training begins anew; the originals stay as they are.

        An optimizer of another model stays one. Without one, SGD with a usual rate stands in.
        """
        foreign = optimizer is not None and optimizer.model is not model
        model, loss, optimizer = copy.deepcopy((model, loss, optimizer))
        dtype = next((w.dtype for layer in model.layers for w in layer.params.values()), np.dtype(np.float32))
        draw_parameters(model.layers, np.random.default_rng(0), None if foreign else optimizer)
        for layer in model.layers:
            if isinstance(layer, Dropout):
                layer.rng = np.random.default_rng(0)
        if optimizer is None:
            optimizer = SGD(model, lr=0.05, momentum=0.9)
        elif not foreign:
            optimizer.reset()
        return cls(model, x.astype(dtype), labels_in_dtype(y, dtype), loss, optimizer, batch_size)

    def copy(self) -> Setup:
        """A setup of its own. The rows are shared: a remedy replaces them, and writes nowhere."""
        model, loss, optimizer = copy.deepcopy((self.model, self.loss, self.optimizer))
        return Setup(model, self.x, self.y, loss, optimizer, self.batch_size)

    def replace_layers(self, layers: Sequence[Layer]) -> None:
        """Makes a model of these layers, and its optimizer anew with the same settings."""
        self.model = Sequential(*layers, fuse=self.model.fuse)
        self.renew_optimizer()

    def renew_optimizer(self, **changes: Any) -> None:
        """Makes the optimizer anew for this model. changes : arguments that get another value."""
        before, kind = self.optimizer, type(self.optimizer)
        names = [name for name in inspect.signature(kind).parameters if name != "model"]
        if before.layers is not None:  # what a remedy has put into the network learns, too
            alone = [layer for layer in before.model.layers if not before.holds(layer)]
            own = [layer for layer in self.model.layers if layer.params and layer not in alone]
            changes = {"layers": own} | changes
        self.optimizer = kind(self.model, **{name: getattr(before, name) for name in names} | changes)

    def keep_apart(self) -> tuple[np.ndarray, np.ndarray]:
        """Takes every fourth row out of the training, and returns these rows' x and y.

        Fewer than forty rows all stay: they are judged by themselves.
        """
        if len(self.x) < _APART * 10:
            return self.x, self.y
        apart = np.arange(len(self.x)) % _APART == _APART - 1
        x, y = self.x[apart], self.y[apart]
        self.x, self.y = self.x[~apart], self.y[~apart]
        rows = evenly_spaced(len(x), _MOST_JUDGED)
        return x[rows], y[rows]

    def train(self, steps: int) -> bool:
        """Makes so many steps of shuffled rows; False if they led to NaN or an error."""
        rng = np.random.default_rng(0)
        order = np.empty(0, int)
        with np.errstate(all="ignore"):
            for _ in range(steps):
                if len(order) < min(self.batch_size, len(self.x)):
                    order = rng.permutation(len(self.x))
                rows, order = order[: self.batch_size], order[self.batch_size :]
                try:
                    loss = self.loss.forward(self.model.forward(self.x[rows], training=True), self.y[rows])
                    self.model.backward(self.loss.backward())
                    self.optimizer.step()
                except (NotFiniteError, ValueError, RuntimeError):
                    return False
                if not math.isfinite(loss):
                    return False
        return True

    def left(self, x: np.ndarray, y: np.ndarray) -> float:
        """Share of the variance of y that the answers leave unexplained, the mean over outputs.

        0 is perfect, 1 is as good as the mean, 2 is the most that is said. For other losses than
        those of numbers: the loss over that of a guess (`loss_beside_guess`).
        """
        with np.errstate(all="ignore"):
            try:
                answers = self.model.predict(x)
            except (NotFiniteError, ValueError):
                return MOST_LEFT
            if isinstance(self.loss, SoftmaxCrossEntropy) or answers.size != y.size:
                share = loss_beside_guess(self.loss, answers, y)
                return min(share, MOST_LEFT) if math.isfinite(share) else MOST_LEFT
            return unexplained(answers, y)

    def square_errors(self) -> None:
        """Takes MSELoss, with the targets in the shape of the answers."""
        self.loss = MSELoss()
        self.y = self.y.reshape(len(self.y), *self.model.forward(self.x[:1]).shape[1:])


def left_after(setup: Setup, treatment: Treatment | None, steps: int) -> float:
    """Share of the targets' variance left, on rows kept apart; 2 where steps or remedy fail."""
    copy = setup.copy()
    try:
        if treatment is not None:
            treatment.apply(copy)
    except (ValueError, TypeError, AttributeError, NotImplementedError):
        return MOST_LEFT  # a layer of the owner's that cannot be built anew
    x, y = copy.keep_apart()
    return copy.left(x, y) if copy.train(steps) else MOST_LEFT


def steps_of_a_trial(model: Sequential, x: np.ndarray) -> int:
    """As many as a diagnosis has time for."""
    return _STEPS if multiply_adds(model.layers, x.shape[1:]) <= MANY_MULTIPLY_ADDS else _FEW_STEPS


def is_moved(layer: Layer, optimizer: Optimizer | None) -> bool:
    """Whether the optimizer moves the layer; None stands for one of all layers."""
    return not layer.frozen if optimizer is None else optimizer.moves(layer)


def draw_parameters(layers: Sequence[Layer], rng: np.random.Generator, optimizer: Optimizer | None) -> None:
    """Draws the parameters of all layers that are moved anew, by their own initializers."""
    for layer in layers:
        if not is_moved(layer, optimizer):
            continue  # what begins anew keeps it as it is
        for name, values in layer.params.items():
            initializer = getattr(layer, f"{name}_init", None)
            if initializer is not None:
                values[:] = initializers.get(initializer)(values.shape, rng)


def multiply_adds(layers: Sequence[Layer], shape: tuple[int, ...]) -> int:
    """How many one image takes; 0 if a layer does not tell the shape of its output."""
    total = 0
    try:
        for layer in layers:
            total += layer.multiply_adds(shape)
            shape = layer.output_shape(shape)
    except NotImplementedError:
        return 0
    return total


def affordable_rows(
    layers: Sequence[Layer], shape: tuple[int, ...], most_multiply_adds: int, *, fewest: int, most: int
) -> int:
    """How many rows of this shape one pass may see: what the multiply-adds allow, within bounds."""
    return max(fewest, min(most, most_multiply_adds // max(multiply_adds(layers, shape), 1)))


def labels_in_dtype(y: np.ndarray, dtype: Any) -> np.ndarray:
    """Targets as a loss wants them: numbers in the dtype of the parameters, classes as they are."""
    return y.astype(dtype, copy=False) if y.ndim > 1 or np.issubdtype(y.dtype, np.floating) else y
