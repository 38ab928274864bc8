"""A finding: one thing that is wrong with a network, its data or its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nnscratch.diagnosis.setup import Treatment

# Codes that say what is seen, and not why.
SYMPTOMS = {"constant_output", "no_better_than_mean"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    code : its name, such as "dead_units"; `findings.ORDER` lists them all
    layer : its place in `model.layers`, or None if no single layer is meant
    evidence : the numbers that it rests on, for whoever reads it; no code decides anything by them
    message, remedy : what is wrong and why; what to change
    by_training : whether the training brought it about; False if it was there before the first
        step, and for findings for which that makes no difference
    variant : what sets it apart from others of its code, where `findings.EXPLAINS` tells them apart
    treatments : the remedy as changes that can be tried, the likeliest first; empty where only
        its owner can help, and in a copy or a pickle

    >>> Finding("unlabelled", None, {"labels": 0.0}, "No target has a value.", "Look at y.").code
    'unlabelled'
    """

    code: str
    layer: int | None
    evidence: dict[str, float]
    message: str
    remedy: str
    by_training: bool = False
    variant: str = ""
    treatments: tuple[Treatment, ...] = field(default=(), repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """All but the treatments: they are functions, which no other process knows."""
        return {**vars(self), "treatments": ()}

    def _repr_html_(self) -> str:
        from nnscratch.diagnosis.view import finding_view

        return finding_view(self)
