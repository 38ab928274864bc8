"""The columns of a training as curves: losses, and the score, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.pages.figures import figure
from nnscratch.pages.markup import Html, element
from nnscratch.pages.notebook import view
from nnscratch.pages.tables import table
from nnscratch.pictures import BLUE, GREEN, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_PLACES = 400  # of a line: more than a screen shows


def training_curve(columns: Mapping[str, Sequence[float]], *, score: str, best_epoch: int | None) -> Html:
    """The losses of a training, and its score below them if that is another column.

    columns    : of `History.columns`
    score      : the column that decides which epoch is the best
    best_epoch : its number; None: there is none
    """
    losses = [name for name in ("loss", "validation_loss", "average_validation_loss") if name in columns]
    others = [score] if score in columns and score not in losses else []
    drawn = new_figure(5, 2.7 if not others else 4.4)
    places = drawn.subplots(1 + len(others), 1, sharex=True, squeeze=False)[:, 0]
    epochs = np.array(columns["epoch"], dtype=float)
    for axes, names in zip(places, [losses, *([name] for name in others)], strict=True):
        _plot(axes, epochs, {name: finite(columns[name]) for name in names}, log=names is losses)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=GREEN, linewidth=1, linestyle=":", label=f"best: epoch {best_epoch}")
        axes.set_ylabel("loss" if names is losses else names[0].replace("_", " "))
        axes.legend(fontsize="small")
    places[-1].set_xlabel("epoch")
    words = [f"{name.replace('_', ' ')} {columns[name][-1]:.4g}" for name in losses + others]
    return figure(drawn, f"Curves over {len(epochs)} epochs; in the last: {', '.join(words)}")


def training_view(
    columns: Mapping[str, Sequence[float]], *, score: str, best: Mapping[str, float], stopped: str
) -> str:
    """A training for a notebook: its curves, and its last and its best epoch as numbers.

    columns, score, best, stopped : of a History
    """
    count = len(columns["epoch"])
    epochs = "1 epoch" if count == 1 else f"{count} epochs"
    title = f"History: {epochs}; {stopped or 'still running'}"
    if not count:
        return view(title, element("p", "No epoch was finished."))
    last = {name: values[-1] for name, values in columns.items()}
    rows = [
        (name.replace("_", " "), _shown(name, last[name]), _shown(name, best[name]) if best else "–") for name in last
    ]
    numbers = table(("", "last epoch", "best epoch"), rows, caption=f"The last epoch and the one with the best {score}")
    best_epoch = int(best["epoch"]) if best else None
    curve = training_curve(columns, score=score, best_epoch=best_epoch)
    return view(title, element("div", curve, numbers, class_="side"))


def _shown(name: str, value: float) -> str:
    return f"{value:,.0f}" if name in ("epoch", "images", "images_per_second") else f"{value:.4g}"


def _plot(axes: Axes, epochs: np.ndarray, lines: Mapping[str, np.ndarray], *, log: bool) -> None:
    rows = thinned(len(epochs))
    marker = "." if len(rows) <= 40 else ""
    for (name, values), colour, style in zip(lines.items(), (BLUE, ORANGE, ORANGE), ("-", "--", "-"), strict=False):
        axes.plot(epochs[rows], values[rows], style, color=colour, marker=marker, label=name.replace("_", " "))
    if log and any((values > 0).any() for values in lines.values()):
        axes.set_yscale("log")
        plain_numbers(axes)
    axes.grid(alpha=0.3)
    whole_epochs(axes)


def plain_numbers(axes: Axes) -> None:
    """Labels a logarithmic axis with 0.002, and not with powers: a page is read by people."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    low, high = axes.get_ylim()
    decades = LogLocator(subs=(1.0,) if high > 1000 * low else (1.0, 2.0, 3.0, 5.0))
    axes.yaxis.set_major_locator(decades if high > 4 * low else MaxNLocator(6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))


def whole_epochs(axes: Axes) -> None:
    """No tick between two epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = axes.get_xlim()
    if high - low < 1:  # a single one
        axes.set_xlim((low + high) / 2 - 1, (low + high) / 2 + 1)


def finite(values: Sequence[float]) -> np.ndarray:
    """The values, NaN where one is not finite: a gap in the line."""
    array = np.array(values, dtype=float)
    return np.where(np.isfinite(array), array, np.nan)


def thinned(count: int) -> np.ndarray:
    """At most 400 of `count` places, evenly spaced, the first and the last among them.

    >>> thinned(3).tolist(), len(thinned(10_000))
    ([0, 1, 2], 400)
    """
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_PLACES)).round().astype(int))
