"""Weights in PyTorch's layout, checked by hand and against a network in NCHW written in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.interchange.state_dict import load_state_dict, state_dict


def small(dtype: type = np.float32) -> nn.Sequential:
    """(N, 9, 8, 2) -> (N, 3); every size differs from every other."""
    return nn.Sequential(
        nn.ContrastNormalization(),
        nn.Conv2D(2, 5, (3, 2), stride=(2, 1), padding=(1, 0), rng=0, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Dropout(0.3, rng=0),
        nn.Flatten(),
        nn.LeakyReLU(0.1),
        nn.Dense(2 * 3 * 5, 4, rng=1, dtype=dtype, bias=False),
        nn.Tanh(),
        nn.Dense(4, 3, rng=2, dtype=dtype),
    )


def random_like(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {name: rng.standard_normal(value.shape).astype(value.dtype) for name, value in tensors.items()}


def naive_nchw(x: np.ndarray, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """`small` as PyTorch would compute it, from x (N, C, H, W), by the definitions."""
    mean, std = x.mean(axis=(1, 2, 3), keepdims=True), x.std(axis=(1, 2, 3), keepdims=True)
    x = np.pad(0.25 * (x - mean) / np.maximum(std, 0.02), ((0, 0), (0, 0), (1, 1), (0, 0)))
    weight, bias = tensors["1.weight"], tensors["1.bias"]
    out, _, height, width = weight.shape
    rows, columns = (x.shape[2] - height) // 2 + 1, x.shape[3] - width + 1
    y = np.empty((len(x), out, rows, columns))
    for r in range(rows):
        for c in range(columns):
            window = x[:, :, 2 * r : 2 * r + height, c : c + width]
            y[:, :, r, c] = np.einsum("nchw,ochw->no", window, weight) + bias
    y = np.maximum(y, 0)[:, :, : rows // 2 * 2, : columns // 2 * 2]
    y = y.reshape(len(x), out, rows // 2, 2, columns // 2, 2).max(axis=(3, 5))
    hidden = y.reshape(len(x), -1)  # c h w
    hidden = np.tanh(np.where(hidden > 0, hidden, 0.1 * hidden) @ tensors["7.weight"].T)
    return hidden @ tensors["9.weight"].T + tensors["9.bias"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_answers_as_its_twin_in_nchw(dtype: type) -> None:
    model = small(dtype)
    tensors = random_like(state_dict(model))
    load_state_dict(model, tensors)
    x = np.random.default_rng(4).random((6, 9, 8, 2)).astype(dtype)
    expected = naive_nchw(x.transpose(0, 3, 1, 2).astype(np.float64), tensors)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4 if dtype is np.float32 else 1e-12, atol=1e-6)
    for name, value in state_dict(model).items():
        np.testing.assert_array_equal(value, tensors[name], strict=True)
        assert value.flags.c_contiguous


def test_layouts_by_hand() -> None:
    model = nn.Sequential(nn.Conv2D(2, 1, 1, rng=0), nn.Flatten(), nn.Dense(4, 2, rng=0))
    model.layers[0].params["weight"][0, 0] = [[3], [4]]
    tensors = state_dict(model)
    assert list(tensors) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    np.testing.assert_array_equal(tensors["0.weight"], np.reshape([3, 4], (1, 2, 1, 1)))
    model = nn.Sequential(nn.Conv2D(1, 3, 1, rng=0), nn.Flatten(), nn.Dense(6, 1, rng=0))  # 1 x 2 pixels, 3 channels
    model.layers[2].params["weight"][:, 0] = [0, 1, 2, 10, 11, 12]  # pixel by pixel
    np.testing.assert_array_equal(state_dict(model)["2.weight"], [[0, 10, 1, 11, 2, 12]])  # channel by channel


def test_what_comes_out_is_a_copy_and_what_goes_in_stays_the_callers() -> None:
    model = small()
    tensors, before = state_dict(model), state_dict(model)
    optimized = model.parameters()
    for value in tensors.values():
        value += 1
    np.testing.assert_array_equal(state_dict(model)["1.bias"], before["1.bias"])
    load_state_dict(model, tensors)
    for value in tensors.values():
        value += 1
    np.testing.assert_array_equal(state_dict(model)["1.bias"], before["1.bias"] + 1)
    assert all(one is other for one, other in zip(model.parameters(), optimized, strict=True))


def test_frozen_layers_get_theirs_and_stay_frozen() -> None:
    model = small()
    model.layers[1].frozen = True
    tensors = random_like(state_dict(model))
    load_state_dict(model, tensors)
    np.testing.assert_array_equal(state_dict(model)["1.weight"], tensors["1.weight"])
    assert model.layers[1].frozen


def test_a_network_without_parameters() -> None:
    model = nn.Sequential(nn.ContrastNormalization(), nn.ReLU())
    assert state_dict(model) == {}
    load_state_dict(model, {})


class Swish(nn.Layer):
    """A layer of a reader's own, with a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.params["slope"] = np.ones((2, 3), np.float32)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def test_what_a_layer_of_ones_own_keeps_stays_in_its_layout() -> None:
    model = nn.Sequential(nn.Dense(3, 3, rng=0), Swish())
    tensors = random_like(state_dict(model))
    load_state_dict(model, tensors)
    np.testing.assert_array_equal(model.layers[1].params["slope"], tensors["1.slope"])


@pytest.mark.parametrize("before", [(), (nn.MaxPool2D(2),), (nn.Conv2D(3, 3, 1, rng=0), Swish())])
def test_a_flatten_of_pictures_whose_channels_nothing_tells(before: tuple[nn.Layer, ...]) -> None:
    side = 4 if before and isinstance(before[0], nn.MaxPool2D) else 2
    model = nn.Sequential(*before, nn.Flatten(), nn.Dropout(0.5, rng=0), nn.Dense(12, 1, rng=0))
    with pytest.raises(ValueError, match=r"state_dict: got Dense\(12, 1\) behind .*pass input_shape=\(H, W, C\), or"):
        state_dict(model)
    last = f"{len(model.layers) - 1}.weight"
    weight = model.layers[-1].params["weight"][:, 0]
    expected = weight.reshape(4, 3).T.ravel()
    np.testing.assert_array_equal(state_dict(model, input_shape=(side, side, 3))[last][0], expected)
    if not any(isinstance(layer, Swish) for layer in before):
        model.predict(np.ones((1, side, side, 3), np.float32))  # now it is known
        np.testing.assert_array_equal(state_dict(model)[last][0], expected)
        series = nn.Sequential(*model.layers[-3:])
        np.testing.assert_array_equal(state_dict(series, input_shape=(4, 3))["2.weight"][0], weight)


def test_a_second_flatten_changes_nothing() -> None:
    model = nn.Sequential(nn.Conv2D(1, 3, 1, rng=0), nn.Flatten(), nn.Flatten(), nn.Dense(6, 1, rng=0))
    model.layers[3].params["weight"][:, 0] = [0, 1, 2, 10, 11, 12]
    np.testing.assert_array_equal(state_dict(model)["3.weight"], [[0, 10, 1, 11, 2, 12]])


def test_in_order_takes_other_names() -> None:
    model = small()
    tensors = random_like(state_dict(model))
    renamed = {f"net.{i}": value for i, value in enumerate(tensors.values())}
    with pytest.raises(ValueError, match=r"got no tensor '1.weight' among 5, .*in_order=True"):
        load_state_dict(model, renamed)
    load_state_dict(model, renamed, in_order=True)
    for name, value in state_dict(model).items():
        np.testing.assert_array_equal(value, tensors[name])


def without(name: str) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda tensors: tensors.pop(name)


def put(name: str, value: object) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda tensors: tensors.update({name: value})  # type: ignore[dict-item]


WRONG = [
    (
        put("1.weight", np.zeros((3, 2, 2, 5), np.float32)),
        r"got '1.weight' of shape \(3, 2, 2, 5\), expected \(5, 2, 3, 2\), PyTorch's for Conv2D\(.*\); this is nnscr",
    ),
    (
        put("9.weight", np.zeros((3, 5), np.float32)),
        r"got '9.weight' of shape \(3, 5\), expected \(3, 4\), PyTorch's for Dense\(4, 3\); change the tensor",
    ),
    (put("9.bias", np.zeros((3, 1), np.float32)), r"got '9.bias' of shape \(3, 1\), expected \(3,\)"),
    (without("7.weight"), r"got no tensor '7.weight' among 4, expected one of shape \(4, 30\) for Dense\(30, 4, bias="),
    (put("7.bias", np.zeros(4, np.float32)), r"got '7.bias' of shape \(4,\), expected no more than the network's 5"),
    (put("9.bias", np.zeros(3)), r"got '9.bias' of dtype float64, shape \(3,\), expected float32, as the network"),
    (put("9.bias", np.zeros(3, np.float16)), r"got '9.bias' of dtype float16"),
    (put("9.bias", np.zeros(3, np.int64)), r"got '9.bias' of dtype int64"),
    (put("9.bias", [0.0, 0.0, 0.0]), r"got '9.bias' of type list, expected a NumPy array or a torch tensor"),
    (put("9.bias", np.float32([0, np.nan, 0])), r"got '9.bias' with 1 of 3 values NaN or infinite"),
    (put("9.bias", np.float32([0, np.inf, 0])), r"got '9.bias' with 1 of 3 values NaN or infinite"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_a_mismatch_names_the_tensor_and_changes_nothing(
    change: Callable[[dict[str, np.ndarray]], object], message: str
) -> None:
    model = small()
    before = model.copy_parameters()
    tensors = random_like(state_dict(model))
    change(tensors)
    with pytest.raises(ValueError, match=f"^load_state_dict: {message}") as error:
        load_state_dict(model, tensors)
    assert "\n" not in str(error.value)
    for kept, now in zip(before, model.parameters(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_tensors_in_order_are_counted() -> None:
    model = nn.Sequential(nn.Dense(2, 2, rng=0))
    weight, bias = state_dict(model).values()
    with pytest.raises(ValueError, match=r"got no tensor '0.bias' among 1, expected one of shape \(2,\)"):
        load_state_dict(model, {"a": weight}, in_order=True)
    with pytest.raises(ValueError, match=r"got 'c' of shape \(2,\), expected no more"):
        load_state_dict(model, {"a": weight, "b": bias, "c": bias}, in_order=True)
    with pytest.raises(ValueError, match=r"got 'a', for 0.weight, of shape \(2,\), expected \(2, 2\)"):
        load_state_dict(model, {"a": bias, "b": weight}, in_order=True)


@pytest.mark.parametrize(
    ("model", "tensors", "message"),
    [
        (nn.Dense(2, 2, rng=0), {}, "got a model of type Dense, expected an nnscratch.Sequential"),
        (nn.Sequential(nn.ReLU()), "a.safetensors", "got tensors of type str, expected a dict.*load_file"),
        (nn.Sequential(nn.ReLU()), {7: np.zeros(2)}, r"got '7' of shape \(2,\), expected no more than the network's 0"),
        (
            nn.Sequential(nn.Conv2D(1, 3, 1, rng=0), nn.Flatten(), nn.Dense(4, 1)),
            {},
            "got Dense.* of 3 channels, expected a mul",
        ),
    ],
)
def test_what_is_no_network_and_no_dict(model: nn.Sequential, tensors: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^load_state_dict: {message}"):
        load_state_dict(model, tensors)  # type: ignore[arg-type]


def test_tied_arrays_take_equal_tensors_alone() -> None:
    model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.Dense(3, 2, rng=1))
    model.layers[1].params["weight"] = model.layers[0].params["weight"].T  # an autoencoder's
    tensors = state_dict(model)
    new = np.arange(6, dtype=np.float32).reshape(3, 2)
    with pytest.raises(ValueError, match=r"got '0.weight' of shape \(3, 2\) that differs .*keeps both in one array"):
        load_state_dict(model, {**tensors, "0.weight": new})
    for name, value in state_dict(model).items():
        np.testing.assert_array_equal(value, tensors[name])
    load_state_dict(model, {**tensors, "0.weight": new, "1.weight": new.T})
    np.testing.assert_array_equal(model.layers[0].params["weight"], new.T)


def test_a_read_only_array_is_found_before_anything_is_written() -> None:
    model = nn.Sequential(nn.Dense(2, 3, rng=0))
    tensors = random_like(state_dict(model))
    before = model.copy_parameters()
    model.layers[0].params["bias"].flags.writeable = False
    with pytest.raises(ValueError, match=r"a network whose 0.bias is read-only"):
        load_state_dict(model, tensors)
    np.testing.assert_array_equal(model.layers[0].params["weight"], before[0])


def test_a_broken_layer_says_so_itself() -> None:
    model = nn.Sequential(nn.Dense(2, 3, rng=0))
    model.layers[0].params["weight"] = np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"Dense\(2, 3\): got weight of shape \(3, 2\), expected \(2, 3\)"):
        state_dict(model)


def test_there_and_back_through_a_safetensors_file(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    model, other = small(), small()
    load_state_dict(model, random_like(state_dict(model)))
    safetensors.save_file(state_dict(model), tmp_path / "small.safetensors")
    load_state_dict(other, safetensors.load_file(tmp_path / "small.safetensors"))
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(one, two)
