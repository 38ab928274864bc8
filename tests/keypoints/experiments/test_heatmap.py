"""Maps: points that go into a map and come out again, and the loss that learns them."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.experiments.heatmap import expected_point, highest_pixel, pixel_map, soft_map


def test_points_go_into_maps_and_come_out_again() -> None:
    points = np.random.default_rng(0).uniform(10, 85, (20, 2))
    hard, soft = pixel_map(points), soft_map(points, 2.0)
    assert hard.sum(axis=1).tolist() == [1.0] * 20
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(highest_pixel(hard), np.rint(points))
    np.testing.assert_array_equal(highest_pixel(soft), np.rint(points))
    np.testing.assert_allclose(expected_point(soft), points, atol=0.01)


def test_x_goes_along_the_row_and_a_point_outside_counts_at_the_border() -> None:
    assert pixel_map(np.array([[5.0, 2.0]])).reshape(96, 96)[2, 5] == 1
    assert pixel_map(np.array([[-3.0, 200.0]])).reshape(96, 96)[95, 0] == 1


@pytest.mark.parametrize("points", [np.array([[np.nan, 1.0]]), np.zeros((2, 3)), np.zeros(2)])
def test_points_without_a_label_have_no_map(points: np.ndarray) -> None:
    for make in (pixel_map, lambda p: soft_map(p, 1.0)):
        with pytest.raises(ValueError, match="without NaN"):
            make(points)


def test_soft_map_needs_a_width() -> None:
    with pytest.raises(ValueError, match="sigma=0"):
        soft_map(np.zeros((1, 2)), 0)


def test_zeros_are_nearly_optimal_under_squared_error_and_not_under_cross_entropy() -> None:
    """The cause of the report's "goes very bad": what zeros lose, and how hard the right pixel
    pulls.
    """
    target = pixel_map(np.array([[30.0, 40.0]]))
    squares, entropy = nn.MSELoss(), nn.SoftmaxCrossEntropy()
    assert squares.forward(np.zeros_like(target), target) == pytest.approx(1 / 9216)
    assert entropy.forward(np.zeros_like(target), target) == pytest.approx(np.log(9216), rel=1e-5)
    assert np.abs(entropy.backward()).max() > 4000 * np.abs(squares.backward()).max()
