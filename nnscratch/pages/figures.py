"""Figures and arrays in a page: SVG that follows its theme, pictures inside the text."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.pages.markup import Html, element
from nnscratch.pictures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The colours of nnscratch/pictures.py and of matplotlib's frames, by the names in shared.css.
# Outside of such a page they stay as they are.
_THEME = {
    colour.lower(): name
    for colour, name in {
        BLACK: "currentColor",
        BLUE: f"var(--first, {BLUE})",
        SKY: f"var(--first, {BLUE})",
        ORANGE: f"var(--second, {VERMILION})",
        VERMILION: f"var(--second, {VERMILION})",
        GREEN: f"var(--third, {GREEN})",
        PURPLE: f"var(--fourth, {PURPLE})",
        GREY: f"var(--soft, {GREY})",
    }.items()
}
_COLOUR = re.compile("|".join(_THEME), re.IGNORECASE)
# What matplotlib writes around the drawing, and a style that would reach all of the page.
_AROUND = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.DOTALL)
_ROOT = re.compile(r"<svg\b[^>]*?viewBox=\"([^\"]+)\"[^>]*>")
_NAMESPACE = re.compile(r"\bxlink:href=")
_IDS = re.compile(r'\bid="([^"]+)"')
_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "nnscratch"}


def figure(drawn: Figure, description: str) -> Html:
    """The figure as an <svg>: as wide as its place, in the colours of the page, with text as text.

    The same figure gives the same text.

    description : what it shows, for who cannot see it
    """
    from matplotlib import rc_context

    for axes in drawn.axes:
        axes.patch.set_alpha(0)
        legend = axes.get_legend()
        if legend is not None:
            legend.get_frame().set_alpha(0)
    stream = io.StringIO()
    with rc_context(_SETTINGS):  # type: ignore[arg-type]
        drawn.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return _inline(stream.getvalue(), description)


def _inline(svg: str, description: str) -> Html:
    svg = _AROUND.sub("", svg).strip()
    root = _ROOT.match(svg)
    if root is None:
        raise ValueError("figure: got no drawing from matplotlib, expected an <svg>; use its SVG backend")
    inside = svg[root.end() : svg.rindex("</svg>")]
    # Ids are the page's: those that are used get a name of the figure's own, the others go.
    mark = hashlib.sha256(svg.encode()).hexdigest()[:8]
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", inside))
    names = {name for pair in used for name in pair if name}
    inside = _IDS.sub(lambda match: f'id="{mark}-{match[1]}"' if match[1] in names else "", inside)
    inside = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{mark}-", _NAMESPACE.sub("href=", inside))
    inside = _COLOUR.sub(lambda match: _THEME[match[0].lower()], inside)
    inside = re.sub(r"\n\s*", "\n", re.sub(r" +>", ">", inside))
    return element(
        "svg",
        Html(inside),
        class_="chart",
        viewBox=root[1],
        role="img",
        aria_label=description,
        fill="currentColor",  # what matplotlib says nothing of is black
        stroke_linejoin="round",
        stroke_linecap="butt",
    )


def png_address(pixels: np.ndarray) -> str:
    """A data: address of a PNG, which holds the picture itself.

    pixels : (H, W) uint8, grey; or (H, W, 3) uint8

    >>> png_address(np.zeros((2, 2), np.uint8))[:22]
    'data:image/png;base64,'
    """
    from matplotlib.image import imsave

    stream = io.BytesIO()
    if pixels.ndim == 2:
        imsave(stream, pixels, cmap="gray", vmin=0, vmax=255, format="png")
    else:
        imsave(stream, pixels, format="png")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def signed_picture(values: np.ndarray, description: str, *, most: float, width: int = 96) -> Html:
    """An <img> of numbers of both signs: blue below 0, orange above it, light at 0.

    values : (H, W)
    most   : what has the full colour
    width  : CSS pixels; sharp squares, not smoothed
    """
    return element(
        "img",
        src=png_address(signed_pixels(values, most)),
        alt=description,
        width=width,
        height=round(width * values.shape[0] / values.shape[1]),
        class_="pixels",
    )


_SHADES = 12  # on each side of 0: as many as an eye tells apart, and a small file


def signed_pixels(values: np.ndarray, most: float) -> np.ndarray:
    """(H, W, 3) uint8 from (H, W) numbers; NaN is grey.

    >>> signed_pixels(np.array([[-1.0, 0.0, 1.0]]), most=1.0)[0].tolist()
    [[0, 114, 178], [247, 247, 247], [213, 94, 0]]
    """
    ends = {
        side: np.array([int(name[k : k + 2], 16) for k in (1, 3, 5)]) for side, name in ((-1, BLUE), (1, VERMILION))
    }
    middle = np.array([247, 247, 247])
    share = np.clip(np.nan_to_num(values / most if most > 0 else values * 0.0), -1, 1)
    share = np.round(share * _SHADES)[..., np.newaxis] / _SHADES
    pixels = np.where(share < 0, middle - share * (ends[-1] - middle), middle + share * (ends[1] - middle))
    pixels = np.where(np.isnan(values)[..., np.newaxis], 128, pixels)
    result: np.ndarray = np.round(pixels).astype(np.uint8)
    return result
