"""Published networks: their sizes, first weights and layers are those of the originals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import networks


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


def test_hidden_biases_begin_with_one() -> None:
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


def test_a_block_halves_the_picture() -> None:
    block = nn.Sequential(*networks.conv_pool(1, 4, 3, np.random.default_rng(0)))
    assert block.predict(np.zeros((2, 20, 17, 1), np.float32)).shape == (2, 9, 7, 4)


def test_the_figure_has_no_hidden_dense_layers() -> None:
    dense = [layer for layer in networks.report_cnn(rng=0, head="figure").layers if isinstance(layer, nn.Dense)]
    assert [layer.params["weight"].shape for layer in dense] == [(144, 30)]
    with pytest.raises(ValueError, match="report_cnn: got head='neck', expected 'code' or 'figure'"):
        networks.report_cnn(head="neck")
