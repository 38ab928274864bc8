"""Losses and layers of one's own whose gradient is not theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.checks.wrong_gradient import Differenced
from tests.diagnosis.small_networks import adam, asked, both_tables, first, table


class Squares(nn.Loss):
    """A squared error: right at a factor of 1."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        self.slope = error * prediction.dtype.type(2 * self.factor / error.size)
        return float(np.square(error).mean())

    def backward(self) -> np.ndarray:
        slope: np.ndarray = self.take("slope")
        return slope


class OneColumn(nn.Loss):
    """The loss of targets (N,) and answers (N, 1), which NumPy makes (N, N) of."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        self.slope = (2 * error.mean(axis=1, keepdims=True) / len(error)).astype(prediction.dtype)
        return float(np.square(error).mean())

    def backward(self) -> np.ndarray:
        slope: np.ndarray = self.take("slope")
        return slope


@both_tables
@pytest.mark.parametrize(("factor", "words"), [(-1.0, "wrong sign"), (32.0, "32 times the slope")])
def test_a_loss_with_a_wrong_slope(network: Any, factor: float, words: str) -> None:
    model = network()
    finding = first(nn.diagnose(model, *table(), Squares(factor), adam(model)), "wrong_gradient")
    assert words in finding.message
    assert nn.diagnose(model, *table(), Squares(), adam(model)).codes == []


@both_tables
def test_the_remedy_is_tried(network: Any) -> None:
    diagnosis = asked(network(), table(), epochs=4, loss=Squares(-1.0), try_remedies=True)
    first(diagnosis, "wrong_gradient")
    assert diagnosis.trials[0].brings


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_answers_and_targets_that_are_broadcast(activation: Any) -> None:
    x, y = table()
    model = nn.Sequential(nn.Dense(6, 16, rng=0), activation(), nn.Dense(16, 1, rng=1))
    diagnosis = nn.diagnose(model, x, y[:, 0], OneColumn(), adam(model))
    assert "whichever row a target belongs to" in first(diagnosis, "wrong_gradient").message


def test_a_network_that_has_diverged_says_nothing_against_its_loss() -> None:
    """Its answers drown every target: each row would seem to be as good as another."""
    x, y = table()
    model: Any = nn.Sequential(nn.Dense(6, 16, rng=0), nn.ReLU(), nn.Dense(16, 2, rng=1))
    model.layers[-1].params["weight"] *= np.float32(1e15)
    assert "wrong_gradient" not in nn.diagnose(model, x, y, Squares(), adam(model)).codes


class Cube(nn.Layer):
    """y = x^3, whose slope is 3 x^2."""

    def __init__(self, slope: float = 3.0) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return x**3

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * dy.dtype.type(self.slope) * np.square(self.x)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


class Scale(nn.Layer):
    """y = w x, one weight per column; forgets the sum over rows if `wrong`."""

    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.wrong = wrong
        self.params["weight"] = np.ones(6, np.float32)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return x * self.params["weight"]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        each = dy * self.x
        self.grads["weight"] = each[-1] if self.wrong else each.sum(axis=0)
        return dy * self.params["weight"]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


@pytest.mark.parametrize("place", [0, 1])
def test_layers_with_a_wrong_slope(place: int) -> None:
    def network(*own: nn.Layer) -> Any:
        layers = [nn.Dense(6, 6, rng=0), nn.Tanh(), nn.Dense(6, 2, rng=1)]
        return nn.Sequential(*layers[:place], *own, *layers[place:])

    model = network(Cube(slope=1.0))
    finding = first(nn.diagnose(model, *table(), optimizer=adam(model)), "wrong_gradient")
    assert finding.layer == place
    assert "0.333 times the slope" in finding.message
    assert "weight" in first(nn.diagnose(network(Scale(wrong=True)), *table()), "wrong_gradient").message
    for right in (Cube(), Scale(wrong=False)):
        assert "wrong_gradient" not in nn.diagnose(network(right), *table()).codes


def test_a_slope_by_differences_is_the_slope() -> None:
    x = np.random.default_rng(0).standard_normal((4, 3))
    layer = Differenced(Cube(slope=1.0))
    layer.forward(x, training=True)
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), 3 * x**2, rtol=1e-3)
    assert layer.output_shape((3,)) == (3,)
