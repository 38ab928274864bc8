"""The levels of a cascade as parts of an ONNX graph, with the numbers of `Level` and `Blend`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.geometry.mirror import MIRRORED
from nnscratch.keypoints.onnx_graphs.affine_maps import Maps, add_fit, add_means, add_product
from nnscratch.keypoints.onnx_graphs.crops import Pixels, add_crops
from nnscratch.keypoints.onnx_graphs.local_contrast import add_locally_normalized
from nnscratch.keypoints.onnx_graphs.mirror import add_both_sides, add_in_pictures
from nnscratch.keypoints.onnx_graphs.networks import add_both_ways, add_network

if TYPE_CHECKING:
    from nnscratch.keypoints.cascade.cascade import Cascade
    from nnscratch.keypoints.cascade.level import Level

_VALUES = 2 * len(POINTS)


def add_cascade(graph: Graph, cascade: Cascade, x: str) -> str:
    """As `Cascade.predict_levels`: the answers of the last level.

    x      : (N, 96, 96) float32
    result : (N, 15, 2) float64 px

    Raises
        ValueError : as `add_network`
    """
    points, offset = add_both_ways(graph, cascade.level_1, x)
    pixels = Pixels.of(graph, x) if cascade.levels else None
    for level in cascade.levels:
        for blend in level.blends:
            found = points if pixels is None else add_sight(graph, level, pixels, points, offset, cascade.reference)
            points = add_blend(graph, blend, points, found, offset)
    return points


def add_sight(graph: Graph, level: Level, pixels: Pixels, points: str, offset: str, reference: np.ndarray) -> str:
    """As `found` of `Level.sight`: where one pass of the networks finds the points.

    pixels : of N pictures
    points : (N, 15, 2) float64 px, where the points are thought to be
    offset : (N, 1, 1) float64 px, the label offset of these points
    result : (N, 15, 2) float64 px
    """
    if not level.regions:
        return points
    sides = add_both_sides(graph, points, offset)
    maps = add_crop_maps(graph, level.regions, sides, reference)
    places = _add_places(graph, level, pixels, maps)
    number = [number for number, region in enumerate(level.regions) for _ in region.points]
    found = add_in_pictures(graph, maps.to(graph, places, np.array(number)), len(number), offset)
    return _add_mean_answers(graph, level.regions, found, points)


def add_crop_maps(graph: Graph, regions: Sequence[Region], points: str, reference: np.ndarray) -> Maps:
    """As `Region.crop_maps`, for R regions.

    points    : (M, 15, 2) float64 px
    reference : (15, 2) px, a symmetrical mean face
    result    : R maps of each of M pictures
    """
    size = np.array([region.width / region.side for region in regions])
    middle = np.array([[(region.side - 1) / 2] * 2 for region in regions])  # (R, 2)
    upright = graph.add("Unsqueeze", add_fit(graph, points, reference), graph.constant([1]))
    linear = graph.add("Mul", upright, graph.constant(size[:, np.newaxis, np.newaxis]))
    shares = np.zeros((len(regions), len(POINTS)))
    for share, region in zip(shares, regions, strict=True):
        share[region.indices] = 1 / len(region.points)
    at = add_means(graph, points, shares)
    shift = graph.add("Sub", at, add_product(graph, linear, graph.constant(middle)))
    return Maps(linear, shift, len(regions))


def _add_places(graph: Graph, level: Level, pixels: Pixels, maps: Maps) -> str:
    """Where in their crops the networks find their points, those of the first region first.

    maps   : R of each of N pictures and mirror images, in turns, from the crops
    result : (2 N, K, 2) float64, in pixels of the crops
    """
    count, in_pictures = len(level.regions), maps.in_pictures(graph)
    answers = {}
    for side in sorted({region.side for region in level.regions}):
        # All crops of one size at once: ONNX Runtime takes less time for few large operators.
        numbers = np.array([r for r, region in enumerate(level.regions) if region.side == side])
        chosen = in_pictures.selected(graph, np.concatenate([numbers, count + numbers]))
        crops = add_crops(graph, pixels, chosen, side)
        crops = graph.add("Reshape", crops, graph.constant([-1, 2, len(numbers), side, side]))
        for i, r in enumerate(numbers):
            crop = graph.add("Gather", crops, graph.constant(i), axis=2)
            both = graph.add("Reshape", crop, graph.constant([-1, side, side]))
            if window := level.regions[r].window:
                both = add_locally_normalized(graph, both, side, window)
            answers[r] = add_network(graph, level.networks[r], both, side, len(level.regions[r].points))
    in_order = graph.add("Concat", *(answers[r] for r in range(count)), axis=1)
    middle = np.concatenate([[(region.side - 1) / 2] * len(region.points) for region in level.regions])
    half = graph.constant(middle[:, np.newaxis])  # (K, 1)
    return graph.add("Add", graph.add("Mul", in_order, half), half)


def _add_mean_answers(graph: Graph, regions: Sequence[Region], found: str, points: str) -> str:
    """For each point, the mean of all answers for it; its place in `points` if there is none.

    found  : (N, 2, K, 2) float64 px, in the pictures, then in the mirror images
    points : (N, 15, 2) float64 px
    result : (N, 15, 2) float64 px
    """
    own = np.concatenate([region.indices for region in regions])
    answered = np.concatenate([own, MIRRORED[own]])  # (2 K,)
    is_of = np.arange(len(POINTS))[:, np.newaxis] == answered
    count = is_of.sum(axis=1, keepdims=True)
    shares = np.concatenate([is_of / np.maximum(count, 1), np.diag(count[:, 0] == 0)], axis=1)  # (15, 2 K + 15)
    flat = graph.add("Reshape", found, graph.constant([-1, len(answered), 2]))
    return add_means(graph, graph.add("Concat", flat, points, axis=1), shares)


def add_blend(graph: Graph, blend: Blend, before: str, found: str, offset: str) -> str:
    """As `Blend.__call__`.

    before, found : (N, 15, 2) float64 px
    offset        : (N, 1, 1) float64 px
    result        : (N, 15, 2) float64 px
    """
    row = graph.constant([-1, _VALUES])
    q, p = (graph.add("Reshape", points, row) for points in (found, before))
    d = graph.add("Reshape", offset, graph.constant([-1, 1]))
    inputs = graph.add("Concat", q, graph.add("Sub", p, q), d, axis=1)
    change = graph.add("MatMul", inputs, graph.constant(blend.weight))
    answer = graph.add("Add", q, graph.add("Add", change, graph.constant(blend.bias)))
    answer = graph.add("Reshape", answer, graph.constant([-1, len(POINTS), 2]))
    return graph.add("Where", graph.constant(blend.is_off[:, np.newaxis]), before, answer)
