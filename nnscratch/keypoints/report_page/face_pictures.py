"""Faces with their points, as small drawings over the pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nnscratch.keypoints.faces import SIDE
from nnscratch.keypoints.plots import best_median_worst
from nnscratch.keypoints.report_page.run_facts import RunFacts
from nnscratch.pages.figures import png_address
from nnscratch.pages.markup import Html, element, joined

_ARM = 1.4  # px, of a cross
_RADIUS = 1.9  # px, so that a disc shows around a cross that hits it


def face(
    image: np.ndarray, predicted: np.ndarray, caption: object, description: str, true: np.ndarray | None = None
) -> Html:
    """A <figure>: crosses where points were found, discs where they are, lines between.

    image       : (96, 96) uint8
    predicted   : (15, 2) px, and `true`, NaN where there is no label; None: there are no labels
    caption     : below it
    description : what it shows, for who cannot see it
    """
    found = predicted[np.isfinite(predicted).all(axis=1)]
    marks = [element("path", d=_crosses(found), class_=kind) for kind in ("under", "found")]
    if true is not None:
        known = np.isfinite(true).all(axis=1) & np.isfinite(predicted).all(axis=1)
        lines = "".join(f"M{_at(a)}L{_at(b)}" for a, b in zip(true[known], predicted[known], strict=True))
        discs = (
            element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=_RADIUS, class_="true")
            for x, y in true[np.isfinite(true).all(axis=1)]
        )
        marks = [element("path", d=lines, class_="link"), *discs, *marks]
    drawing = element(
        "svg",
        element("image", href=png_address(image), x=-0.5, y=-0.5, width=SIDE, height=SIDE),
        *marks,
        class_="points",
        viewBox=f"-0.5 -0.5 {SIDE} {SIDE}",
        role="img",
        aria_label=description,
    )
    return element("figure", drawing, element("figcaption", caption))


def _crosses(points: np.ndarray) -> str:
    """A path: a cross at each of the points (N, 2)."""
    arm = f"{2 * _ARM:g}"
    return "".join(f"M{x - _ARM:.1f} {y - _ARM:.1f}l{arm} {arm}m0-{arm}l-{arm} {arm}" for x, y in points)


def _at(point: np.ndarray) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def gallery(figures: Iterable[Html], *, small: bool = False) -> Html:
    """Figures side by side, as many as fit."""
    return element("div", joined(figures), class_="gallery small" if small else "gallery")


KEY = element(
    "p",
    "Disc: the label. Cross: what was found. The line between them is the error.",
    class_="note",
)


def best_and_worst(facts: RunFacts) -> Html:
    """The best, median and worst validation faces, four each."""
    validation = facts.validation
    if not np.isfinite(validation.points).any():
        return element("p", "No validation face has a label.")
    error, rows = best_median_worst(validation, facts.predicted)
    ranked = int(np.isfinite(error).sum())
    parts: list[Html] = [
        element("p", f"RMSE below each face, over its labelled coordinates; {ranked:,} validation faces were ranked."),
        KEY,
    ]
    for name, chosen in rows.items():
        figures = []
        for row in chosen:
            labelled = int(np.isfinite(validation.points[row]).all(axis=1).sum())
            size, number = f"{error[row]:.2f} px", validation.image_ids[row]
            description = f"Face {number}, {name}: {size} over {labelled} labelled points"
            of = "" if labelled == len(validation.points[row]) else f", {labelled} points"
            caption = joined([element("strong", size), of, f" · face {number}"])
            figures.append(
                face(validation.images[row], facts.predicted[row], caption, description, validation.points[row])
            )
        parts += [element("h3", name.capitalize()), gallery(figures)]
    return joined(parts)
