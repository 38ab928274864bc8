"""Every hand-written gradient against finite differences. A new layer: one more line in LAYERS."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check import gradient_check, numerical_gradient, relative_error

BOUND = 1e-7

LAYERS = [
    (nn.Dense(5, 4, rng=1), (3, 5)),
    (nn.Dense(1, 1, rng=1), (1, 1)),
    (nn.Dense(5, 4, bias=False, rng=1), (3, 5)),
    (nn.Conv2D(2, 3, 3, rng=1), (2, 5, 6, 2)),
    (nn.Conv2D(1, 2, (2, 4), stride=(2, 1), padding=(1, 2), rng=1), (3, 5, 6, 1)),
    (nn.Conv2D(3, 1, 2, stride=3, rng=1), (2, 7, 6, 3)),
    (nn.Conv2D(2, 2, 1, bias=False, rng=1), (1, 3, 2, 2)),
    (nn.MaxPool2D(2), (2, 5, 4, 3)),
    (nn.MaxPool2D(3, stride=2), (2, 7, 6, 2)),
    (nn.MaxPool2D((1, 3), stride=(2, 1)), (1, 5, 5, 2)),
    (nn.ReLU(), (4, 3, 2)),
    (nn.Dropout(0.5, rng=1), (4, 6)),
    (nn.Dropout(0.0, rng=1), (4, 6)),
    (nn.Flatten(), (3, 2, 2, 2)),
    (nn.ContrastNormalization(), (2, 3, 4, 2)),
    (nn.ContrastNormalization(0.5, floor=3.0), (3, 6)),  # all pictures flat
]
NETWORKS = [
    (nn.Sequential(nn.Dense(6, 5, rng=1), nn.ReLU(), nn.Dropout(0.4, rng=2), nn.Dense(5, 3, rng=3)), (4, 6)),
    (
        nn.Sequential(
            nn.Conv2D(1, 3, 3, bias_init="normal(0.1)", rng=1),
            nn.ReLU(),
            nn.MaxPool2D(2),
            nn.Conv2D(3, 2, 2, padding=1, rng=2),
            nn.ReLU(),
            nn.MaxPool2D(2, stride=1),
            nn.Flatten(),
            nn.Dense(32, 4, rng=3),
            nn.ReLU(),
            nn.Dropout(0.5, rng=4),
            nn.Dense(4, 3, rng=5),
        ),
        (3, 10, 10, 1),
    ),
]


def away_from_kinks(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Distinct numbers, none near 0 or near another: ReLU and max have a derivative at each."""
    values = (np.arange(np.prod(shape)) + 0.5) / np.prod(shape) * 4 - 2
    return np.random.default_rng(seed).permutation(values).reshape(shape)


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=[repr(layer) for layer, _ in LAYERS])
def test_layer_gradients(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    errors = gradient_check(layer, away_from_kinks(shape))
    assert set(errors) == {"x", *layer.params}
    assert max(errors.values()) <= BOUND, errors


@pytest.mark.parametrize(("network", "shape"), NETWORKS, ids=["mlp", "cnn"])
@pytest.mark.parametrize("missing", [0.0, 0.5], ids=["all labelled", "half labelled"])
def test_network_gradients_through_the_masked_loss(
    network: nn.Sequential, shape: tuple[int, ...], missing: float
) -> None:
    rng = np.random.default_rng(5)
    x = rng.random(shape)
    target = rng.standard_normal((shape[0], 3))
    target[rng.random(target.shape) < missing] = np.nan
    errors = gradient_check(network, x, loss=nn.MSELoss(), target=target)
    assert len(errors) == 1 + sum(len(layer.params) for layer in network.layers)
    assert max(errors.values()) <= BOUND, errors


def test_masked_loss_gradient() -> None:
    rng = np.random.default_rng(3)
    prediction, target = rng.standard_normal((4, 6)), rng.standard_normal((4, 6))
    target[rng.random(target.shape) < 0.4] = np.nan
    loss = nn.MSELoss()
    loss.forward(prediction, target)
    written = loss.backward()
    assert relative_error(numerical_gradient(lambda: loss.forward(prediction, target), prediction), written) <= BOUND


def test_a_wrong_gradient_is_found() -> None:
    class WrongDense(nn.Dense):
        def backward_parameters(self, dy: np.ndarray) -> None:
            super().backward_parameters(dy)
            self.grads["weight"] *= 1.0001

    errors = gradient_check(WrongDense(3, 2, rng=0), away_from_kinks((4, 3)))
    assert errors["weight"] > 1e-5
    assert max(errors["x"], errors["bias"]) <= BOUND


def test_the_checked_layer_stays_as_it_was() -> None:
    layer = nn.Dropout(0.5, rng=7)
    state = layer.rng.bit_generator.state
    gradient_check(layer, away_from_kinks((2, 3)))
    assert layer.rng.bit_generator.state == state
    dense = nn.Dense(3, 2, rng=0)
    before = dense.params["weight"].copy()
    gradient_check(dense, away_from_kinks((4, 3)))
    assert dense.grads == {}
    np.testing.assert_array_equal(dense.params["weight"], before)


def test_a_kink_close_by_is_stepped_around() -> None:
    x = np.array([[1e-5, -1e-5, 2e-4]])  # ReLU's kink lies within the first step, and within several after it
    assert gradient_check(nn.ReLU(), x)["x"] <= BOUND
