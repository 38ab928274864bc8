from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.faces import to_points
from nnscratch.keypoints.metrics import mean_face
from nnscratch.keypoints.start import centre_on, start_from_mean, start_from_mean_face


# Parameters counted by hand from the report's figures.
@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (networks.report_mlp, 9216 * 256 + 256 + 256 * 100 + 100 + 100 * 30 + 30),
        (networks.report_cnn, (25 + 1) * 2 + (50 + 1) * 4 + (64 + 1) * 8 + (128 + 1) * 16 + 2 * 145 * 144 + 145 * 30),
        (
            networks.report_large_cnn,
            10 * 8 + 33 * 16 + 65 * 32 + 129 * 64 + 257 * 128 + 2 * 513 * 512 + 513 * 30,
        ),
        (networks.kfkd, 10 * 32 + 129 * 64 + 257 * 128 + 15489 * 500 + 501 * 500 + 501 * 30),
    ],
)
def test_sizes(make: Callable[..., nn.Sequential], parameters: int) -> None:
    network = make(rng=0)
    assert sum(value.size for layer in network.layers for value in layer.params.values()) == parameters
    assert network.predict(np.zeros((1, 96, 96, 1), np.float32)).shape == (1, 30)


def test_the_report_began_hidden_dense_layers_with_a_bias_of_one() -> None:
    dense = [layer for layer in networks.report_cnn(rng=0).layers if isinstance(layer, nn.Dense)]
    assert [layer.params["bias"][0] for layer in dense] == [1.0, 1.0, 0.0]
    bound = (6 / (144 + 144)) ** 0.5
    assert 0.99 * bound < np.abs(dense[0].params["weight"]).max() <= bound


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_follows_each_hidden_dense_layer(dropout: float) -> None:
    kinds = [type(layer).__name__ for layer in networks.report_mlp(rng=0, dropout=dropout).layers]
    hidden = ["Dense", "ReLU", "Dropout"] if dropout else ["Dense", "ReLU"]
    assert kinds == ["Flatten", *hidden, *hidden, "Dense"]


def test_the_seed_decides_the_weights() -> None:
    a, b, c = (networks.report_cnn(rng=seed).layers[0].params["weight"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_network_starts_from_the_mean_of_its_labels() -> None:
    """Whatever it is shown; a target without any label begins with 0."""
    y = np.array([[1, np.nan, np.nan], [3, 5, np.nan], [np.nan, 6, np.nan]], np.float32)
    network = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, 3, rng=0))
    hidden = network.layers[0].params["weight"].copy()
    start_from_mean(network, y)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(network.predict(x), np.tile(np.float32([2, 5.5, 0]), (5, 1)))
    np.testing.assert_array_equal(network.layers[0].params["weight"], hidden)


def test_a_network_starts_from_the_mean_face() -> None:
    """A coordinate that no face has begins in the middle of the picture."""
    points = np.random.default_rng(0).uniform(20, 76, (6, 15, 2)).astype(np.float32)
    points[:3, 4] = np.nan
    points[:, 7] = np.nan
    network = networks.report_mlp(rng=0)
    start_from_mean_face(network, points)
    found = to_points(network.predict(np.random.default_rng(1).random((2, 96, 96, 1), np.float32)))
    np.testing.assert_allclose(found, np.tile(mean_face(points), (2, 1, 1)), atol=1e-4)
    np.testing.assert_allclose(found[:, 7], 48)


def test_a_network_is_centred_on_its_rows() -> None:
    """The mean error of each output over its labels is gone; an output without labels, and what differs, stay."""
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
