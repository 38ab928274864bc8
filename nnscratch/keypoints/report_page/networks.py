"""The networks of a run: layer by layer, the first filters, and those of later levels."""

from __future__ import annotations

import math

import numpy as np

from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.faces import SIDE
from nnscratch.keypoints.predictors import Predictor, SingleNetwork
from nnscratch.layers import Conv2D, Dense
from nnscratch.model import Sequential
from nnscratch.pages.figures import signed_picture
from nnscratch.pages.markup import Html, element, joined
from nnscratch.pages.tables import table
from nnscratch.summary import HEADINGS, summary_rows

_MOST_FILTERS = 32
_MOST_LARGE = 12  # of whole pictures: each has 9,216 weights
_LARGE = 32  # px


def first_network(predictor: Predictor) -> Sequential | None:
    """The network that sees whole pictures; None for a predictor of a kind of one's own."""
    if isinstance(predictor, SingleNetwork):
        return predictor.network
    return predictor.level_1 if isinstance(predictor, Cascade) else None


def networks(predictor: Predictor) -> Html:
    """The layers of the first network, and the networks behind it, a row each."""
    network = first_network(predictor)
    if network is None:
        return element("p", element("code", repr(predictor)))
    several = isinstance(predictor, Cascade) and bool(predictor.levels)
    parts: list[Html] = [layers(network, (SIDE, SIDE, 1), "Level 1" if several else "The network")]
    if isinstance(predictor, SingleNetwork) and predictor.both_ways:
        parts.append(element("p", "Its answers for the picture and for the mirror image are averaged.", class_="note"))
    if isinstance(predictor, Cascade) and several:
        parts += [element("h3", "Networks behind level 1"), _later(predictor)]
        for level, side, example in _architectures(predictor):
            name = f"Level {level}, crops of {side} x {side} pixels"
            parts.append(element("details", element("summary", name), layers(example, (side, side, 1), name)))
    return joined(parts)


def layers(network: Sequential, shape: tuple[int, ...], caption: str) -> Html:
    """The summary as a table."""
    headings = list(HEADINGS)
    return table(headings, summary_rows(network.layers, shape), caption=caption, last_is_total=True)


def _later(cascade: Cascade) -> Html:
    rows = []
    for number, level in enumerate(cascade.levels, 2):
        for region, network in zip(level.regions, level.networks, strict=True):
            parameters = sum(w.size for w in network.parameters())
            points = f"{len(region.points)}"
            numbers = (f"{number}", points, f"{region.width:g} px", f"{region.side}", f"{parameters:,}")
            rows.append([region.name.rstrip("_").replace("_", " "), *numbers, f"{len(level.blends)}"])
    headings = ("region", "level", "points", "width in the face", "side of its crop", "parameters", "passes")
    return table(headings, rows, caption="Networks behind level 1")


def _architectures(cascade: Cascade) -> list[tuple[int, int, Sequential]]:
    """A network of each level and side of crops."""
    found: dict[tuple[int, int], Sequential] = {}
    for number, level in enumerate(cascade.levels, 2):
        for region, network in zip(level.regions, level.networks, strict=True):
            found.setdefault((number, region.side), network)
    return [(*key, network) for key, network in found.items()]


def filters(network: Sequential) -> Html:
    """What the first layer with weights looks for in a picture: a small picture per unit."""
    first = next((layer for layer in network.layers if isinstance(layer, Conv2D | Dense)), None)
    if first is None:
        return element("p", "No layer has filters.")
    weight = first.params["weight"]
    if isinstance(first, Conv2D):
        pictures = weight.mean(axis=2).transpose(2, 0, 1)
    else:
        side = math.isqrt(len(weight))
        if side * side != len(weight):
            return element("p", f"The {weight.shape[1]:,} units of {first!r} do not look at a picture.")
        pictures = weight.T.reshape(-1, side, side)
    strength = np.sqrt(np.square(np.nan_to_num(pictures, posinf=0, neginf=0)).mean(axis=(1, 2)))
    limit = _MOST_LARGE if pictures.shape[1] > _LARGE else _MOST_FILTERS
    chosen = np.argsort(-strength, kind="stable")[:limit]
    shown = "" if len(chosen) == len(pictures) else f" The {len(chosen)} with the largest weights are shown."
    figures = (
        element(
            "figure",
            signed_picture(pictures[unit], f"Weights of unit {unit}", most=_most(pictures[unit])),
            element("figcaption", f"{unit}"),
        )
        for unit in chosen
    )
    return joined(
        [
            element(
                "p",
                f"{first!r}: {len(pictures):,} filters of {pictures.shape[1]} x {pictures.shape[2]} weights.{shown}",
            ),
            element(
                "p", "Blue is below 0, orange above it; each in its own scale, the number is its unit.", class_="note"
            ),
            element("div", joined(figures), class_="gallery small"),
        ]
    )


def _most(values: np.ndarray) -> float:
    """What gets the full colour: all but a few weights are below it."""
    finite = np.abs(values[np.isfinite(values)])
    return float(np.percentile(finite, 99)) if finite.size else 1.0
