"""The pictures of the report on the report's experiments: errors and spreads, learning curves,
active units, maps.

Figures, colours and files are those of `nnscratch.pictures`; each line has a dash of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.keypoints.experiments.results import Result
from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Experiment
from nnscratch.keypoints.faces import SIDE
from nnscratch.pictures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = Mapping[str, Result]

_STYLES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (VERMILION, (0, (5, 1))), (PURPLE, ":"))
_MAPS = ("map_squares", "map_softmax")
# One panel each, as the report's figures 4 to 9 have one network each.
_PANELS = (
    ("MLP", ("mlp", "mlp_dropout")),
    ("F1 CNN, two heads", ("f1", "f1_figure")),
    ("large CNN", ("large",)),
    ("F1 CNN, no bias in the last layer", ("f1_no_last_bias",)),
    ("F1 CNN, initializers", ("f1_early", "f1_glorot_normal", "f1_he_uniform", "f1_he_normal", "f1")),
    ("what learns", ("f1", "mlp", "sun", "f1_cured")),
)


def draw(results: Results, folder: Path) -> dict[str, str]:
    """Draws every picture that there are results for into `folder`; returns file -> caption, in
    order.
    """
    drawn = {}
    for file, caption, function, needed in (
        ("errors.png", "Error and spread of every experiment", _errors, [e.name for e in EXPERIMENTS]),
        ("curves.png", "Learning curves", _curves, [name for _, names in _PANELS for name in names]),
        ("active.png", "Active units, layer by layer", _active, [e.name for e in EXPERIMENTS if e.kind == "points"]),
        ("maps.png", "The map of the same face under the two losses", _maps, list(_MAPS)),
    ):
        if any(name in results for name in needed):
            function(results, folder / file)
            drawn[file] = caption
    return drawn


def _errors(results: Results, path: Path) -> None:
    """Left: RMSE over the mean face's, with the report's own. Right: the outputs' spread on a
    logarithmic axis.
    """
    shown = [e for e in EXPERIMENTS if e.name in results and results[e.name]["ratio"] is not None][::-1]
    figure = new_figure(11, 1.6 + 0.34 * len(shown))
    ratios, spreads = figure.subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
    places = np.arange(len(shown))
    ratio = [results[e.name]["ratio"] for e in shown]
    ratios.barh(places, ratio, 0.7, color=[BLUE if value < 1 else ORANGE for value in ratio])
    ratios.axvline(1, color=BLACK, linestyle=":", label="mean face: 1 (orange: no better)")
    own = [
        (place, e.reported[-1][1] / results[e.name]["mean_face_rmse_px"])
        for place, e in enumerate(shown)
        if e.reported
    ]  # fmt: skip
    if own:
        ratios.plot(
            [r for _, r in own], [p for p, _ in own], "D", color=BLACK, label="the report's own, at its last epoch"
        )
    for place, e in enumerate(shown):
        error = results[e.name]["rmse_px"]
        ratios.annotate(f"{error:.2f} px", (0, place), (4, 0), textcoords="offset points", va="center", fontsize=8,
                        color="white" if ratio[place] > 0.25 else BLACK)  # fmt: skip
    ratios.set_yticks(places, [e.title for e in shown], fontsize=8)
    ratios.set_xlabel("RMSE / RMSE of the mean face")
    ratios.set_title("Error (number: RMSE in pixels)", fontsize=10)
    widths = [max(results[e.name]["spread_px"] or 0, 1e-8) if e.kind != "eyes" else np.nan for e in shown]
    spreads.barh(places, widths, 0.7, color=[BLUE if w >= 0.1 else ORANGE for w in widths], left=1e-9)
    spreads.axvline(0.1, color=BLACK, linestyle="--", label="0.1 px (orange: one answer for all pictures)")
    spreads.set(xscale="log", xlim=(1e-7, 20))
    spreads.set_xlabel("spread of the outputs over the pictures (px)")
    spreads.set_title("Does the output depend on the picture?", fontsize=10)
    for axes in (ratios, spreads):
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    handles = [h for axes in (ratios, spreads) for h in axes.get_legend_handles_labels()[0]]
    labels = [name for axes in (ratios, spreads) for name in axes.get_legend_handles_labels()[1]]
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    save(figure, path)


def _curves(results: Results, path: Path) -> None:
    """Validation RMSE of every epoch, panel by panel; the training's beside it where a panel has
    room.
    """
    panels = [(title, names) for title, names in _PANELS if any(name in results for name in names)]
    rows = (len(panels) + 1) // 2
    figure = new_figure(11, 0.5 + 3.4 * rows)
    grid = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, (title, names) in zip(grid, panels, strict=False):
        shown = [e for e in EXPERIMENTS if e.name in names and e.name in results]
        for e, (colour, dash) in zip(shown, _STYLES, strict=False):
            _curve(axes, e, results[e.name], colour, dash, with_training=len(names) <= 2)
        mean_face = results[shown[0].name]["mean_face_rmse_px"]
        axes.axhline(mean_face, color=BLACK, linestyle=":", linewidth=1, label=f"mean face: {mean_face:.2f} px")
        axes.set(xlabel="epoch", ylabel="RMSE (pixels)", yscale="log")
        if any(np.isfinite(_numbers(results[e.name]["history"]["rmse_px"])).any() for e in shown):
            axes.set_xscale("log")  # it needs a number on it
        axes.set_title(title, fontsize=10)
        _plain_ticks(axes)
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize=7)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    save(figure, path)


def _curve(axes: Axes, e: Experiment, result: Result, colour: str, dash: Any, *, with_training: bool) -> None:
    history = result["history"]
    epochs = history["epoch"]
    marker = "o" if len(epochs) == 1 else ""
    axes.plot(epochs, _numbers(history["rmse_px"]), color=colour, linestyle=dash, marker=marker,
              label=f"{e.title}: validation")  # fmt: skip
    if with_training:
        training = SIDE / 2 * np.sqrt(_numbers(history["loss"]))
        axes.plot(epochs, training, color=GREY, linestyle=dash, linewidth=1, label=f"{e.title}: training, with dropout"
                  if e.dropout else f"{e.title}: training")  # fmt: skip
    if e.reported:
        axes.plot(*np.transpose(e.reported), "D", color=colour, markeredgecolor=BLACK, label=f"{e.title}: the report's")


def _plain_ticks(axes: Axes) -> None:
    """Pixels as 3, 4, 6 and not as 3 x 10^0."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 3, 4, 6)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _active(results: Results, path: Path) -> None:
    """A table in colours: share of each layer's values above 0."""
    shown = [e for e in EXPERIMENTS if results.get(e.name, {}).get("active")]
    layers = sorted({name for e in shown for name in results[e.name]["active"]})
    shares = np.array([[results[e.name]["active"].get(name, np.nan) for name in layers] for e in shown])
    figure = new_figure(3.4 + 0.8 * len(layers), 1.6 + 0.34 * len(shown))
    axes = figure.subplots()
    image = axes.imshow(shares * 100, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        if np.isfinite(share):
            text = f"{100 * share:.0f}" if share >= 0.01 or share == 0 else f"{100 * share:.1g}"
            axes.text(j, i, text, ha="center", va="center", fontsize=8, color=BLACK if share > 0.5 else "white")
    axes.set_xticks(range(len(layers)), layers, fontsize=8)
    axes.set_yticks(range(len(shown)), [e.title for e in shown], fontsize=8)
    axes.set_title("Share of each layer's values above 0 on the validation pictures", fontsize=10)
    figure.colorbar(image, label="active (%)")
    save(figure, path)


def _maps(results: Results, path: Path) -> None:
    """What the two classification networks answer for the first validation face."""
    shown = [e for e in EXPERIMENTS if e.name in _MAPS and e.name in results]
    figure = new_figure(4.9 * len(shown) + 0.3, 4.6)
    for axes, e in zip(figure.subplots(1, len(shown), squeeze=False).ravel(), shown, strict=True):
        result = results[e.name]
        extra = result["extra"]
        image = axes.imshow(np.reshape(_numbers(extra["map"]), (SIDE, SIDE)), cmap="cividis")
        axes.plot(*extra["true"], "o", color=VERMILION, markerfacecolor="none", markersize=12, label="true")
        axes.plot(*extra["found"], "x", color="white", markeredgewidth=2, label="found")
        axes.set(xlabel="x (px)", ylabel="y (px)")
        axes.set_title(f"{e.title}\nRMSE over all faces {result['rmse_px']:.2f} px", fontsize=9)
        axes.legend(fontsize=8, facecolor=GREY)
        softmax = e.loss == "cross-entropy"
        figure.colorbar(image, label="probability of the pixel" if softmax else "output (the target's point has 1)")
    save(figure, path)


def _numbers(values: list[float | None]) -> np.ndarray:
    """Values as kept in JSON, null being NaN."""
    return np.array([np.nan if value is None else value for value in values], np.float64)
