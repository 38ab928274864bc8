"""The roofline: GFLOP/s over operations per byte, under what the machine can do at most."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nnscratch.pictures import BLACK, PALETTE, new_figure, save
from nnscratch.profiling.roof import Roof

_MARKERS = "so^DvPX"


class Point(Protocol):
    """One measurement: a method in one direction."""

    @property
    def method(self) -> str: ...
    @property
    def direction(self) -> str: ...
    @property
    def intensity(self) -> float: ...
    @property
    def gflops(self) -> float: ...


def draw_roofline(points: Sequence[Point], roof: Roof, title: str, path: str | os.PathLike[str]) -> None:
    """Writes a PNG, forward beside backward; each method has a colour and a marker.

    Raises
        ValueError : `path` does not end in .png
        OSError    : it cannot be written
    """
    figure = new_figure(9, 5.5)
    axes = figure.subplots(1, 2, sharey=True)
    intensities = [point.intensity for point in points if point.intensity > 0]
    intensity = np.geomspace(min([0.5, *intensities]) / 2, max([200.0, *intensities]) * 2, 200)
    names = list(dict.fromkeys(point.method for point in points))
    for axis, direction in zip(axes, ("forward", "backward"), strict=True):
        axis.plot(intensity, roof.at(intensity), color=BLACK, label="roof: memory, then multiply-adds")
        for k, name in enumerate(names):
            own = [point for point in points if point.method == name and point.direction == direction]
            axis.scatter(
                [point.intensity for point in own], [point.gflops for point in own], s=60, zorder=3, label=name,
                color=PALETTE[k % len(PALETTE)], marker=_MARKERS[k % len(_MARKERS)], edgecolors=BLACK, linewidths=0.5,
            )  # fmt: skip
        axis.set(xscale="log", yscale="log", title=direction, xlabel="operations per byte moved")
        axis.grid(alpha=0.3)
    threads = "1 thread" if roof.threads == 1 else f"{roof.threads} threads"
    axes[0].set_ylabel(f"GFLOP/s on {threads} (plain count)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(title, wrap=True)
    save(figure, path)
