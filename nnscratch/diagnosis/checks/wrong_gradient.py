"""A loss or a layer of the owner's whose gradient is not that of its forward pass."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.setup import Setup, Treatment
from nnscratch.diagnosis.treatments import take_mse
from nnscratch.layers import Dropout, Layer
from nnscratch.losses import Loss

_ROWS = 8
_DIRECTIONS = 3

# Slope by finite differences over slope by the gradient: what differs more is no rounding.
TOLERANCE = 0.02

_OWN_LOSS = Treatment("MSELoss() in place of the loss", take_mse)


def check(case: Case) -> Iterator[Finding]:
    """Only what does not come from this library is looked at."""
    if case.signals.not_finite:
        return
    if _is_own(case.loss):
        yield from _loss(case)
    yield from _layers(case)


def _is_own(part: object) -> bool:
    return not type(part).__module__.startswith("nnscratch.")


def _loss(case: Case) -> Iterator[Finding]:
    target = case.signals.target[:_ROWS]
    target = target.astype(np.float64) if np.issubdtype(target.dtype, np.floating) else target
    rng = np.random.default_rng(0)
    # Answers of the targets' size: those of a network that has diverged drown every target.
    known = target[np.isfinite(target)] if target.dtype.kind == "f" else np.array([1.0, -1.0])
    middle, spread = (float(known.mean()), max(float(known.std()), 1e-2)) if known.size else (0.0, 1.0)
    shape = target.shape[:1] + case.signals.prediction.shape[1:]
    prediction = middle + spread * rng.standard_normal(shape)
    name = type(case.loss).__name__
    with np.errstate(all="ignore"):
        why = _broadcasts(case.loss, prediction, target) or _wrong_slope(case.loss, prediction, target, rng)
    if why:
        times = why[2] if len(why) > 2 else math.nan
        yield Finding(
            "wrong_gradient",
            None,
            {"rows": float(len(prediction))} | ({} if math.isnan(times) else {"times": times}),
            f"{name}, a loss of your own, {why[0]}",
            why[1],
            variant="" if math.isnan(times) else "by its size",
            treatments=(_OWN_LOSS,),
        )


def _value(loss: Loss, prediction: np.ndarray, target: np.ndarray) -> float:
    return float(copy.deepcopy(loss).forward(prediction, target))


def _broadcasts(loss: Loss, prediction: np.ndarray, target: np.ndarray) -> tuple[str, str] | None:
    """Whether the loss does not notice which target belongs to which row."""
    if len(target) < 3 or not np.isfinite(target).all() or np.all(target == target[:1]):
        return None
    values = [_value(loss, prediction, np.roll(target, by, axis=0)) for by in range(3)]
    if not np.isfinite(values).all() or np.ptp(values) > 1e-9 * abs(values[0]):
        return None
    shapes = f"{prediction.shape} and {target.shape}"
    return (
        f"gives the same number whichever row a target belongs to (answers and targets {shapes}): NumPy pairs each "
        "answer with every target, and the best answer is the mean.",
        "Give y the shape of the answers: y.reshape(len(y), -1).",
    )


def _wrong_slope(
    loss: Loss, prediction: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> tuple[Any, ...] | None:
    own = copy.deepcopy(loss)
    own.forward(prediction, target)
    gradient = np.asarray(own.backward())
    fix = "Derive it again, and compare: nn.gradient_check(model, x, loss=..., target=...)."
    if gradient.shape != prediction.shape:
        return f"gives a gradient of shape {gradient.shape} for answers of {prediction.shape}.", fix
    ratios = _ratios(lambda p: _value(loss, p, target), prediction, gradient, rng)
    return (_in_words(ratios), fix, _times(ratios)) if ratios is not None else None


def _ratios(
    f: Callable[[np.ndarray], float], at: np.ndarray, gradient: np.ndarray, rng: np.random.Generator
) -> list[float] | None:
    """Slope by the gradient over slope by differences, for some directions; None if they agree."""
    found = []
    step = 1e-5 * max(float(np.abs(at).mean()), 1e-3)
    for _ in range(_DIRECTIONS):
        direction = rng.standard_normal(at.shape)
        true = (f(at + step * direction) - f(at - step * direction)) / (2 * step)
        claimed = float(np.sum(gradient * direction))
        size = max(abs(true), abs(claimed))
        if not np.isfinite(size) or size < 1e-12:
            continue
        found.append((claimed / true if true else np.inf, abs(true - claimed) / size))
    wrong = [ratio for ratio, difference in found if difference > TOLERANCE]
    return wrong if len(wrong) == len(found) > 0 else None


def _times(ratios: list[float]) -> float:
    """How many times the true slope the gradient is, if it is the same in all directions."""
    alike = np.isfinite(ratios).all() and max(ratios) - min(ratios) < 0.05 * abs(ratios[0])
    return ratios[0] if alike and ratios[0] > 0 else math.nan


def _in_words(ratios: list[float]) -> str:
    if np.isfinite(ratios).all() and max(ratios) - min(ratios) < 0.05 * abs(ratios[0]):
        if abs(ratios[0] + 1) < TOLERANCE:
            return "has a gradient with the wrong sign: every step makes the loss larger."
        return f"has a gradient that is {ratios[0]:.3g} times the slope of its own forward pass."
    return "has a gradient that does not point along the slope of its own forward pass."


def _layers(case: Case) -> Iterator[Finding]:
    if not any(_is_own(layer) for layer in case.model.layers):
        return
    rng = np.random.default_rng(0)
    x = case.x[evenly_spaced(len(case.x), _ROWS)].astype(np.float64)
    for i, layer in enumerate(case.model.layers):
        try:
            double = layer.astype(np.float64)
            if _is_own(layer):
                why = _wrong_layer(double, x, rng)
                if why:
                    yield Finding(
                        "wrong_gradient",
                        i,
                        {"rows": float(len(x))},
                        f"{layer!r}, a layer of your own, {why}",
                        "Derive its backward again, and compare: nn.gradient_check(model, x).",
                        treatments=_by_differences(layer),
                    )
                    return
            x = double.forward(x) if isinstance(layer, Dropout) else double.forward(x, training=True)
        except (ValueError, RuntimeError, TypeError, AttributeError, FloatingPointError):
            return  # a layer that cannot be asked in float64 stays unexamined


def _by_differences(layer: Layer) -> tuple[Treatment, ...]:
    """A twin of an activation that finds its slope by differences."""
    if layer.params:
        return ()

    def apply(setup: Setup) -> None:
        setup.replace_layers(
            [Differenced(each) if each.__class__ is type(layer) else each for each in setup.model.layers]
        )

    return (Treatment(f"the slope of {type(layer).__name__} by differences", apply),)


class Differenced(Layer):
    """An activation whose slope is that of its forward pass, by differences: slow, and right.

    y[i] must depend on x[i] alone. layer : the activation
    """

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if training:
            self.x = x
        return self.layer.forward(x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        x = self.take("x").astype(np.float64)
        step = 1e-3
        above, below = (self.layer.forward((x + by).astype(dy.dtype)) for by in (step, -step))
        dx: np.ndarray = dy * (above - below) / dy.dtype.type(2 * step)
        return dx

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.layer.output_shape(input_shape)


def _wrong_layer(layer: Layer, x: np.ndarray, rng: np.random.Generator) -> str:
    y = layer.forward(x, training=True)
    again = copy.deepcopy(layer).forward(x, training=True)
    if not np.array_equal(y, again):
        return ""  # it draws at random
    dy = rng.standard_normal(y.shape)
    dx = np.asarray(layer.backward(dy))

    def along_x(values: np.ndarray) -> float:
        return float(np.sum(dy * copy.deepcopy(layer).forward(values, training=True)))

    if dx.shape != x.shape:
        return f"gives a dx of shape {dx.shape} for an x of {x.shape}."
    ratios = _ratios(along_x, x, dx, rng)
    if ratios is not None:
        return _in_words(ratios)
    for name, w in layer.params.items():

        def along_w(values: np.ndarray, name: str = name) -> float:
            other = copy.deepcopy(layer)
            other.params[name] = values
            return float(np.sum(dy * other.forward(x, training=True)))

        if name not in layer.grads:
            return f"sets no gradient of its {name}."
        ratios = _ratios(along_w, w, np.asarray(layer.grads[name]), rng)
        if ratios is not None:
            return _in_words(ratios).replace("gradient", f"gradient of its {name}")
    return ""
