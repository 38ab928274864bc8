"""The weight average against the formula, and how it takes the place of the model's weights."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels.updates import BLOCK


def model_of(dtype: type = np.float64) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 5, rng=0), nn.ReLU(), nn.Dense(5, 2, rng=1)).astype(dtype)


def averages(weights: list[list[np.ndarray]], decay: float) -> list[np.ndarray]:
    """The mean of the parameters at the beginning and after each step, in float64."""
    means = [w.astype(np.float64) for w in weights[0]]
    for n, step in enumerate(weights[1:], start=1):
        d = min(decay, (1 + n) / (10 + n))
        means = [d * mean + (1 - d) * w for mean, w in zip(means, step, strict=True)]
    return means


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-6)])
@pytest.mark.parametrize("decay", [0.3, 0.998])
def test_it_is_the_mean_of_the_formula(dtype: type, tolerance: float, decay: float) -> None:
    model, rng = model_of(dtype), np.random.default_rng(2)
    average, weights = nn.WeightAverage(model, decay), [model.copy_parameters()]
    for n in range(1, 8):
        for w in model.parameters():
            w[...] = rng.standard_normal(w.shape)
        weights.append(model.copy_parameters())
        average.update()
        assert average.updates == n
        for mean, expected in zip(average.parameters, averages(weights, decay), strict=True):
            np.testing.assert_allclose(mean, expected, rtol=tolerance, atol=tolerance)
            assert mean.dtype == dtype


def test_the_model_stays_as_it_is_and_the_beginning_is_forgotten() -> None:
    model = model_of()
    average = nn.WeightAverage(model, 0.998)
    for w in model.parameters():
        w += 100
    before = model.copy_parameters()
    for _ in range(20):
        average.update()
    for w, kept, mean in zip(model.parameters(), before, average.parameters, strict=True):
        np.testing.assert_array_equal(w, kept)
        assert 0 < np.abs(mean - w).max() < 100 * 1e-6


def test_arrays_of_several_blocks_and_strided_ones() -> None:
    model = nn.Sequential(nn.Dense(3, BLOCK // 2, bias=False, weight_init="constant(0)", rng=0))
    average = nn.WeightAverage(model, 0.5)
    values = np.random.default_rng(0).random((BLOCK // 2, 3), dtype=np.float32)
    model.layers[0].params["weight"] = values.T  # somebody's own array, in another order
    average.update()
    np.testing.assert_allclose(average.parameters[0], values.T * (9 / 11), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_place_gives_the_model_the_means_and_then_its_own_weights(dtype: type) -> None:
    model = model_of(dtype)
    arrays, x = list(model.parameters()), np.random.default_rng(0).standard_normal((6, 3)).astype(dtype)
    average = nn.WeightAverage(model, 0.9)
    for w in arrays:
        w += 1
    average.update()
    other = model_of(dtype)
    for w, mean in zip(other.parameters(), average.parameters, strict=True):
        w[...] = mean
    live, means = model.predict(x), other.copy_parameters()
    with average.in_place():
        np.testing.assert_array_equal(model.predict(x), other.predict(x))
        assert not np.allclose(model.predict(x), live)
        assert all(w is before for w, before in zip(model.parameters(), arrays, strict=True))
    np.testing.assert_array_equal(model.predict(x), live)
    for mean, before in zip(average.parameters, means, strict=True):
        np.testing.assert_array_equal(mean, before)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_weights_are_back_after_an_error(error: type[BaseException]) -> None:
    model = model_of()
    average = nn.WeightAverage(model, 0.9)
    for w in model.parameters():
        w += 1
    before = [w.tobytes() for w in model.parameters()]
    place = average.in_place()
    place.__enter__()
    assert [w.tobytes() for w in model.parameters()] != before
    assert not place.__exit__(error, error(), None)  # the error goes on
    assert [w.tobytes() for w in model.parameters()] == before


def test_a_copy_does_not_follow() -> None:
    model = model_of()
    average = nn.WeightAverage(model, 0.9)
    copy = average.copy()
    for w in model.parameters():
        w += 1
    average.update()
    assert all((mean != kept).all() for mean, kept in zip(average.parameters, copy, strict=True))


def test_it_is_usable_after_an_update_unless_it_met_infinity() -> None:
    model = model_of()
    average = nn.WeightAverage(model, 0.9)
    assert not average.is_usable
    average.update()
    assert average.is_usable
    model.layers[0].params["bias"][0] = np.inf
    average.update()
    assert not average.is_usable


@pytest.mark.parametrize("decay", [0, 1, -0.5, 1.5, np.nan, True, False, "0.9"])
def test_refuses_a_decay_out_of_its_range(decay: Any) -> None:
    with pytest.raises(ValueError, match=f"got decay={decay!r}|got decay=0, expected a number > 0 and < 1"):
        nn.WeightAverage(model_of(), decay)


def test_means_of_weights_that_fade_become_zero_and_not_subnormal() -> None:
    model = nn.Sequential(nn.Dense(1, 1, weight_init="constant(1)", rng=0))
    average = nn.WeightAverage(model, 0.5)
    model.layers[0].params["weight"][:] = 0
    values = []
    for _ in range(120):
        average.update()
        values.append(average.parameters[0].item())
    assert values[-1] == 0
    assert min(value for value in values if value) >= np.float32(1e-30)
    assert all(b <= a for a, b in itertools.pairwise(values))


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, 1e-30), (np.float64, 2e-300)])
def test_means_are_kept_down_to_the_threshold(dtype: type, least: float) -> None:
    model = nn.Sequential(nn.Dense(1, 1, weight_init="constant(1)", rng=0, dtype=dtype))
    average, values = nn.WeightAverage(model, 0.5), []
    model.layers[0].params["weight"][:] = 0
    for _ in range(1100):
        average.update()
        values.append(average.parameters[0].item())
    assert values[-1] == 0
    assert least <= min(value for value in values if value) < 4 * least


def test_its_default_is_that_of_its_docstring(defaults_stated: Any) -> None:
    assert defaults_stated(nn.WeightAverage) == {"decay"}
    assert nn.WeightAverage(model_of()).decay == 0.998


def test_the_average_of_layers_that_nobody_moves_is_their_weights() -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1), rng=0)
    optimizer, average = nn.SGD(model, lr=0.1, layers=[model[2]]), nn.WeightAverage(model, 0.9)
    for _ in range(5):
        model.backward(model.forward(np.ones((2, 2), np.float32), training=True))
        optimizer.step()
        average.update()
    same = [np.array_equal(mean, w) for mean, w in zip(average.parameters, model.parameters(), strict=True)]
    assert same == [True, True, False, False]
