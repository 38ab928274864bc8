"""The picture: a PNG, with a point for each method under the roof."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nnscratch.profiling import roofline
from nnscratch.profiling.roof import Roof
from nnscratch.profiling.roofline import draw_roofline


@dataclass
class Point:
    method: str
    direction: str
    intensity: float
    gflops: float


POINTS = [
    Point(f"method {k}", direction, 0.1 * 10**k, 5.0 + k) for k in range(5) for direction in ("forward", "backward")
]
ROOF = Roof(gflops=100, gigabytes_per_second=10, threads=2)


def test_axes_units_legend_and_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    save = roofline.save
    monkeypatch.setattr(roofline, "save", lambda figure, path: (kept.append(figure), save(figure, path)))
    draw_roofline(POINTS, ROOF, "A title", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    figure = kept[0]
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("forward", "backward")
    assert left.get_xlabel() == "operations per byte moved"
    assert left.get_ylabel() == "GFLOP/s on 2 threads (plain count)"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["roof: memory, then multiply-adds", *(f"method {k}" for k in range(5))]
    assert [list(points.get_offsets()[0]) for points in left.collections] == [
        [pytest.approx(point.intensity), point.gflops] for point in POINTS[::2]
    ]
    colours = {tuple(points.get_facecolor()[0]) for points in left.collections}
    shapes = {points.get_paths()[0].vertices.tobytes() for points in left.collections}
    assert len(colours) == len(shapes) == 5  # a colour-blind reader has the markers


def test_only_png(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a name that ends in .png"):
        draw_roofline(POINTS, ROOF, "A title", tmp_path / "a.pdf")
