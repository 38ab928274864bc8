"""Maps that align faces, in a graph: those of `AffineMaps`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.onnx_graphs.affine_maps import Maps, add_fit, add_means, add_product
from tests.keypoints.onnx_graphs.computed import check_same

RNG = np.random.default_rng(0)
REFERENCE = RNG.uniform(20, 76, (15, 2))


def turned(count: int) -> np.ndarray:
    """(N, 15, 2) px: the reference turned by any angle, resized and shifted, with noise."""
    s = RNG.uniform(0.3, 2, count) * np.exp(1j * RNG.uniform(-np.pi, np.pi, count))
    q = (REFERENCE @ [1, 1j]) * s[:, np.newaxis] + (RNG.normal(0, 40, (count, 1, 2)) @ [1, 1j])
    return np.stack([q.real, q.imag], axis=2) + RNG.normal(0, 2, (count, 15, 2))


def check_fit(points: np.ndarray, reference: np.ndarray) -> None:
    expected = AffineMaps.fit(points, reference).linear
    check_same(lambda graph, points: add_fit(graph, points, reference), {"points": points}, expected)


@pytest.mark.parametrize("count", [0, 1, 50])
def test_a_fit_is_that_of_numpy(count: int) -> None:
    check_fit(turned(count), REFERENCE)


def test_points_that_do_not_determine_a_turn_give_the_identity() -> None:
    """Also beside faces that do, and on both sides of 1 px^2."""
    points = turned(5)
    points[1] = 30.0
    for face, spread in ((2, 0.99), (3, 1.01)):
        points[face] = 30.0
        points[face, :2, 0] += np.array([1, -1]) * np.sqrt(spread / 2)
    check_fit(points, REFERENCE)
    assert (AffineMaps.fit(points, REFERENCE).linear[[1, 2]] == np.eye(2)).all()
    assert (AffineMaps.fit(points, REFERENCE).linear[3] != np.eye(2)).any()


@pytest.mark.parametrize("known", [0, 1, 2, 14])
def test_a_reference_with_missing_points(known: int) -> None:
    reference = REFERENCE.copy()
    reference[known:] = np.nan
    check_fit(turned(4), reference)


def test_a_reference_of_one_place() -> None:
    check_fit(turned(3), np.full((15, 2), 48.0))


def matrices(pictures: int, count: int) -> dict[str, np.ndarray]:
    return {"linear": RNG.normal(size=(pictures, count, 2, 2)), "shift": RNG.normal(size=(pictures, count, 2)) * 30}


def numpy_maps(linear: np.ndarray, shift: np.ndarray, number: int) -> AffineMaps:
    return AffineMaps(np.concatenate([linear[:, number], shift[:, number, :, np.newaxis]], axis=2))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_points_go_along_the_maps_that_are_chosen(count: int) -> None:
    number, arrays = np.array([2, 0, 0, 1]), matrices(count, 3)
    points = RNG.uniform(0, 50, (count, 4, 2))
    expected = [numpy_maps(**arrays, number=r).to(points[:, [k]]) for k, r in enumerate(number)]

    def add(graph: Any, linear: str, shift: str, points: str) -> str:
        return Maps(linear, shift, 3).to(graph, points, number)

    check_same(add, {**arrays, "points": points}, np.concatenate(expected, axis=1))


def test_maps_to_mirror_images_become_maps_to_pictures() -> None:
    arrays = matrices(6, 2)
    maps = [numpy_maps(**arrays, number=r) for r in range(2)]
    every_second = np.arange(6) % 2 == 1
    # (6, 2 maps) -> (3, picture or mirror image, 2 maps) -> (3, 4)
    both = np.stack([each.mirrored(96, every_second).matrices for each in maps], axis=1).reshape(3, 4, 2, 3)

    def add(graph: Any, linear: str, shift: str) -> tuple[str, str]:
        there = Maps(linear, shift, 2).in_pictures(graph)
        assert there.count == 4
        return there.linear, there.shift

    check_same(add, arrays, both[..., :2], both[..., 2])


def test_a_product_for_each_point() -> None:
    linear, points = RNG.normal(size=(3, 5, 2, 2)), RNG.normal(size=(3, 5, 2))
    expected = np.einsum("nkij,nkj->nki", linear, points)
    check_same(add_product, {"linear": linear, "points": points}, expected)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_weighted_means(count: int) -> None:
    points, shares = RNG.normal(size=(count, 5, 2)), RNG.random((4, 5))
    check_same(lambda graph, points: add_means(graph, points, shares), {"points": points}, shares @ points)
