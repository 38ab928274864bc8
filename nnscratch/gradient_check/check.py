"""`gradient_check`: every gradient of a layer or a network against central differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnscratch.checks import check_array
from nnscratch.gradient_check.comparison import Comparison
from nnscratch.gradient_check.differences import RIGHT, ROUNDING, slopes
from nnscratch.gradient_check.point import Point
from nnscratch.layers import Layer
from nnscratch.losses import Loss
from nnscratch.model import Sequential

_MOVES = 8  # of a point that lies on a kink
_DISTANCE = 1e-3  # of a move, relative to numbers of the order of 1


def gradient_check(
    model: Layer | Sequential,
    x: np.ndarray,
    *,
    loss: Loss | None = None,
    target: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """The relative error of each gradient of `model` at `x`, including the gradient of the input.

    model  : a layer or a network; a copy in float64 is checked. Dropout keeps one mask.
    x      : (N, ...), real numbers of any dtype; a copy in float64 is used
    loss, target : the loss to differentiate, and (N, ...) what it compares y with; without the
        two, L = sum(dy * y) with a random dy
    seed   : of that dy

    Returns name -> |numerical - written| / (|numerical| + |written|), Euclidean norms over the
    array; the names are "x" and, for each parameter, "weight" or, in a network, "layer 2 weight".
    Below 1e-7 a gradient is right. A difference that rounding explains counts as less than that:
    some gradients are 0 but for rounding. `compare_gradients` tells which entry is wrong.

    Kinks (ReLU at 0, two equal maxima) have no derivative. If two step sizes disagree, a kink may
    lie between them, so smaller steps are tried until two agree. If the slope to the left is not
    that to the right, the point lies on a kink, as with biases of 0 behind closed ReLUs. Where a
    gradient looks wrong and one of the two was seen in it, x and all parameters of the copy are
    moved by tiny random steps, off the kink, and checked again there: a wrong formula is wrong
    there, too. A gradient that looks wrong where its array has no kink is wrong.

    Two steps are made from the same point, and the gradients of the second are checked: a backward
    that adds to the gradients of the step before, in place of overwriting them, is wrong.

    Raises
        ValueError : x or target does not fit the model or the loss; one of loss and target without
            the other; a backward that sets no gradient; a loss that does not compute in float64

    >>> import nnscratch as nn
    >>> errors = gradient_check(nn.Dense(3, 2, rng=0), np.random.default_rng(0).random((4, 3)))
    >>> sorted(errors), max(errors.values()) < 1e-7
    (['bias', 'weight', 'x'], True)
    """
    return {each.name: each.error for each in compare_gradients(model, x, loss=loss, target=target, seed=seed)}


def compare_gradients(
    model: Layer | Sequential,
    x: np.ndarray,
    *,
    loss: Loss | None = None,
    target: np.ndarray | None = None,
    seed: int = 0,
) -> list[Comparison]:
    """Both gradients of x and of each parameter, entry by entry: `gradient_check` in detail.

    Arguments and errors are those of `gradient_check`.

    >>> import nnscratch as nn
    >>> class Wrong(nn.ReLU):
    ...     def backward(self, dy):
    ...         return 2 * super().backward(dy)
    >>> x, = compare_gradients(Wrong(), np.array([[-1.0, 1.0]]))
    >>> x.worst.index, round(x.worst.written / x.worst.numeric, 6), x.verdict
    ((0, 1), 2.0, 'wrong')
    """
    rng = np.random.default_rng(seed)
    point = start(model, x, loss, target, rng)
    found: dict[str, Comparison] = {}  # wrong where their array is smooth
    for moves in range(_MOVES + 1):
        comparisons = _compare_at(point)
        wrong = [each for each in comparisons if each.error > RIGHT]
        found = {each.name: each for each in wrong if each.smooth} | found
        if moves == _MOVES or all(each.smooth for each in wrong):
            break
        for array in (point.x, *point.network.parameters()):
            array += _DISTANCE * rng.standard_normal(array.shape)
    comparisons = [found.get(each.name, each) for each in comparisons]
    return comparisons if isinstance(model, Sequential) else [_without_layer(each) for each in comparisons]


def start(
    model: Layer | Sequential, x: np.ndarray, loss: Loss | None, target: np.ndarray | None, rng: np.random.Generator
) -> Point:
    """A copy of the model in float64 at a copy of x, with a dy drawn from `rng`.

    Raises
        ValueError : as `gradient_check`
    """
    check_array("gradient_check", "x", x)
    if (loss is None) != (target is None):
        given, missing = ("target", "loss") if loss is None else ("loss", "target")
        raise ValueError(f"gradient_check: got {given} without {missing}, expected both or neither; pass {missing}=")
    if target is not None:
        check_array("gradient_check", "target", target)
        target = target.astype(np.float64)
    network = (model if isinstance(model, Sequential) else Sequential(model)).astype(np.float64)
    x = x.astype(np.float64)
    return Point(network, x, rng.standard_normal(network.forward(x).shape), loss, target)


def _compare_at(point: Point) -> list[Comparison]:
    """Both gradients at this very point."""
    rounding, comparisons = ROUNDING * max(1.0, point.size()), []
    for name, (array, written) in point.gradients().items():
        numeric, smooth = slopes(point.value, array)
        places = np.arange(array.size)
        comparisons.append(Comparison(name, array.shape, places, written.flatten(), numeric.ravel(), rounding, smooth))
    return comparisons


def _without_layer(comparison: Comparison) -> Comparison:
    return replace(comparison, name=comparison.name.removeprefix("layer 0 "))
