"""The bias of the last layer: the mean face before a training, no mean error after it."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.keypoints.faces import to_points
from nnscratch.keypoints.metrics import mean_face
from nnscratch.keypoints.networks import report_mlp
from nnscratch.keypoints.start import centre_on, start_from_mean, start_from_mean_face


def test_a_network_starts_from_the_mean_of_its_labels() -> None:
    """For every picture; a target without any label starts at 0."""
    y = np.array([[1, np.nan, np.nan], [3, 5, np.nan], [np.nan, 6, np.nan]], np.float32)
    network = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, 3, rng=0))
    hidden = network.layers[0].params["weight"].copy()
    start_from_mean(network, y)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(network.predict(x), np.tile(np.float32([2, 5.5, 0]), (5, 1)))
    np.testing.assert_array_equal(network.layers[0].params["weight"], hidden)


def test_a_network_starts_from_the_mean_face() -> None:
    """A coordinate without any label starts in the middle of the picture."""
    points = np.random.default_rng(0).uniform(20, 76, (6, 15, 2)).astype(np.float32)
    points[:3, 4] = np.nan
    points[:, 7] = np.nan
    network = report_mlp(rng=0)
    start_from_mean_face(network, points)
    found = to_points(network.predict(np.random.default_rng(1).random((2, 96, 96, 1), np.float32)))
    np.testing.assert_allclose(found, np.tile(mean_face(points), (2, 1, 1)), atol=1e-4)
    np.testing.assert_allclose(found[:, 7], 48)


def test_a_network_is_centred_on_its_rows() -> None:
    """The mean error of each output is gone; an output without labels, and differences, stay."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 4)).astype(np.float32), rng.normal(5, 1, (20, 3)).astype(np.float32)
    y[:10, 1] = np.nan
    y[:, 2] = np.nan
    network = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, 3, rng=0))
    before = network.predict(x)
    centre_on(network, x, y)
    after = network.predict(x)
    np.testing.assert_allclose(np.nanmean(y[:, :2] - after[:, :2], axis=0), 0, atol=1e-5)
    np.testing.assert_array_equal(after[:, 2], before[:, 2])
    change = after - before
    np.testing.assert_allclose(change, np.tile(change[0], (20, 1)), atol=1e-5)
    assert network.layers[-1].params["bias"].dtype == np.float32
