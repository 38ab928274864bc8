"""AffineMaps: the map that aligns two faces, and what else can be done with maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.geometry.affine_maps import AffineMaps

NOTHING = np.array([[1.0, 0, 0], [0, 1, 0]])


def maps(count: int, rng: np.random.Generator) -> np.ndarray:
    """(N, 2, 3): turns by up to half a circle, sizes from half to double, shifts."""
    angle, size = rng.uniform(-np.pi, np.pi, count), np.exp2(rng.uniform(-1, 1, count))
    c, s = size * np.cos(angle), size * np.sin(angle)
    shift = rng.uniform(-30, 30, (count, 2))
    return np.moveaxis(np.array([[c, -s, shift[:, 0]], [s, c, shift[:, 1]]]), 2, 0)


def moved(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """(N, K, 2): where the maps (N, 2, 3) put the points (K, 2)."""
    return np.einsum("nij,...kj->nki", affine[:, :, :2], points) + affine[:, None, :, 2]


def test_turned_scaled_and_shifted_faces_are_fitted_exactly() -> None:
    rng = np.random.default_rng(0)
    reference, affine = rng.uniform(0, 96, (15, 2)), maps(20, rng)
    np.testing.assert_allclose(AffineMaps.fit(moved(reference, affine), reference).matrices, affine, atol=1e-10)


def test_missing_labels_are_left_out() -> None:
    """Whatever the missing points would be: the others decide, also if the reference lacks another
    point.
    """
    rng = np.random.default_rng(1)
    reference, affine = rng.uniform(0, 96, (15, 2)), maps(20, rng)
    points = moved(reference, affine)
    for face in points:
        face[rng.permutation(15)[:12]] = np.nan
    points[0, :, 0] = np.nan  # y alone is no place
    np.testing.assert_allclose(AffineMaps.fit(points, reference).matrices[1:], affine[1:], atol=1e-9)
    np.testing.assert_array_equal(AffineMaps.fit(points, reference).matrices[0], NOTHING)
    lacking = reference.copy()
    lacking[4] = np.nan
    whole = moved(reference, affine)
    whole[:, 4] += 50
    np.testing.assert_allclose(AffineMaps.fit(whole, lacking).matrices, affine, atol=1e-9)


def test_noisy_points_are_fitted_by_least_squares() -> None:
    """No small change of the map brings the points nearer."""
    rng = np.random.default_rng(2)
    reference = rng.uniform(0, 96, (15, 2))
    affine = maps(1, rng)
    points = moved(reference, affine) + rng.normal(0, 3, (1, 15, 2))
    fitted = AffineMaps.fit(points, reference).matrices
    (c, _, x), (s, _, y) = fitted[0]

    def error(numbers: np.ndarray) -> float:
        c, s, x, y = numbers
        return float(np.square(moved(reference, np.array([[[c, -s, x], [s, c, y]]])) - points).sum())

    best = np.array([c, s, x, y])
    for change in np.concatenate([np.eye(4), -np.eye(4)]) * 1e-3:
        assert error(best + change) > error(best)


@pytest.mark.parametrize("labelled", [0, 1])
def test_fewer_than_two_points_change_nothing(labelled: int) -> None:
    points = np.full((2, 15, 2), np.nan)
    points[:, :labelled] = 70
    reference = np.random.default_rng(0).uniform(0, 96, (15, 2))
    np.testing.assert_array_equal(AffineMaps.fit(points, reference).matrices, [NOTHING, NOTHING])


def test_points_in_one_place_change_nothing() -> None:
    reference = np.random.default_rng(0).uniform(0, 96, (15, 2))
    np.testing.assert_array_equal(AffineMaps.fit(np.full((1, 15, 2), 48.0), reference).matrices, [NOTHING])
    few = np.full((1, 15, 2), np.nan)
    few[:, :5] = 48
    np.testing.assert_array_equal(AffineMaps.fit(few, reference).matrices, [NOTHING])
    np.testing.assert_array_equal(AffineMaps.fit(reference[np.newaxis], np.full((15, 2), 48.0)).matrices, [NOTHING])


def some_maps(count: int = 6) -> AffineMaps:
    """Not only similarities: sheared ones too."""
    rng = np.random.default_rng(4)
    return AffineMaps(maps(count, rng) + 0.1 * rng.normal(size=(count, 2, 3)))


POINTS = np.random.default_rng(5).uniform(0, 96, (6, 3, 2))
CENTRE = [20.0, 30.0]


def test_points_go_and_come_back() -> None:
    affine = some_maps()
    expected = affine.linear @ POINTS.transpose(0, 2, 1) + affine.shift[:, :, np.newaxis]
    np.testing.assert_allclose(affine.to(POINTS), expected.transpose(0, 2, 1), atol=1e-12)
    np.testing.assert_allclose(affine.back(affine.to(POINTS)), POINTS, atol=1e-10)


def test_a_shift_does_not_change_differences() -> None:
    affine, others = some_maps(), POINTS[:, ::-1]
    went = affine.to(POINTS) - affine.to(others)
    np.testing.assert_allclose(affine.differences_to(POINTS - others), went, atol=1e-10)
    np.testing.assert_allclose(affine.differences_back(went), POINTS - others, atol=1e-10)


def test_resized_and_shifted_is_what_happens_to_points_first() -> None:
    affine = some_maps()
    np.testing.assert_allclose(
        affine.shifted([3, -4]).resized([2, 0.5]).to(POINTS), affine.to(POINTS * [2, 0.5] + [3, -4]), atol=1e-10
    )
    np.testing.assert_allclose(affine.resized(2).to(POINTS), affine.to(2 * POINTS), atol=1e-10)


def test_centred_moves_one_point_and_turns_nothing() -> None:
    affine, at = some_maps(), np.arange(12.0).reshape(6, 2)
    centred = affine.centred(CENTRE, at=at)
    np.testing.assert_allclose(centred.to(np.tile(CENTRE, (6, 1, 1)))[:, 0], at, atol=1e-10)
    np.testing.assert_array_equal(centred.linear, affine.linear)


def test_turned_keeps_one_point_and_turns_the_rest_about_it() -> None:
    affine, angle, size = some_maps(), np.linspace(-1, 2, 6), np.linspace(0.5, 2, 6)
    turned = affine.turned(angle, size, about=CENTRE)
    from_centre = (POINTS - CENTRE) @ [1, 1j] * (size * np.exp(1j * angle))[:, np.newaxis]
    before = np.stack([from_centre.real, from_centre.imag], axis=2) + CENTRE
    np.testing.assert_allclose(turned.to(POINTS), affine.to(before), atol=1e-10)


def test_mirrored_maps_go_to_the_pictures_of_mirror_images() -> None:
    affine = some_maps()
    places = affine.to(POINTS)
    chosen = np.arange(6) % 2 == 0
    found = affine.mirrored(96, where=chosen).to(POINTS)
    np.testing.assert_allclose(found[chosen], [95, 0] + places[chosen] * [-1, 1], atol=1e-10)
    np.testing.assert_array_equal(found[~chosen], places[~chosen])
    np.testing.assert_allclose(affine.mirrored(96).to(POINTS)[chosen], found[chosen])


def test_what_is_made_of_maps_leaves_them_as_they_were() -> None:
    affine = some_maps()
    before = affine.matrices.copy()
    angle = size = np.ones(6)
    for other in (
        affine.resized(2), affine.shifted(CENTRE), affine.centred(CENTRE, at=np.zeros(2)),
        affine.turned(angle, size, about=CENTRE), affine.mirrored(96),
    ):  # fmt: skip
        other.matrices[:] = 0
    np.testing.assert_array_equal(affine.matrices, before)
    assert len(affine) == 6


@pytest.mark.parametrize(
    "matrices", [[[1.0]], np.eye(2, 3), np.zeros((1, 3, 2)), np.zeros((1, 2, 3), complex), np.array([[[None] * 3] * 2])]
)
def test_what_is_no_map(matrices: Any) -> None:
    with pytest.raises(ValueError, match="AffineMaps: got matrices of"):
        AffineMaps(matrices)


@pytest.mark.parametrize("bad", [[[0, 0], [0, 0]], [[1, 2], [2, 4]], [[np.nan, 0], [0, 1]], [[np.inf, 0], [0, 1]]])
def test_a_map_without_inverse_says_which(bad: list[list[float]]) -> None:
    maps = some_maps(3)
    maps.linear[1] = bad
    points = np.zeros((3, 4, 2))
    assert maps.to(points).shape == points.shape  # the way there is defined
    for method in (maps.back, maps.differences_back):
        with pytest.raises(
            ValueError, match=r"AffineMaps: got map 1 = .*expected finite numbers and a map that has an"
        ):
            method(points)
