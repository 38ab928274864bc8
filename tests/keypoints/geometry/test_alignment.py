"""Faces laid over one another: the map that brings them together, and crops between pixels."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.geometry.alignment import crops, similarity

NOTHING = np.array([[1.0, 0, 0], [0, 1, 0]])


def maps(count: int, rng: np.random.Generator) -> np.ndarray:
    """(N, 2, 3): turns by up to half a circle, sizes from half to double, shifts."""
    angle, size = rng.uniform(-np.pi, np.pi, count), np.exp2(rng.uniform(-1, 1, count))
    c, s = size * np.cos(angle), size * np.sin(angle)
    shift = rng.uniform(-30, 30, (count, 2))
    return np.moveaxis(np.array([[c, -s, shift[:, 0]], [s, c, shift[:, 1]]]), 2, 0)


def moved(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """(N, K, 2): the points (K, 2), or (N, K, 2), where the maps (N, 2, 3) put them."""
    return np.einsum("nij,...kj->nki", affine[:, :, :2], points) + affine[:, None, :, 2]


def test_turned_scaled_and_shifted_faces_are_fitted_exactly() -> None:
    rng = np.random.default_rng(0)
    reference, affine = rng.uniform(0, 96, (15, 2)), maps(20, rng)
    np.testing.assert_allclose(similarity(moved(reference, affine), reference), affine, atol=1e-10)


def test_missing_labels_are_left_out() -> None:
    """Whatever the missing points would be: the others decide, also if the reference lacks another point."""
    rng = np.random.default_rng(1)
    reference, affine = rng.uniform(0, 96, (15, 2)), maps(20, rng)
    points = moved(reference, affine)
    for face in points:
        face[rng.permutation(15)[:12]] = np.nan
    points[0, :, 0] = np.nan  # y alone is no place
    np.testing.assert_allclose(similarity(points, reference)[1:], affine[1:], atol=1e-9)
    np.testing.assert_array_equal(similarity(points, reference)[0], NOTHING)
    lacking = reference.copy()
    lacking[4] = np.nan
    whole = moved(reference, affine)
    whole[:, 4] += 50
    np.testing.assert_allclose(similarity(whole, lacking), affine, atol=1e-9)


def test_noisy_points_are_fitted_by_least_squares() -> None:
    """No small change of the map brings the points nearer."""
    rng = np.random.default_rng(2)
    reference = rng.uniform(0, 96, (15, 2))
    affine = maps(1, rng)
    points = moved(reference, affine) + rng.normal(0, 3, (1, 15, 2))
    fitted = similarity(points, reference)
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
    np.testing.assert_array_equal(similarity(points, reference), [NOTHING, NOTHING])


def test_points_in_one_place_change_nothing() -> None:
    reference = np.random.default_rng(0).uniform(0, 96, (15, 2))
    np.testing.assert_array_equal(similarity(np.full((1, 15, 2), 48.0), reference), [NOTHING])
    few = np.full((1, 15, 2), np.nan)
    few[:, :5] = 48
    np.testing.assert_array_equal(similarity(few, reference), [NOTHING])
    np.testing.assert_array_equal(similarity(reference[np.newaxis], np.full((15, 2), 48.0)), [NOTHING])


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(3).random((count, 96, 96, 1)).astype(np.float32)


def test_the_identity_gives_the_picture() -> None:
    x = pictures(20)  # more than one call of the kernel
    np.testing.assert_allclose(crops(x, np.tile(NOTHING, (20, 1, 1)), (96, 96)), x, atol=1e-6)


def test_between_pixels_a_crop_is_bilinear() -> None:
    x = pictures(2)
    affine = np.tile(NOTHING, (2, 1, 1))
    affine[:, :, 2] = [10.25, 20.5]
    crop = crops(x, affine, (5, 7))
    corners = [x[:, 20 + i : 25 + i, 10 + j : 17 + j] for i in (0, 1) for j in (0, 1)]
    expected = 0.5 * (0.75 * corners[0] + 0.25 * corners[1]) + 0.5 * (0.75 * corners[2] + 0.25 * corners[3])
    assert crop.shape == (2, 5, 7, 1)
    np.testing.assert_allclose(crop, expected, atol=1e-6)


def test_a_quarter_turn_moves_pixels_as_it_says() -> None:
    x = pictures(1)
    crop = crops(x, np.array([[[0.0, -1, 95], [1, 0, 0]]]), (96, 96))  # row r, column c from row c, column 95 - r
    np.testing.assert_allclose(crop[0, :, :, 0], x[0, :, ::-1, 0].T, atol=1e-5)


def test_beyond_the_border_it_goes_on() -> None:
    x = pictures(1)
    affine = np.array([[[1.0, 0, -4], [0, 1, 93]]])
    crop = crops(x, affine, (6, 6))[0, :, :, 0]
    np.testing.assert_allclose(crop[:3, :5], np.repeat(x[0, 93:96, :1, 0], 5, axis=1), atol=1e-6)
    np.testing.assert_array_equal(crop[3:], np.repeat(crop[2:3], 3, axis=0))


def test_a_crop_is_written_where_it_is_wanted() -> None:
    x, out = pictures(1), np.full((1, 4, 4, 1), np.nan, np.float32)
    assert crops(x, NOTHING[np.newaxis], (4, 4), out=out) is out
    np.testing.assert_allclose(out, x[:, :4, :4], atol=1e-6)
