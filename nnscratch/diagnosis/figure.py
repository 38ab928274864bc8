"""A diagnosis as a picture: signal, gradient and silent units by layer, findings marked.

A line that falls from layer to layer is a signal that fades; one that rises explodes. Log axes show
neither 0 nor infinity: these stand at the lower and the upper edge, as triangles.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.pictures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nnscratch.diagnosis.finding import Finding
    from nnscratch.diagnosis.signals import LayerSignals, Signals

_IN_TITLE = 3  # findings
_AT_A_LAYER = 3  # findings
_SMALLEST = 1e-150  # a float32 ends at 1e-45 and 3e38


def figure_of(signals: Signals, findings: Sequence[Finding], verdict: str = "no finding") -> Figure:
    """Three axes above each other, with a place for each layer with weights.

    signals : as `measure` gives them; at least one layer
    findings : causes first; those of a layer are marked there, all others stand in the title
    verdict : the title if there are none
    """
    layers = signals.layers
    width = min(16.0, 7.5 + 0.4 * len(layers))
    figure = new_figure(width, 7.5)
    spread, gradient, silent = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 2])
    places = range(1, len(layers) + 1)

    _log_lines(
        spread,
        {
            "z: output": ([0, *places], [signals.x_spread, *(layer.z_spread for layer in layers)], BLUE, "o-"),
            "h: behind the activation": (places, [layer.h_spread for layer in layers], ORANGE, "s--"),
        },
    )
    spread.set_ylabel("spread over images\n(its own units)")
    _log_lines(gradient, {"dL/dW": (places, [layer.gradient_rms for layer in layers], GREEN, "^-")})
    gradient.set_ylabel("gradient of W\n(root mean square)")
    _bars(silent, layers)
    _mark(spread, (gradient, silent), layers, findings)

    short = [f"{layer.index}: {layer.name.partition('(')[0]}" for layer in layers]
    silent.set_xticks([0, *places], ["input", *short], rotation=30, ha="right")
    silent.set_xlim(-0.6, len(layers) + 0.6)
    silent.set_xlabel("layer with weights, by its place in model.layers")
    figure.suptitle(textwrap.fill(_title(signals, findings) or verdict, int(11 * width)), fontsize="medium")
    return figure


def _log_lines(axes: Axes, lines: dict[str, tuple[Sequence[int], Sequence[float], str, str]]) -> None:
    """Draws lines on a log axis. label -> (places, values, colour, marker and dash)."""
    shown = np.concatenate([_drawable(values) for _, values, _, _ in lines.values()])
    positive = shown[np.isfinite(shown) & (shown > 0)]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 1.0)
    # Two decades at least: smaller differences are none here.
    middle, decades = (math.log10(low) + math.log10(high)) / 2, max(2.0, math.log10(high) - math.log10(low))
    bottom, top = (10 ** (middle + side * 0.6 * decades) for side in (-1, 1))
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    for label, (places, values, colour, style) in lines.items():
        given = _drawable(values)
        drawable = np.where(np.isfinite(given) & (given > 0), given, np.nan)
        axes.plot(places, drawable, style, color=colour, label=label, mfc="none" if "s" in style else colour, ms=7)
        for edge, marker, there in ((bottom, "v", given == 0), (top, "^", np.isinf(given))):
            if there.any():
                at = np.asarray(places)[there]
                axes.plot(at, [edge] * len(at), marker, color=colour, mfc="none", clip_on=False, markersize=9)
    for edge, label, there in ((bottom, "0", shown == 0), (top, "infinite", np.isinf(shown))):
        if there.any():
            marker = "v" if edge == bottom else "^"
            axes.plot([], [], marker, color=BLACK, mfc="none", markersize=9, label=label)
    if np.isnan(shown).all():
        _say_nothing_measured(axes)
    axes.grid(alpha=0.3)
    _legend(axes)


def _drawable(values: Sequence[float]) -> np.ndarray:
    """The values, with 0 and infinity in place of what is too near to them for an axis."""
    given = np.asarray(values, np.float64)
    return np.where(given < _SMALLEST, 0, np.where(given > 1 / _SMALLEST, np.inf, given))


def _bars(axes: Axes, layers: Sequence[LayerSignals]) -> None:
    """The share of silent units of a ReLU, or of saturated values of a Sigmoid or a Tanh."""
    kinds = {
        "silent units (ReLU)": ([layer.never_active for layer in layers], SKY, ""),
        "saturated values (Sigmoid, Tanh)": ([layer.saturated for layer in layers], PURPLE, "//"),
    }
    for label, (shares, colour, hatch) in kinds.items():
        measured = [(place, share) for place, share in enumerate(shares, 1) if math.isfinite(share)]
        if measured:
            places, heights = zip(*measured, strict=True)
            bars = axes.bar(places, [100 * share for share in heights], 0.6, color=colour, hatch=hatch, label=label)
            axes.bar_label(bars, [f"{share:.0%}" for share in heights], fontsize="small")
    if axes.patches:
        _legend(axes)
    else:
        _say_nothing_measured(axes, "no ReLU, Sigmoid or Tanh was measured")
    axes.set_ylim(0, 118)  # room for the numbers above the bars
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_ylabel("silent or saturated, %")
    axes.grid(axis="y", alpha=0.3)


def _legend(axes: Axes) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)


def _say_nothing_measured(axes: Axes, words: str = "nothing was measured") -> None:
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY)


def _mark(axes: Axes, others: Sequence[Axes], layers: Sequence[LayerSignals], findings: Sequence[Finding]) -> None:
    """A band through all axes for each layer that findings name, with their codes in the first."""
    codes: dict[int, list[str]] = {}
    for finding in findings:
        if finding.layer is not None:
            # A finding may name a layer without weights: it stands at those whose output it takes.
            place = max(1, sum(layer.index <= finding.layer for layer in layers))
            codes.setdefault(place, []).append(finding.code)
    for place, names in codes.items():
        for each in (axes, *others):
            each.axvspan(place - 0.45, place + 0.45, color=VERMILION, alpha=0.13, linewidth=0, zorder=0)
        more = [f"and {len(names) - _AT_A_LAYER} more"] if len(names) > _AT_A_LAYER else []
        axes.annotate(
            "\n".join([*names[:_AT_A_LAYER], *more]), (place, 1), xytext=(0, 3), xycoords=("data", "axes fraction"),
            textcoords="offset points", rotation=20, ha="left", va="bottom", fontsize="small", color=BLACK,
        )  # fmt: skip


def _title(signals: Signals, findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    said = [
        finding.code if finding.layer is None else f"{finding.code} (layer {finding.layer})"
        for finding in findings[:_IN_TITLE]
    ]
    more = f", and {len(findings) - _IN_TITLE} more" if len(findings) > _IN_TITLE else ""
    where = f"; NaN or infinite first: {signals.not_finite}" if signals.not_finite else ""
    return f"found: {', '.join(said)}{more}{where}"
