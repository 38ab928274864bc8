from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check import gradient_check


def in_numpy(x: np.ndarray, spread: float = 0.25, floor: float = 0.02) -> np.ndarray:
    axes = tuple(range(1, x.ndim))
    mean, std = x.mean(axis=axes, keepdims=True), x.std(axis=axes, keepdims=True)
    y: np.ndarray = spread * (x - mean) / np.maximum(std, floor)
    return y


@pytest.mark.parametrize("shape", [(3, 8), (1, 5, 4), (4, 6, 5, 1), (2, 3, 4, 3), (2, 2, 3, 2, 2)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_the_formula(shape: tuple[int, ...], dtype: Any, tolerance: float) -> None:
    x = np.random.default_rng(0).random(shape).astype(dtype)
    y = nn.ContrastNormalization(0.5, floor=0.1).forward(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, in_numpy(x.astype(np.float64), 0.5, 0.1), rtol=tolerance, atol=tolerance)


def test_every_picture_comes_out_alike_whatever_its_light() -> None:
    x = np.random.default_rng(0).random((1, 12, 12, 1))
    y = nn.ContrastNormalization().forward(np.concatenate([x, 0.2 * x + 0.7, 3 * x]))
    np.testing.assert_allclose(y[1:], np.stack([y[0], y[0]]), rtol=1e-12)
    np.testing.assert_allclose([y[0].mean(), y[0].std()], [0, 0.25], atol=1e-14)


def test_a_flat_picture_stays_flat() -> None:
    layer = nn.ContrastNormalization()
    x = np.full((3, 4, 4, 1), 0.1, np.float32)
    x[1, 0, 0] += 0.01  # a picture of 2.5 thousandths
    x[2, ::2] += 0.05
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y[0], 0)
    np.testing.assert_allclose(y[1:].std(axis=(1, 2, 3)), [0.25 * x[1].std() / 0.02, 0.25], rtol=1e-5)
    dy = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    dx = layer.backward(dy)
    expected = 0.25 / 0.02 * (dy[:2] - dy[:2].mean(axis=(1, 2, 3), keepdims=True))
    np.testing.assert_allclose(dx[:2], expected, rtol=1e-5, atol=1e-5)


def test_gradients_of_pictures_above_and_below_the_floor_in_one_batch() -> None:
    rng = np.random.default_rng(0)
    x = 0.5 + np.array([1.0, 0.2, 0.0, 3.0])[:, np.newaxis, np.newaxis] * rng.standard_normal((4, 3, 4))
    assert [row.std() > 0.4 for row in x] == [True, False, False, True]
    for seed in range(3):
        assert gradient_check(nn.ContrastNormalization(0.7, floor=0.4), x, seed=seed)["x"] <= 1e-7


def test_a_single_number_a_picture_says_nothing() -> None:
    layer = nn.ContrastNormalization()
    np.testing.assert_array_equal(layer.forward(np.array([[3.0], [7.0]]), training=True), 0)
    np.testing.assert_array_equal(layer.backward(np.ones((2, 1))), 0)


def test_the_gradient_knows_neither_brightness_nor_contrast() -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.random((2, 3, 96, 96, 1), dtype=np.float32)
    layer = nn.ContrastNormalization()
    y = layer.forward(x, training=True)
    dx = layer.backward(dy).astype(np.float64)
    assert np.abs(dx.mean(axis=(1, 2, 3))).max() < 1e-7
    assert np.abs((dx * y).mean(axis=(1, 2, 3))).max() < 1e-7


def test_what_was_returned_is_not_overwritten() -> None:
    layer = nn.ContrastNormalization()
    x = np.random.default_rng(0).random((2, 3, 4), dtype=np.float32)
    y = layer.forward(x, training=True)
    dx = layer.backward(y)
    before = y.copy(), dx.copy()
    layer.forward(x[::-1], training=True)
    layer.backward(2 * y)
    np.testing.assert_array_equal([y, dx], before)


def test_inference_between_forward_and_backward() -> None:
    layer = nn.ContrastNormalization()
    x, other, dy = np.random.default_rng(0).random((3, 4, 5, 5, 1))
    layer.forward(x, training=True)
    expected = layer.backward(dy)
    layer.forward(x, training=True)
    layer.forward(other)
    np.testing.assert_array_equal(layer.backward(dy), expected)


@pytest.mark.parametrize("name", ["spread", "floor"])
@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, True, "0.25", None, 1j])
def test_wrong_arguments(name: str, value: Any) -> None:
    with pytest.raises(
        ValueError, match=f"ContrastNormalization: got {name}=.*, expected a finite number > 0; "
    ) as caught:
        nn.ContrastNormalization(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(3,), (3, 0), (3, 4, 0, 1)])
def test_pictures_without_a_number(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="got pictures of shape .*, expected at least one axis and one number; "):
        nn.ContrastNormalization().forward(np.ones(shape, np.float32))


def test_very_large_numbers() -> None:
    x = np.array([[-3e38, 3e38]], np.float32)
    np.testing.assert_allclose(nn.ContrastNormalization().forward(x), [[-0.25, 0.25]])
    with pytest.raises(ValueError, match=r"numbers up to 3e\+200, expected .* scale x"):
        nn.ContrastNormalization().forward(np.array([[-3e200, 3e200]]))


@pytest.mark.parametrize("fuse", [False, True])
def test_nan_is_counted(fuse: bool) -> None:
    x = np.ones((3, 4, 4, 1), np.float32)
    x[1, 2, 2], x[2, 0, 0] = np.nan, np.inf
    with pytest.raises(nn.NotFiniteError, match="ContrastNormalization.*: got x with 2 of 48 values NaN or infinite"):
        nn.Sequential(nn.ContrastNormalization(), fuse=fuse).forward(x)


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = nn.Sequential(nn.ContrastNormalization(np.float32(0.5), floor=1), nn.Flatten(), nn.Dense(9, 2, rng=0))
    x = np.random.default_rng(0).random((4, 3, 3, 1), dtype=np.float32)
    nn.save(model, tmp_path / "model.npz")
    loaded = nn.load(tmp_path / "model.npz")
    assert repr(loaded.layers[0]) == "ContrastNormalization(spread=0.5, floor=1.0)"
    assert json.loads(json.dumps(loaded.layers[0].config())) == {"spread": 0.5, "floor": 1.0}
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert model.layers[0].params == model.layers[0].grads == {}


def test_summary() -> None:
    model = nn.Sequential(nn.ContrastNormalization(), nn.Conv2D(1, 2, 5), nn.ReLU(), nn.MaxPool2D(2))
    rows = model.summary((8, 8, 1)).splitlines()
    # x, m and std; then the convolution's x is the y of this layer.
    assert rows[2].split() == ["ContrastNormalization()", "8,", "8,", "1", "0", "0", "272", "1"]
    assert rows[3].split()[-2] == "256"


@pytest.mark.nightly
def test_the_doctor_looks_at_a_network_that_begins_with_it() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 8, 8, 1), dtype=np.float32), rng.standard_normal((40, 2)).astype(np.float32)
    model = nn.Sequential(
        nn.ContrastNormalization(), nn.Conv2D(1, 4, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(),
        nn.Dense(36, 2, rng=rng),
    )  # fmt: skip
    found = nn.diagnose(model, x, y, optimizer=nn.SGD(model, lr=0.01))
    assert "Conv2D(1, 4, 3)" in str(found)
    assert "Conv2D(1, 4, 3)" in str(nn.signal_profile(model, x))
