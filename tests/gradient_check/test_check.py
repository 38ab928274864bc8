"""`gradient_check`: networks, kinks, wrong formulas, and what it refuses."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check import compare_gradients, gradient_check, numerical_gradient, relative_error
from nnscratch.gradient_check.configurations import distinct_numbers
from tests.stress import random_gradients

BOUND = 1e-7

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

    errors = gradient_check(WrongDense(3, 2, rng=0), distinct_numbers((4, 3)))
    assert errors["weight"] > 1e-5
    assert max(errors["x"], errors["bias"]) <= BOUND


def test_the_checked_layer_stays_as_it_was() -> None:
    layer = nn.Dropout(0.5, rng=7)
    state = layer.rng.bit_generator.state
    gradient_check(layer, distinct_numbers((2, 3)))
    assert layer.rng.bit_generator.state == state
    dense = nn.Dense(3, 2, rng=0)
    before = dense.params["weight"].copy()
    gradient_check(dense, distinct_numbers((4, 3)))
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
    "LeakyReLU at 0": ([nn.LeakyReLU()], (3, 4)),
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


@pytest.mark.parametrize("make", [np.zeros, whole_numbers, distinct_numbers], ids=["zeros", "whole numbers", "smooth"])
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


def test_a_point_distinct_numbers_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[gradient_check.__module__], "_DISTANCE", np.nan)
    errors = gradient_check(WrongReLU(), distinct_numbers((3, 4)))
    assert errors["x"] == pytest.approx(0.0005, rel=0.01)


class EveryTie(nn.MaxPool2D):
    """dy to every maximum of a 2x2 window, in place of the first."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = super().forward(x, training)
        self.wins = x == y.repeat(2, axis=1).repeat(2, axis=2)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        super().backward(dy)
        return self.wins * dy.repeat(2, axis=1).repeat(2, axis=2)


def test_a_wrong_formula_for_ties_is_found_where_a_weight_moves_them_together() -> None:
    x = np.random.default_rng(3).integers(0, 2, (2, 4, 4, 1)).astype(float)
    wrong = gradient_check(nn.Sequential(nn.Conv2D(1, 2, 1, rng=1), EveryTie(2)), x)
    right = gradient_check(nn.Sequential(nn.Conv2D(1, 2, 1, rng=1), nn.MaxPool2D(2)), x)
    assert wrong["layer 0 weight"] > 1e-3
    assert wrong["layer 0 bias"] > 1e-3
    assert wrong["x"] <= BOUND  # moved off the ties, where they have no part
    assert max(right.values()) <= BOUND


def test_gradients_added_to_those_of_the_step_before_are_found() -> None:
    class Accumulating(nn.Dense):
        def backward_parameters(self, dy: np.ndarray) -> None:
            before = dict(self.grads)
            super().backward_parameters(dy)
            for name, gradient in before.items():
                self.grads[name] = self.grads[name] + gradient

    errors = gradient_check(Accumulating(3, 2, rng=0), distinct_numbers((4, 3)))
    assert errors["weight"] == pytest.approx(1 / 3, rel=1e-3)  # twice the right one
    assert errors["bias"] == pytest.approx(1 / 3, rel=1e-3)
    assert errors["x"] <= BOUND


def test_comparisons_belong_to_the_errors() -> None:
    network, x = nn.Sequential(nn.Dense(3, 2, rng=0), nn.ReLU(), WrongBias(2, 2, rng=1)), distinct_numbers((4, 3))
    comparisons = compare_gradients(network, x)
    assert {each.name: each.error for each in comparisons} == gradient_check(network, x)
    assert [each.name for each in comparisons if not each.right] == ["layer 2 bias"]
    assert [each.shape for each in comparisons] == [(4, 3), (3, 2), (2,), (2, 2), (2,)]
    assert all(each.written.base is None for each in comparisons)  # copies: backward overwrites its own


def test_loss_and_target_belong_together() -> None:
    x = distinct_numbers((4, 3))
    with pytest.raises(ValueError, match="gradient_check: got loss without target, expected both or neither; pass tar"):
        gradient_check(nn.Dense(3, 2), x, loss=nn.MSELoss())
    with pytest.raises(ValueError, match="gradient_check: got target without loss, expected both or neither; pass los"):
        gradient_check(nn.Dense(3, 2), x, target=np.ones((4, 2)))


def test_a_wrong_loss_is_found() -> None:
    class WrongLoss(nn.MSELoss):
        def backward(self) -> np.ndarray:
            return 2 * super().backward()

    errors = gradient_check(nn.Dense(3, 2), distinct_numbers((4, 3)), loss=WrongLoss(), target=np.ones((4, 2)))
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
            gradient_check(nn.Sequential(make(3, 2)), distinct_numbers((4, 3)))


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
        gradient_check(nn.Dense(3, 2), distinct_numbers((4, 3)), loss=Coarse(), target=np.ones((4, 2)))


def test_a_gradient_that_is_zero_but_for_rounding() -> None:
    # Contrast normalization always makes the same two numbers of two.
    network = nn.Sequential(nn.Dense(3, 2, bias_init="normal(1)", rng=0), nn.ContrastNormalization(1.0))
    assert max(gradient_check(network, distinct_numbers((2, 3))).values()) <= BOUND
    zeros = np.zeros(3)
    assert relative_error(zeros + 1e-14, zeros) == 1
    assert relative_error(zeros + 1e-14, zeros, rounding=1e-12) < BOUND
    assert relative_error(zeros + 1e-4, zeros, rounding=1e-12) > 0.9


def test_random_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert random_gradients.main(["--count", "4", "--seed", "1"]) == 0, capsys.readouterr().out


def test_a_wrong_gradient_in_random_networks_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nn.Dense, "backward_parameters", lambda self, dy: None)
    monkeypatch.setattr(random_gradients, "random_network", lambda rng: ([nn.Dense(3, 2, rng=0)], (2, 3)))
    assert random_gradients.main(["--count", "1"]) == 1
    assert "--seed 0 --first 0 --count 1: error" in capsys.readouterr().out
