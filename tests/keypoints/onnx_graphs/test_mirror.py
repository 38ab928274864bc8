"""Points of mirror images in a graph."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.geometry.mirror import MIRRORED, mirrored
from nnscratch.keypoints.onnx_graphs.mirror import add_both_sides, add_in_pictures, add_mirrored
from tests.keypoints.onnx_graphs.computed import check_same

RNG = np.random.default_rng(0)


def some(count: int) -> tuple[np.ndarray, np.ndarray]:
    return RNG.uniform(-5, 100, (count, 15, 2)), RNG.normal(0, 2, count)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_mirrored_points_are_those_of_numpy(count: int) -> None:
    points, offset = some(count)
    check_same(add_mirrored, {"points": points, "offset": offset.reshape(-1, 1, 1)}, mirrored(points, offset))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_both_sides_come_in_turns(count: int) -> None:
    points, offset = some(count)
    both = np.stack([points, mirrored(points, offset)], axis=1).reshape(2 * count, 15, 2)
    check_same(add_both_sides, {"points": points, "offset": offset.reshape(-1, 1, 1)}, both)


def test_points_of_both_sides_come_back_to_where_they_were() -> None:
    points, offset = some(3)
    both = np.stack([points, mirrored(points, offset)], axis=1).reshape(6, 15, 2)
    check_same(
        lambda graph, places, offset: add_in_pictures(graph, places, 15, offset),
        {"places": both, "offset": offset.reshape(-1, 1, 1)},
        np.stack([points, points[:, MIRRORED]], axis=1),
    )


def test_places_have_no_label_offset() -> None:
    places = RNG.uniform(0, 95, (4, 5, 2))
    expected = places.reshape(2, 2, 5, 2).copy()
    expected[:, 1, :, 0] = 95 - expected[:, 1, :, 0]
    check_same(lambda graph, places: add_in_pictures(graph, places, 5), {"places": places}, expected)
