"""The formulas give the real numbers, but for last digits; the difference makes up for these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.tracing import recomputed

OPTIMIZERS: dict[str, Any] = {
    "plain": lambda model: nn.SGD(model, lr=0.1, weight_decay=0.1),
    "momentum": lambda model: nn.SGD(model, lr=0.1, momentum=0.9),
    "decay": lambda model: nn.SGD(model, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda model: nn.SGD(model, lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.01),
    "adam": lambda model: nn.Adam(model, lr=0.01),
    "adam with decay": lambda model: nn.Adam(model, lr=0.01, betas=(0.8, 0.9), epsilon=1e-6, weight_decay=0.1),
}


def steps(dtype: Any, name: str, count: int = 3) -> nn.Trace:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(20, 30, rng=1, dtype=dtype), nn.ReLU(), nn.Dense(30, 4, rng=2, dtype=dtype))
    x, y = rng.standard_normal((6, 20)).astype(dtype), rng.standard_normal((6, 4)).astype(dtype)
    optimizer = OPTIMIZERS[name](model)
    for _ in range(count):
        trace = nn.trace(model, x, y, nn.MSELoss(), optimizer)
    return trace


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_update_is_the_optimizers_but_for_last_digits(name: str, dtype: Any) -> None:
    trace = steps(dtype, name)
    for layer in trace.layers:
        for parameter in layer.parameters.values():
            decay = trace.settings["weight_decay"] if parameter.name == "weight" else 0.0
            updated = recomputed.update(
                trace.settings, decay, parameter.before, parameter.gradient, parameter.memory_before
            )
            assert updated is not None
            after, memory = updated
            tolerance = 4 * np.finfo(dtype).eps
            for mine, real in [
                (after, parameter.after),
                *((memory[key], parameter.memory_after[key]) for key in memory),
            ]:
                assert mine.dtype == real.dtype
                np.testing.assert_allclose(mine, real, rtol=tolerance, atol=tolerance * np.abs(real).max())


def test_an_unknown_optimizer_has_no_formula() -> None:
    one = np.ones(1)
    assert recomputed.update({"rule": None}, 0.0, one, one, {}) is None
    assert recomputed.update({"rule": "SGD"}, 0.0, one, one, {"other": one}) is None


def test_dense_gradient_is_the_layers_but_for_last_digits() -> None:
    for layer in steps(np.float32, "plain").layers:
        if layer.parameters:
            real = layer.parameters["weight"].gradient
            np.testing.assert_allclose(recomputed.dense_gradient(layer.x, layer.dy), real, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_difference_turns_the_formula_into_the_real_numbers(dtype: Any) -> None:
    formula = np.array([[1.0, -2.0], [0.0, 3.0]], dtype)
    real = np.array([[np.nextafter(dtype(1), dtype(2)), -2.0], [-0.0, np.nan]], dtype)
    difference = recomputed.difference(formula, real)
    assert difference.shape == (real.dtype.itemsize, real.size)
    back = (formula.reshape(-1).view(np.uint8).reshape(real.size, -1) ^ difference.T).tobytes()
    assert back == real.tobytes()
    assert not recomputed.difference(real, real).any()


def test_starting_factors_are_adams() -> None:
    settings = {"rule": "Adam", "betas": (0.9, 0.99), "steps": 2, "lr": 0.1}
    factors = recomputed.starting_factors(settings)
    assert factors["rate"] == pytest.approx(0.1 / 0.19)
    assert factors["correction"] == pytest.approx(1 / np.sqrt(1 - 0.99**2))
    assert recomputed.starting_factors({"rule": "SGD"}) == {}
