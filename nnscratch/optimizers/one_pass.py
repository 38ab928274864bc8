"""How a step runs over its arrays: in one call where it can, otherwise one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

import numpy as np

from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.update_table import Moved, Update, UpdateTable, fits
from nnscratch.kernels.updates import BLOCK

Rule = Callable[..., None] | Update  # of flat arrays (w, dw, *means), changed in place


class OnePass:
    """Runs the rules of a step, and keeps the table of its arrays while they stay the same.

    A copy of it, also a pickled one, begins without a table: in it are addresses.
    """

    def __init__(self) -> None:
        self._table: UpdateTable | None = None
        self._arrays: list[Any] = []  # of the table: w and dw of each parameter
        self._rest: tuple[Any, ...] = ()

    def run(
        self, rules: Sequence[Rule], chosen: list[int], arrays: list[Any], means: Sequence[list[np.ndarray]]
    ) -> None:
        """Moves parameters.

        rules  : of this step
        chosen : which of them is each parameter's
        arrays : w and dw of each parameter, contiguous; a dw may be a DeferredProduct
        means  : of each
        """
        if not rules:
            return
        updates = [rule for rule in rules if isinstance(rule, Update) and rule.is_compiled]
        kernels = {update.kernel for update in updates}
        rest = kernels if len(updates) == len(rules) else None, chosen
        if rest != self._rest or len(arrays) != len(self._arrays) or not all(map(is_, arrays, self._arrays)):
            if rest != self._rest or not self._replace_gradients(arrays):
                self._table = None
                parameters = list(map(Moved, arrays[::2], arrays[1::2], means, chosen))
                if len(updates) == len(rules) and len(kernels) == 1 and fits(parameters):
                    self._table = UpdateTable(updates[0], parameters)
            self._arrays, self._rest = arrays, rest
        if self._table is None:
            computed = [array.value() if isinstance(array, DeferredProduct) else array for array in arrays]
            _one_by_one(rules, chosen, computed, means)
        else:
            self._table.step(np.array([update.scalars for update in updates], arrays[0].dtype))

    def _replace_gradients(self, arrays: list[Any]) -> bool:
        """Whether the table holds for these arrays too: only gradients are others."""
        if self._table is None or len(arrays) != len(self._arrays):
            return False
        changed = [k for k, (array, before) in enumerate(zip(arrays, self._arrays, strict=True)) if array is not before]
        return all(k % 2 for k in changed) and self._table.replace({k // 2: arrays[k] for k in changed})

    def __reduce__(self) -> tuple[Any, ...]:
        return OnePass, ()


def _one_by_one(
    rules: Sequence[Rule], chosen: list[int], arrays: list[np.ndarray], means: Sequence[list[np.ndarray]]
) -> None:
    for k, kind in enumerate(chosen):
        flat = [array.reshape(-1) for array in (*arrays[2 * k : 2 * k + 2], *means[k])]

        def update(start: int, stop: int, rule: Rule = rules[kind], flat: list[np.ndarray] = flat) -> None:
            rule(*(array[start:stop] for array in flat))

        in_blocks(update, flat[0].size, BLOCK)
