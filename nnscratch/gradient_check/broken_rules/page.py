"""What `gradcheck --break` prints of a rule: formulas, code, gradients, the check, a training."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.gradient_check import table
from nnscratch.gradient_check.broken_rules import spots
from nnscratch.gradient_check.broken_rules.curves import text_curves
from nnscratch.gradient_check.broken_rules.rule import Rule
from nnscratch.gradient_check.broken_rules.trainings import Trainings, right_losses, trainings
from nnscratch.gradient_check.comparison import Comparison

_SHOWN = 4  # rows and columns of an array


@dataclass(frozen=True)
class Broken:
    """A broken rule, the check of the right layer and of the wrong one, and both trainings."""

    rule: Rule
    right: Sequence[Comparison]
    wrong: Sequence[Comparison]
    trainings: Trainings

    @property
    def found(self) -> bool:
        """Whether the check says that the right layer is right, and the wrong one wrong."""
        return all(each.right for each in self.right) and not all(each.right for each in self.wrong)

    def text(self) -> str:
        """All of it, in 80 columns."""
        rule = self.rule
        code = textwrap.indent(inspect.getsource(rule.wrong).rstrip(), "    ")
        file = f"{rule.wrong.__module__.replace('.', '/')}.py"
        parts = [
            f"{rule.name}: {rule.title}",
            f"  right   {rule.formulas[0]}\n  wrong   {rule.formulas[1]}",
            _wrapped(rule.note),
            f"{file}:\n\n{code}",
            self._gradients(),
            self._check(),
            self._training(),
        ]
        return "\n\n".join(parts)

    def _written(self) -> tuple[np.ndarray, np.ndarray]:
        """The right gradient and the wrong one of the array that the rule shows."""
        rule = self.rule
        return rule.example(rule.right).written()[rule.array], rule.example(rule.wrong).written()[rule.array]

    def _gradients(self) -> str:
        right, wrong = map(_part, self._written())
        size = "x".join(map(str, right.shape))
        lines = [f"The gradient of {self.rule.array}, {size} of its entries; * marks where the two differ", ""]
        lines.append(f"  {'right':{9 * right.shape[1] + 4}}wrong")
        for a, b in zip(right, wrong, strict=True):
            differ = np.abs(a - b) > 1e-9 * np.abs(right).max()
            cells = [f"{value:8.4g}{'*' if other else ' '}" for value, other in zip(b, differ, strict=True)]
            lines.append(f"  {''.join(f'{value:8.4g} ' for value in a)}    {''.join(cells)}".rstrip())
        return "\n".join(lines)

    def _check(self) -> str:
        verdict = "The check finds it." if self.found else "THE CHECK DOES NOT FIND IT."
        lines = [f"The check: {self.rule.right.__name__}, then {self.rule.wrong.__name__}", "", table.HEADER]
        return "\n".join([*lines, *map(table.row, self.right), "", *map(table.row, self.wrong), "", verdict])

    def _training(self) -> str:
        both = self.trainings
        right, wrong = both.right[0], both.wrong[0]
        head = (
            f"A training with it: find the bright square in {spots.PICTURES} pictures of {spots.SIZE} x {spots.SIZE}, "
            f"SGD(lr={spots.LR}, momentum={spots.MOMENTUM}), batches of {spots.BATCH}, {spots.EPOCHS} epochs, the same "
            "seeds. The loss of all pictures after each epoch: o right, x wrong, # both."
        )
        end = f"Loss at first {right[0]:.3g}, at the end {right[-1]:.3g} (right) and {wrong[-1]:.3g} (wrong)."
        return "\n\n".join([_wrapped(head), text_curves(right, wrong), _wrapped(end), _wrapped(both.sentence())])

    def record(self) -> dict[str, Any]:
        """The same facts for JSON; a loss that is not finite is null."""
        rule, both = self.rule, self.trainings
        right, wrong = self._written()
        return {
            "rule": rule.name,
            "title": rule.title,
            "formulas": {"right": rule.formulas[0], "wrong": rule.formulas[1]},
            "gradient_of": rule.array,
            "right_gradient": right.tolist(),
            "wrong_gradient": wrong.tolist(),
            "check_of_right": [table.record_of(each) for each in self.right],
            "check_of_wrong": [table.record_of(each) for each in self.wrong],
            "found": self.found,
            "right_losses": [_finite(losses) for losses in both.right],
            "wrong_losses": [_finite(losses) for losses in both.wrong],
            "end_over_right_end": both.ratio if np.isfinite(both.ratio) else None,
            "training_alone_shows_it": both.verdict,
        }


def breakages(rules: Sequence[Rule]) -> Iterator[Broken]:
    """Checks and trains each rule, one after the other."""
    right = right_losses()
    for rule in rules:
        yield Broken(rule, *rule.compare(), trainings(rule, right))


def _finite(losses: Sequence[float]) -> list[float | None]:
    return [loss if np.isfinite(loss) else None for loss in losses]


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, table.WIDTH))


def _part(array: np.ndarray) -> np.ndarray:
    """A corner of an array, as rows and columns."""
    rows = np.atleast_2d(array.squeeze())
    return rows.reshape(-1, rows.shape[-1])[:_SHOWN, :_SHOWN]
