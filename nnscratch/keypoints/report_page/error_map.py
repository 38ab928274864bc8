"""Where the errors of each point lie, on the mean face: vectors, their mean, their spread."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import POINTS, SIDE
from nnscratch.keypoints.report_page.run_facts import RunFacts
from nnscratch.pages.figures import png_address
from nnscratch.pages.markup import Html, element, joined
from nnscratch.pages.tables import table

_MOST_VECTORS = 80  # per point
_FEWEST = 3  # labels, for an ellipse
_DEVIATIONS = 2  # the half axes, in standard deviations
_MAGNIFIED = 5  # mean errors are small beside single ones
_LONGEST = 200.0  # px: a vector that leaves the picture says no more than this one


def error_map(run: RunFacts) -> Html:
    """The drawing, what it means, and its numbers as a table."""
    errors = run.predicted.astype(np.float64) - run.validation.points
    drawing = element("figure", spread_on_face(errors, run.mean_face, run.validation.images), _legend())
    numbers = element("details", element("summary", "The same as numbers"), error_table(errors))
    return element("div", drawing, numbers, class_="panel")


def _legend() -> Html:
    words = (
        f"Thin: errors of single faces, from each point of the mean face (at most {_MOST_VECTORS} per point). "
        f"Ellipse: {_DEVIATIONS} standard deviations of the errors about their mean; of normal ones it holds 86%. "
        f"Thick: the mean error, {_MAGNIFIED} times as long. In the background the mean of the validation pictures."
    )
    return element("figcaption", words)


def spread_on_face(errors: np.ndarray, mean_face: np.ndarray, images: np.ndarray, what: str = "Errors") -> Html:
    """An <svg> of the errors, or of other differences.

    errors    : (N, 15, 2) px, NaN where there is no label
    mean_face : (15, 2) px, where they are drawn
    images    : (N, 96, 96) uint8; their mean is the background
    what      : they are, for who cannot see them
    """
    shapes = []
    if len(images):
        # Some hundred are as good as very many pictures.
        some = images[:: max(1, len(images) // 500)]
        picture = np.round(some.mean(axis=0)).astype(np.uint8)
        shapes.append(element("image", href=png_address(picture), x=-0.5, y=-0.5, width=SIDE, height=SIDE))
    for point, (x, y) in enumerate(mean_face):
        known = _known(errors, point)
        few = np.clip(known[:: max(1, -(-len(known) // _MOST_VECTORS))], -_LONGEST, _LONGEST)
        lines = "".join(f"M{x:.1f} {y:.1f}l{dx:.2f} {dy:.2f}" for dx, dy in few)
        shapes.append(element("path", d=lines, class_="errors"))
        shapes += _ellipse(known, x, y)
    for point, (x, y) in enumerate(mean_face):
        known = _known(errors, point)
        if len(known):
            dx, dy = np.clip(_MAGNIFIED * known.mean(axis=0), -_LONGEST, _LONGEST)
            shapes.append(element("path", d=f"M{x:.1f} {y:.1f}l{dx:.2f} {dy:.2f}", class_="bias"))
        shapes.append(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=0.55, class_="place"))
    return element(
        "svg",
        joined(shapes),
        class_="map",
        viewBox=f"-0.5 -0.5 {SIDE} {SIDE}",
        role="img",
        aria_label=f"{what} of each point on the mean face, with an ellipse of their spread; the table has the numbers",
    )


def _known(values: np.ndarray, point: int) -> np.ndarray:
    """(M, 2), those of one point in the faces where both its numbers are known."""
    of_point: np.ndarray = values[:, point]
    return of_point[np.isfinite(of_point).all(axis=1)]


def _ellipse(errors: np.ndarray, x: float, y: float) -> list[Html]:
    """About the mean error at (x, y); none of too few errors (N, 2)."""
    if len(errors) < _FEWEST:
        return []
    variances, axes = np.linalg.eigh(np.cov(errors.T))
    half = np.minimum(_DEVIATIONS * np.sqrt(np.maximum(variances, 0)), _LONGEST)
    angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
    dx, dy = np.clip(errors.mean(axis=0), -_LONGEST, _LONGEST)
    where = f"translate({x + dx:.2f} {y + dy:.2f}) rotate({angle:.1f})"
    return [element("ellipse", rx=f"{half[1]:.2f}", ry=f"{half[0]:.2f}", transform=where)]


def error_table(errors: np.ndarray) -> Html:
    """A row per point: mean error and standard deviation in x and in y.

    errors : (N, 15, 2) px, NaN where there is no label
    """
    return mean_and_spread(errors, "Errors in px: mean, and spread (standard deviation)", "+.2f")


def mean_and_spread(values: np.ndarray, caption: str, form: str) -> Html:
    """A row per point: mean and standard deviation in x and in y; form : of a mean.

    values : (N, 15, 2) px, NaN where there is none
    """
    rows = []
    for point, name in enumerate(POINTS):
        known = _known(values, point)
        numbers = ["–"] * 4
        if len(known):
            means, spreads = known.mean(axis=0), known.std(axis=0)
            numbers = [*(format(each, form) for each in means), *(f"{each:.2f}" for each in spreads)]
        rows.append([name.replace("_", " "), *numbers])
    headings = ("point", "mean x", "mean y", "spread x", "spread y")
    return table(headings, rows, caption=caption, show_caption=True)
