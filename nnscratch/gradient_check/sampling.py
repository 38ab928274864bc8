"""Some entries of each gradient: for a network whose every entry would take hours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.gradient_check.check import start
from nnscratch.gradient_check.comparison import Comparison
from nnscratch.gradient_check.differences import FIRST_STEP, ROUNDING, slope_at
from nnscratch.gradient_check.point import Point
from nnscratch.losses import Loss
from nnscratch.model import Sequential

_FIRST_STEP, _SMALLEST_STEP = FIRST_STEP / 64, 1e-7  # larger ones meet a kink in any large network
_TRIES = 4  # entries that are looked at, per entry that is wanted: some have a kink too close


def compare_some(
    model: Sequential,
    x: np.ndarray,
    *,
    entries: int,
    loss: Loss | None = None,
    target: np.ndarray | None = None,
    seed: int = 0,
) -> Iterator[Comparison]:
    """Both gradients at some entries of x and of each parameter, one array after the other.

    entries : how many of each array; all where it has fewer
    model, x, loss, target, seed : as for `gradient_check`

    Half of the entries are drawn at random. The others are drawn among the tenth with the largest
    written gradients, because most of a large array may be close to 0.

    A large network has a kink (a ReLU that opens, a pool whose winner changes) close to almost
    every point. An entry where no two step sizes agree is left out, and another one is drawn:
    `Comparison.kinks` counts them. Small steps are rounded more, by 1e-14 * L / h; a difference
    that this explains counts as right.

    Raises
        ValueError : as `gradient_check`

    >>> import nnscratch as nn
    >>> network = nn.Sequential(nn.Dense(30, 20, rng=0), nn.ReLU(), nn.Dense(20, 2, rng=1))
    >>> some = compare_some(network, np.random.default_rng(0).random((4, 30)), entries=6)
    >>> next(some).verdict, next(some).name
    ('right', 'layer 0 weight')
    """
    rng = np.random.default_rng(seed)
    point = start(model, x, loss, target, rng)
    sampler = _Sampler(point, entries, rng)
    for name, arrays in point.gradients().items():
        yield sampler.compare(name, *arrays)


class _Sampler:
    """Compares some entries of one array after the other, all at the same point."""

    def __init__(self, point: Point, entries: int, rng: np.random.Generator) -> None:
        self.point, self.entries, self.rng = point, entries, rng
        self.middle, self.rounding = point.value(), ROUNDING * point.size()

    def compare(self, name: str, array: np.ndarray, written: np.ndarray) -> Comparison:
        flat, largest = written.flatten(), float(np.abs(written).max(initial=0.0))
        places, numeric, rounding, kinks = [], [], [], 0
        for place in self._candidates(flat):
            index = tuple(int(i) for i in np.unravel_index(place, array.shape))
            slope = slope_at(
                self.point.value,
                array,
                index,
                self.middle,
                largest,
                first_step=_FIRST_STEP,
                smallest_step=_SMALLEST_STEP,
                rounding=self.rounding,
            )
            if slope.smooth:
                places.append(place)
                numeric.append(slope.value)
                rounding.append(self.rounding * FIRST_STEP / slope.step)
            kinks += not slope.smooth
            if len(places) == self.entries:
                break
        at = np.array(places, int)
        return Comparison(name, array.shape, at, flat[at], np.array(numeric), np.array(rounding), not kinks, kinks)

    def _candidates(self, written: np.ndarray) -> list[int]:
        """Places to look at, in this order: a random one, a large one, a random one ..."""
        count = min(written.size, _TRIES * self.entries)
        if count == written.size:
            return list(range(written.size))
        tenth = max(count, written.size // 10)
        large = np.argpartition(np.abs(written), -tenth)[-tenth:]
        pairs = zip(self.rng.integers(written.size, size=count), self.rng.choice(large, count, False), strict=True)
        return list(dict.fromkeys(int(place) for pair in pairs for place in pair))[:count]
