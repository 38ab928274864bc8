"""Learning curves: of the first network, and of those of the levels behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from nnscratch.history import History, Outcome
from nnscratch.keypoints.plots import curve_columns, draw_errors, draw_losses
from nnscratch.keypoints.report_page.run_facts import RunFacts
from nnscratch.pages.curves import finite, plain_numbers, thinned, whole_epochs
from nnscratch.pages.figures import figure
from nnscratch.pages.markup import Html, element, joined
from nnscratch.pages.tables import table
from nnscratch.pictures import BLUE, new_figure

_WIDTH, _HEIGHT = 5.4, 3.6  # inches: on a phone its letters are still large enough


def curves(run: RunFacts) -> Html:
    """The loss and the error in pixels of the first network; then what the others did."""
    history = run.histories["all"]
    columns = history.columns
    count = len(history)
    rows = thinned(count)
    few = curve_columns({name: [values[row] for row in rows] for name, values in columns.items()})
    panels = []
    for kind in ("loss", "error"):
        drawn = new_figure(_WIDTH, _HEIGHT)
        axes = drawn.subplots()
        if kind == "loss":
            draw_losses(axes, few)
            if axes.get_yscale() == "log":
                plain_numbers(axes)
            words = f"loss {columns['loss'][-1]:.4g}, validation {columns['validation_loss'][-1]:.4g}"
        else:
            draw_errors(axes, few, run.score.mean_face_rmse_px)
            words = f"{columns['rmse_px'][-1]:.2f} px on validation faces"
        axes.set_xlabel("epoch")
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
        whole_epochs(axes)
        epochs = "1 epoch" if count == 1 else f"{count} epochs"
        panels.append(element("figure", figure(drawn, f"{kind.capitalize()} over {epochs}; in the last {words}")))
    others = {name: each for name, each in run.histories.items() if name != "all" and len(each)}
    return joined([element("div", joined(panels), class_="panels"), _others(others) if others else None])


def _others(histories: Mapping[str, History]) -> Html:
    """The networks behind level 1: their errors epoch by epoch, and as numbers."""
    names = {name: next((n for n in _SCORES if n in each.columns), "loss") for name, each in histories.items()}
    drawn = new_figure(_WIDTH, _HEIGHT)
    axes = drawn.subplots()
    rows = []
    for name, each in histories.items():
        values, epochs = finite(each.columns[names[name]]), np.array(each.columns["epoch"])
        places = thinned(len(values))
        axes.plot(
            epochs[places], values[places], color=BLUE, alpha=0.55, linewidth=1, marker="." if len(places) < 20 else ""
        )
        best = int(np.nanargmin(values)) if np.isfinite(values).any() else 0
        digits = ".2f" if names[name].endswith("_px") else ".3g"
        numbers = (f"{len(each):,}", f"{values[0]:{digits}}", f"{values[best]:{digits}}", f"{epochs[best]:.0f}")
        rows.append([name.rstrip("_").replace("_", " "), *numbers])
    unit = " (px)" if all(name.endswith("_px") for name in names.values()) else ""
    what = f"error on its validation crops{unit}"
    said = _ends(list(histories.values()))
    axes.set(xlabel="epoch", ylabel=what, title=f"{len(histories)} networks behind level 1, a line each")
    axes.grid(alpha=0.3)
    whole_epochs(axes)
    headings = ("network", "epochs", "first", "best", "in epoch")
    words = f"{what} of {len(histories)} networks by epoch; the table has the numbers"
    return joined(
        [
            element("h3", "Networks behind level 1"),
            element(
                "div",
                element("figure", figure(drawn, f"{words[0].upper()}{words[1:]}")),
                element(
                    "div",
                    table(headings, rows, caption=f"{what[0].upper()}{what[1:]}"),
                    element("p", said, class_="note") if said else None,
                ),
                class_="panels",
            ),
        ]
    )


_SCORES = ("average_rmse_px", "rmse_px", "average_validation_loss", "validation_loss")


def _ends(histories: Sequence[History]) -> str:
    """How trainings ended: in the same words, or how many in which way."""
    words = {each.stopped for each in histories if each.stopped}
    if len(words) < 2:
        return f"Each: {words.pop()}." if words else ""
    ways = Counter((each.outcome or Outcome.UNKNOWN).value for each in histories)
    return f"How they ended: {'; '.join(f'{way}, {count} of {len(histories)}' for way, count in ways.most_common())}."
