"""Clipping: the norm over all gradients, and what is left of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels.updates import BLOCK


def model_of(dtype: type, scale: float = 1.0, seed: int = 0) -> tuple[nn.Sequential, list[np.ndarray]]:
    """A model with gradients, and these in float64."""
    model = nn.Sequential(nn.Dense(3, 5, rng=0), nn.ReLU(), nn.Dense(5, 2, rng=1)).astype(dtype)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.grads = {name: (scale * rng.standard_normal(w.shape)).astype(dtype) for name, w in layer.params.items()}
    return model, [dw.astype(np.float64) for dw in gradients(model)]


def gradients(model: nn.Sequential) -> list[np.ndarray]:
    return [dw for layer in model.layers for dw in layer.grads.values()]


def norm_of(arrays: list[np.ndarray]) -> float:
    return float(np.linalg.norm(np.concatenate([dw.reshape(-1) for dw in arrays])))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-7)])
def test_one_factor_for_all_gradients(dtype: type, tolerance: float) -> None:
    model, before = model_of(dtype)
    arrays = gradients(model)
    norm = nn.clip_gradients(model, 0.5)
    assert norm == pytest.approx(norm_of(before), rel=1e-14)
    for dw, old in zip(arrays, before, strict=True):  # in place: the same arrays
        np.testing.assert_allclose(dw, old * (0.5 / norm), rtol=tolerance)
        assert dw.dtype == dtype
    assert nn.clip_gradients(model, 0.5) == pytest.approx(0.5, rel=1e-6)


def test_a_short_gradient_stays_bit_by_bit() -> None:
    model, before = model_of(np.float32)
    norm = nn.clip_gradients(model, 100)
    assert norm == pytest.approx(norm_of(before), rel=1e-14)
    nn.clip_gradients(model, norm)  # exactly as long as allowed
    for dw, old in zip(gradients(model), before, strict=True):
        np.testing.assert_array_equal(dw, old)


def test_float32_gradients_whose_squares_float32_cannot_hold() -> None:
    model, before = model_of(np.float32, scale=1e25)
    assert nn.clip_gradients(model, 1.0) == pytest.approx(norm_of(before), rel=1e-14)
    assert norm_of([dw.astype(np.float64) for dw in gradients(model)]) == pytest.approx(1, rel=1e-6)
    model, before = model_of(np.float32, scale=1e-25)
    assert nn.clip_gradients(model, 1.0) == pytest.approx(norm_of(before), rel=1e-14)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_stays_for_the_training_to_see(value: float) -> None:
    model, before = model_of(np.float32)
    model.layers[2].grads["bias"][0] = before[3][0] = value
    assert not np.isfinite(nn.clip_gradients(model, 0.5))
    for dw, old in zip(gradients(model), before, strict=True):
        np.testing.assert_array_equal(dw, old)


def test_large_and_strided_gradients_the_same_on_any_number_of_threads() -> None:
    size = 2 * BLOCK + 5
    values = np.random.default_rng(0).standard_normal((2, size)).astype(np.float32)
    norms = []
    for threads in (1, 2, 3):
        nn.set_threads(threads)
        layer = nn.Dense(1, size, weight_init="constant(0)", rng=0)
        layer.grads = {"weight": values[:1].copy(), "bias": np.repeat(values[1], 2)[::2]}
        norms.append(nn.clip_gradients(nn.Sequential(layer), 1.0))
    nn.set_threads(None)
    assert norms[0] == norms[1] == norms[2] == pytest.approx(np.sqrt(np.square(values, dtype=np.float64).sum()))
    np.testing.assert_allclose(layer.grads["bias"], values[1] / norms[0], rtol=1e-6)


def test_refuses_a_missing_gradient() -> None:
    model, _ = model_of(np.float32)
    del model.layers[2].grads["bias"]
    with pytest.raises(ValueError, match=r"got no gradient of 'bias' in Dense\(5, 2.*; call backward before"):
        nn.clip_gradients(model, 1.0)


@pytest.mark.parametrize("max_norm", [0, -1.0, np.nan, np.inf, "1"])
def test_refuses_a_norm_out_of_its_range(max_norm: Any) -> None:
    with pytest.raises(ValueError, match=f"got max_norm={max_norm!r}"):
        nn.clip_gradients(model_of(np.float32)[0], max_norm)


def test_frozen_layers_are_no_part_of_the_gradient() -> None:
    layers = [nn.Dense(1, 1, bias=False, rng=0) for _ in range(2)]
    for layer, value in zip(layers, (30, 40), strict=True):
        layer.grads = {"weight": np.full((1, 1), value, np.float32)}
    model = nn.Sequential(*layers)
    layers[0].frozen = True
    assert nn.clip_gradients(model, 20) == 40
    assert [layer.grads["weight"].item() for layer in layers] == [30, 20]
    layers[0].grads = {}  # a frozen layer need not have any
    assert nn.clip_gradients(model, 20) == 20
    layers[1].frozen = True
    assert nn.clip_gradients(model, 20) == 0


def test_the_norm_is_that_of_the_layers_asked_for() -> None:
    layers = [nn.Dense(1, 1, bias=False, rng=0) for _ in range(3)]
    for layer, value in zip(layers, (30, 40, 500), strict=True):
        layer.grads = {"weight": np.full((1, 1), value, np.float32)}
    model = nn.Sequential(*layers)
    layers[2].grads = {}  # of a layer that nobody trains none is needed
    assert nn.clip_gradients(model, 5, layers=layers[:2]) == 50
    assert [layer.grads["weight"].item() for layer in layers[:2]] == [3, 4]
    with pytest.raises(ValueError, match=r"clip_gradients: got Dense\(1, 1\) in layers, which is not in the model"):
        nn.clip_gradients(model, 5, layers=[nn.Dense(1, 1)])
