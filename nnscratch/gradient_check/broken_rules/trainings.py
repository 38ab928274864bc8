"""Would training alone have shown it? Two trainings from the same seeds, and a criterion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nnscratch.gradient_check.broken_rules.rule import Rule
from nnscratch.gradient_check.broken_rules.spots import train

SEEDS = range(5)
LEARNS = 0.5  # a loss that ends below this share of its first value looks like learning
AS_WELL = 1.5  # a loss that ends below this multiple of the right one is as good


@dataclass(frozen=True)
class Trainings:
    """The losses after each epoch with the right layers and with the wrong ones, a list per seed.

    Somebody who trains with the mistake sees the wrong curves alone. They give it away if the loss
    does not fall to half of its first value, for most seeds. Otherwise it looks like learning, and
    only the right curve beside it tells more: whether the loss ends more than half above the right
    one's (the median over the seeds of their ratio).
    """

    right: Sequence[Sequence[float]]
    wrong: Sequence[Sequence[float]]

    @property
    def learns(self) -> int:
        """The seeds for which the wrong loss falls to half of its first value."""
        return sum(losses[-1] < LEARNS * losses[0] for losses in self.wrong)

    @property
    def ratio(self) -> float:
        """The wrong loss at the end over the right one: the median over the seeds."""
        ratios = sorted(wrong[-1] / right[-1] for right, wrong in zip(self.right, self.wrong, strict=True))
        return ratios[len(ratios) // 2]

    @property
    def verdict(self) -> str:
        """Whether training alone would have shown it: "yes", "only compared", "no"."""
        if self.learns <= len(self.wrong) / 2:
            return "yes"
        return "only compared" if self.ratio > AS_WELL else "no"

    def sentence(self) -> str:
        """The verdict with its numbers."""
        seeds = f"{self.learns} of {len(self.wrong)} seeds"
        falls = f"for {seeds} the wrong loss falls to less than half of its first value"
        ends = f"it ends at {self.ratio:.3g} times the right one" if math.isfinite(self.ratio) else "it is not finite"
        if self.verdict == "yes":
            return f"Training alone would have shown it: {falls}, and {ends}."
        compared = "Only the right curve beside it shows it:" if self.verdict == "only compared" else "Then"
        return f"Training alone would not have shown it: {falls}. {compared} {ends}."


def right_losses() -> list[list[float]]:
    """The losses of the right network, a list per seed."""
    return [train(seed) for seed in SEEDS]


def trainings(rule: Rule, right: Sequence[Sequence[float]]) -> Trainings:
    """Trains with the mistake, once per seed.

    right : what `right_losses` gave; all rules are compared with the same
    """
    return Trainings(right, [train(seed, rule.wrong, rule.sizes) for seed in SEEDS])
