"""Loss curves side by side: as text, and as a PNG."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np

from nnscratch.gradient_check.broken_rules.rule import Rule
from nnscratch.gradient_check.broken_rules.trainings import Trainings
from nnscratch.pictures import BLUE, VERMILION, new_figure, save

RIGHT, WRONG, BOTH = "o", "x", "#"
_HIGHEST = 100  # what a picture shows of a loss that explodes, in units of its first value


def text_curves(right: Sequence[float], wrong: Sequence[float], *, width: int = 80, height: int = 9) -> str:
    """Two loss curves on a logarithmic axis, in characters: o right, x wrong, # both.

    right, wrong : a loss per epoch, as many of each; what is infinite is drawn at the top

    >>> print(text_curves([1.0, 0.1, 0.01], [1.0, 0.1, 0.1], width=12, height=3))
           1 #
         0.1  #x
        0.01   o
    """
    finite = [loss for loss in (*right, *wrong) if math.isfinite(loss)]
    high, low = math.log10(max(finite)), math.log10(max(min(finite), 1e-300))
    per_row = (high - low) / (height - 1) or 1.0
    columns = width - 9
    wide = max(1, columns // len(right))  # characters per epoch
    rows = [[" "] * (wide * len(right)) for _ in range(height)]
    for mark, losses in ((RIGHT, right), (WRONG, wrong)):
        for epoch, loss in enumerate(losses):
            level = (high - math.log10(max(loss, 1e-300))) / per_row if math.isfinite(loss) else 0
            row = rows[min(height - 1, max(0, round(level)))]
            for column in range(epoch * wide, (epoch + 1) * wide):
                row[column] = BOTH if row[column] not in (" ", mark) else mark
    labels = (10 ** (high - per_row * k) for k in range(height))
    return "\n".join(f"{label:8.2g} {''.join(row)}".rstrip() for label, row in zip(labels, rows, strict=True))


def plot(trainings: Mapping[Rule, Trainings], path: str | os.PathLike[str]) -> None:
    """The loss curves of each rule, all seeds, in one PNG.

    Raises
        ValueError : `path` does not end in .png
        OSError    : the folder is missing or cannot be written
    """
    columns = min(3, len(trainings))
    rows = -(-len(trainings) // columns)
    figure = new_figure(4.2 * columns, 3.2 * rows)
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for panel in panels[len(trainings) :]:
        panel.set_visible(False)
    for panel, (rule, both) in zip(panels, trainings.items(), strict=False):
        for losses, colour, dash, label in ((both.right, BLUE, "-", "right"), (both.wrong, VERMILION, "--", "wrong")):
            for seed, curve in enumerate(losses):
                shown = [loss if math.isfinite(loss) else math.nan for loss in curve]
                panel.plot(shown, dash, color=colour, linewidth=1.2, label=None if seed else label)
        title = f"{rule.name}\nshown by training alone: {both.verdict}"
        panel.set(yscale="log", xlabel="epoch", ylabel="loss", title=title)
        panel.set_ylim(top=min(panel.get_ylim()[1], _HIGHEST * both.right[0][0]))
        panel.grid(alpha=0.3)
        panel.legend()
    save(figure, path)
