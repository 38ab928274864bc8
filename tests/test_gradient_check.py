"""Every hand-written gradient against finite differences. A new layer: one more line in LAYERS."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check import gradient_check, numerical_gradient, relative_error
from tests.stress import random_gradients

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
    (nn.AveragePool2D(2), (2, 5, 4, 3)),
    (nn.AveragePool2D(3, stride=2), (2, 7, 6, 2)),
    (nn.AveragePool2D((1, 3), stride=(2, 1)), (1, 5, 5, 2)),
    (nn.ReLU(), (4, 3, 2)),
    (nn.LeakyReLU(), (4, 3, 2)),
    (nn.LeakyReLU(0.3), (4, 5)),
    (nn.Sigmoid(), (4, 3, 2)),
    (nn.Tanh(), (4, 3, 2)),
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


def whole_numbers(shape: tuple[int, ...]) -> np.ndarray:
    """Few values, and so many ties."""
    return np.random.default_rng(0).integers(-1, 2, shape).astype(float)


def three_dense() -> list[nn.Layer]:
    return [nn.Dense(4, 5, rng=0), nn.ReLU(), nn.Dense(5, 6, rng=1), nn.ReLU(), nn.Dense(6, 2, rng=2)]


ON_KINKS: dict[str, tuple[list[nn.Layer], tuple[int, ...]]] = {
    "ReLU at 0": ([nn.ReLU()], (3, 4)),
    "equal maxima": ([nn.MaxPool2D(2)], (2, 4, 4, 2)),
    "overlapping pools": ([nn.MaxPool2D(3, 1)], (1, 5, 4, 1)),
    "biases of 0": (three_dense(), (3, 4)),
    "image vectors": (
        [nn.Conv2D(1, 3, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(3, 4, 2, rng=1), nn.ReLU(), nn.MaxPool2D(2)],
        (2, 9, 8, 1),
    ),
    "channel vectors": ([nn.Conv2D(1, 20, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2D(2)], (2, 5, 4, 1)),
    "layer by layer": ([nn.Conv2D(1, 3, 2, stride=2, rng=0), nn.MaxPool2D(2), nn.ReLU()], (2, 7, 6, 1)),
    "an empty picture": ([nn.ContrastNormalization(), nn.Flatten(), nn.Dense(6, 3, rng=0), nn.ReLU()], (2, 6)),
}


@pytest.mark.parametrize(("layers", "shape"), ON_KINKS.values(), ids=ON_KINKS)
@pytest.mark.parametrize("make", [np.zeros, whole_numbers], ids=["zeros", "whole numbers"])
@pytest.mark.parametrize("fuse", [True, False])
def test_no_false_alarm_on_kinks(layers: list[nn.Layer], shape: tuple[int, ...], make: Any, fuse: bool) -> None:
    errors = gradient_check(nn.Sequential(*layers, fuse=fuse), make(shape))
    assert max(errors.values()) <= BOUND, errors


class WrongReLU(nn.ReLU):
    def backward(self, dy: np.ndarray) -> np.ndarray:
        return 1.001 * super().backward(dy)


class LeakyBackward(nn.ReLU):
    def backward(self, dy: np.ndarray) -> np.ndarray:
        return super().backward(dy) + 0.001 * dy


class WrongPool(nn.MaxPool2D):
    """To the last place of each window, whichever won."""

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.argmax = np.full_like(self.argmax, 3)
        return super().backward(dy)


class WrongBias(nn.Dense):
    def backward_parameters(self, dy: np.ndarray) -> None:
        super().backward_parameters(dy)
        self.grads["bias"] = self.grads["bias"] / len(dy)


@pytest.mark.parametrize("make", [np.zeros, whole_numbers, away_from_kinks], ids=["zeros", "whole numbers", "smooth"])
@pytest.mark.parametrize("layer", [WrongReLU(), LeakyBackward(), WrongPool(2), WrongBias(4, 3, rng=0)], ids=repr)
def test_a_wrong_formula_is_found_on_kinks_too(layer: nn.Layer, make: Any) -> None:
    shape = (2, 4, 4, 2) if isinstance(layer, WrongPool) else (3, 4)
    assert max(gradient_check(layer, make(shape)).values()) > 1e-5


def test_a_wrong_formula_inside_a_network_on_kinks() -> None:
    layers = three_dense()
    layers[2] = WrongBias(5, 6, rng=1)
    errors = gradient_check(nn.Sequential(*layers), np.zeros((3, 4)))
    assert errors["layer 2 bias"] > 1e-5
    assert errors["layer 4 weight"] <= BOUND


def test_a_point_away_from_kinks_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[gradient_check.__module__], "_DISTANCE", np.nan)
    errors = gradient_check(WrongReLU(), away_from_kinks((3, 4)))
    assert errors["x"] == pytest.approx(0.0005, rel=0.01)


def test_loss_and_target_belong_together() -> None:
    x = away_from_kinks((4, 3))
    with pytest.raises(ValueError, match="gradient_check: got loss without target, expected both or neither; pass tar"):
        gradient_check(nn.Dense(3, 2), x, loss=nn.MSELoss())
    with pytest.raises(ValueError, match="gradient_check: got target without loss, expected both or neither; pass los"):
        gradient_check(nn.Dense(3, 2), x, target=np.ones((4, 2)))


def test_a_wrong_loss_is_found() -> None:
    class WrongLoss(nn.MSELoss):
        def backward(self) -> np.ndarray:
            return 2 * super().backward()

    errors = gradient_check(nn.Dense(3, 2), away_from_kinks((4, 3)), loss=WrongLoss(), target=np.ones((4, 2)))
    assert min(errors.values()) == pytest.approx(1 / 3, rel=1e-3)


def test_a_layer_that_sets_no_gradient_is_named() -> None:
    class Forgetful(nn.Dense):
        def backward_parameters(self, dy: np.ndarray) -> None:
            super().backward_parameters(dy)
            del self.grads["bias"]

    class Short(nn.Dense):
        def backward_parameters(self, dy: np.ndarray) -> None:
            super().backward_parameters(dy)
            self.grads["bias"] = self.grads["bias"].sum()

    for make, got in ((Forgetful, "no gradient"), (Short, r"a gradient of shape \(\)")):
        message = rf"gradient_check: got {got} of 'bias' in {make.__name__}\(3, 2\), expected"
        with pytest.raises(ValueError, match=message):
            gradient_check(nn.Sequential(make(3, 2)), away_from_kinks((4, 3)))


def test_x_of_whole_numbers_and_of_float32() -> None:
    for dtype in (np.int64, np.uint8, np.float32):
        errors = gradient_check(nn.Dense(3, 2, rng=0), np.arange(12).reshape(4, 3).astype(dtype))
        assert max(errors.values()) <= BOUND
    with pytest.raises(ValueError, match="gradient_check: got x of type list, expected a NumPy array"):
        gradient_check(nn.Dense(3, 2), [[1.0, 2.0, 3.0]])  # type: ignore[arg-type]


def test_a_loss_in_float32_is_refused() -> None:
    class Coarse(nn.MSELoss):
        def forward(self, prediction: np.ndarray, target: np.ndarray) -> Any:
            return np.float32(super().forward(prediction, target))

    with pytest.raises(ValueError, match="gradient_check: got a loss of dtype float32, expected float64; compute it"):
        gradient_check(nn.Dense(3, 2), away_from_kinks((4, 3)), loss=Coarse(), target=np.ones((4, 2)))


def test_a_gradient_that_is_zero_but_for_rounding() -> None:
    # Of two numbers, contrast normalization always makes the same two.
    network = nn.Sequential(nn.Dense(3, 2, bias_init="normal(1)", rng=0), nn.ContrastNormalization(1.0))
    assert max(gradient_check(network, away_from_kinks((2, 3))).values()) <= BOUND
    zeros = np.zeros(3)
    assert relative_error(zeros + 1e-14, zeros) == 1
    assert relative_error(zeros + 1e-14, zeros, rounding=1e-12) < BOUND
    assert relative_error(zeros + 1e-4, zeros, rounding=1e-12) > 0.9


def test_random_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert random_gradients.main(["--count", "6", "--seed", "1"]) == 0, capsys.readouterr().out


def test_a_wrong_gradient_in_random_networks_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nn.Dense, "backward_parameters", lambda self, dy: None)
    monkeypatch.setattr(random_gradients, "random_network", lambda rng: ([nn.Dense(3, 2, rng=0)], (2, 3)))
    assert random_gradients.main(["--count", "1"]) == 1
    assert "--seed 0 --first 0 --count 1: error" in capsys.readouterr().out
