"""Labels of several sources, moved into one convention."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.conventions import LabelConventions

FEW = [0, 1, 10]  # the points of the second source: eye centres and nose tip
OFFSET = np.array([[1.0, 0.0], [0.5, 0.2], [0.3, 1.1]])  # px of an upright face
COUNT = 1200


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    return np.random.default_rng(0).uniform(20, 76, (15, 2))


@pytest.fixture(scope="module")
def faces(reference: np.ndarray) -> dict[str, np.ndarray]:
    """Two sources, and a network that recognizes the second one from a feature, but not for sure:
    it answers in between. All faces are turned by 90 degrees and twice the size of the reference.
    """
    rng = np.random.default_rng(1)
    true = 2 * reference[:, ::-1] * [-1, 1] + [120, -40] + rng.normal(0, 1, (COUNT, 15, 2))
    is_second = np.arange(COUNT) < COUNT // 2
    offset = np.zeros((15, 2))
    offset[FEW] = OFFSET
    in_picture = AffineMaps.fit(true, reference).differences_to(np.repeat(offset[np.newaxis], COUNT, axis=0))
    feature = is_second + rng.normal(0, 1, COUNT)
    believed = 1 / (1 + np.exp(-(feature - 0.5)))
    answers = true + believed[:, np.newaxis, np.newaxis] * in_picture
    points = np.where(is_second[:, np.newaxis, np.newaxis], true + in_picture, true) + rng.normal(0, 0.3, true.shape)
    points[np.ix_(is_second, np.setdiff1d(np.arange(15), FEW))] = np.nan
    features = np.stack([feature, believed, rng.normal(0, 1, COUNT)], axis=1)
    return {"points": points, "answers": answers, "features": features, "true": true}


def conventions_of(faces: dict[str, np.ndarray], reference: np.ndarray) -> LabelConventions:
    return LabelConventions.of(faces["points"], faces["answers"], lambda: faces["features"], reference)


def test_a_convention_is_found_though_the_network_half_knows_the_source(
    faces: dict[str, np.ndarray], reference: np.ndarray
) -> None:
    found = conventions_of(faces, reference)
    assert list(found.offsets) == [sum(1 << k for k in FEW)]
    offset = next(iter(found.offsets.values()))
    np.testing.assert_allclose(offset[FEW], OFFSET, atol=0.1)
    assert not np.delete(offset, FEW, axis=0).any()
    # The mean errors alone would show about half of it.
    error = (faces["points"] - faces["answers"])[: COUNT // 2]
    mean = AffineMaps.fit(faces["answers"][: COUNT // 2], reference).differences_back(error).mean(axis=0)
    assert np.abs(mean[FEW[0], 0]) < 0.75 * OFFSET[0, 0]


def test_labels_move_into_the_convention_of_the_largest_set(
    faces: dict[str, np.ndarray], reference: np.ndarray
) -> None:
    moved = conventions_of(faces, reference).removed(faces["points"], faces["answers"], reference)
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(faces["points"]))
    np.testing.assert_array_equal(moved[COUNT // 2 :], faces["points"][COUNT // 2 :])
    error = (moved - faces["true"])[: COUNT // 2, FEW].mean(axis=0)
    np.testing.assert_allclose(error, 0, atol=0.2)
    assert (
        conventions_of(faces, reference).removed(faces["points"].astype(np.float32), faces["answers"], reference).dtype
        == np.float32
    )


@pytest.mark.parametrize("rows", [slice(0, COUNT // 2), slice(COUNT // 2, None), slice(COUNT // 2 - 150, None)])
def test_one_large_source_is_the_only_convention(
    faces: dict[str, np.ndarray], reference: np.ndarray, rows: slice
) -> None:
    """And its features are not asked for."""

    def never() -> np.ndarray:
        raise AssertionError

    found = LabelConventions.of(faces["points"][rows], faces["answers"][rows], never, reference)
    assert found.offsets == {}
    moved = found.removed(faces["points"][rows], faces["answers"][rows], reference)
    np.testing.assert_array_equal(moved, faces["points"][rows])


def test_a_point_that_the_largest_set_has_not_stays(faces: dict[str, np.ndarray], reference: np.ndarray) -> None:
    points = faces["points"].copy()
    points[COUNT // 2 :, POINTS.index("nose_tip")] = np.nan
    found = LabelConventions.of(points, faces["answers"], lambda: faces["features"], reference)
    offset = next(iter(found.offsets.values()))
    assert not offset[POINTS.index("nose_tip")].any()
    assert offset[0].any()


def test_answers_must_be_finite(faces: dict[str, np.ndarray], reference: np.ndarray) -> None:
    answers = faces["answers"].copy()
    answers[3, 3, 1] = np.inf
    with pytest.raises(ValueError, match="LabelConventions: got answers with 1 of 36,000 values NaN"):
        LabelConventions.of(faces["points"], answers, lambda: faces["features"], reference)


def test_answers_move_to_those_who_ask(faces: dict[str, np.ndarray], reference: np.ndarray) -> None:
    """The inverse of what was done to labels. A set that is no source's changes nothing."""
    conventions = conventions_of(faces, reference)
    asked = np.isfinite(faces["points"]).all(axis=2)
    moved = conventions.added(faces["true"], asked, reference)
    np.testing.assert_array_equal(moved[COUNT // 2 :], faces["true"][COUNT // 2 :])
    error = (moved - faces["points"])[: COUNT // 2, FEW].mean(axis=0)
    np.testing.assert_allclose(error, 0, atol=0.2)
    back = conventions.removed(np.where(asked[..., np.newaxis], moved, np.nan), faces["true"], reference)
    np.testing.assert_allclose(back[asked], faces["true"][asked], atol=1e-9)
    asked[:, 5] = True
    np.testing.assert_array_equal(conventions.added(faces["true"], asked, reference), faces["true"])


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ({0: np.zeros((15, 2))}, "got the set 0, expected bits of 15 points"),
        ({1 << 15: np.zeros((15, 2))}, "got the set 32768"),
        ({1: np.zeros((2, 15))}, r"got an offset of shape \(2, 15\) for the set 1"),
        ({1: np.full((15, 2), np.nan)}, "expected .* finite px"),
        ({1: np.full((15, 2), 97.0)}, "96 at most"),
    ],
)
def test_wrong_offsets_are_refused(offsets: dict[int, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LabelConventions(offsets)


def test_sets_are_apart_from_0_3_px_on() -> None:
    """For any one point, in whatever direction."""
    near, far = np.zeros((15, 2)), np.zeros((15, 2))
    near[3], far[7] = [0.2, -0.2], [-0.25, 0.2]
    assert LabelConventions({1: near, 2: far}).sets_apart == (2,)
    assert LabelConventions().sets_apart == ()
