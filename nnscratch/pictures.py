"""What all plots share: colours, figures, and PNG files that are written whole or not at all.

Each plot has a `matplotlib.figure.Figure` of its own; pyplot is never used. So there is no display,
no global state and no figure that stays open. The colours are Okabe and Ito's (2008), which
colour-blind people can tell apart; lines should differ in marker or dash as well.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nnscratch.files import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
BLACK, GREY = "#000000", "#999999"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)  # for lines, in this order

_DPI = 110


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of width x height inches, in which matplotlib makes room for labels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained")


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a PNG, whole or not at all.

    Raises
        ValueError : `path` does not end in .png
        OSError    : the folder is missing or cannot be written
    """
    if not os.fspath(path).lower().endswith(".png"):
        raise ValueError(f"save: got the path {os.fspath(path)!r}, expected a name that ends in .png; rename it")
    with atomic.write(path) as temporary:
        figure.savefig(temporary, format="png")
