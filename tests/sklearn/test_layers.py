"""From a description of the layers to a network."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import nnscratch as nn

pytest.importorskip("sklearn")

from nnscratch.sklearn.layers import ACTIVATIONS, network, shape_of_input


def made(hidden_layers: object, shape: tuple[int, ...] = (5,), n_outputs: int = 2, **others: Any) -> nn.Sequential:
    choices = {"activation": "relu", "dropout": 0.0, "rng": np.random.default_rng(0), "dtype": np.float64} | others
    return network("X", hidden_layers, shape, n_outputs, **choices)


def layers_of(model: nn.Sequential) -> list[str]:
    return [repr(layer) for layer in model.layers]


@pytest.mark.parametrize(
    ("hidden_layers", "expected"),
    [
        ((), ["Dense(5, 2)"]),
        ((7,), ["Dense(5, 7)", "ReLU()", "Dense(7, 2)"]),
        ([np.int64(7), 3], ["Dense(5, 7)", "ReLU()", "Dense(7, 3)", "ReLU()", "Dense(3, 2)"]),
        (np.array([7]), ["Dense(5, 7)", "ReLU()", "Dense(7, 2)"]),
        (("Tanh",), ["Tanh()", "Dense(5, 2)"]),
        ((nn.Tanh,), ["Tanh()", "Dense(5, 2)"]),
        ([["Dense", {"n_out": 4, "bias": False}]], ["Dense(5, 4, bias=False)", "Dense(4, 2)"]),
        ([("Dropout", {"p": 0.5}), 4], ["Dropout(0.5)", "Dense(5, 4)", "ReLU()", "Dense(4, 2)"]),
    ],
)
def test_each_description_becomes_layers(hidden_layers: object, expected: list[str]) -> None:
    assert layers_of(made(hidden_layers)) == expected


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_dropout_follow_each_number_of_units(name: str) -> None:
    bend = ACTIVATIONS[name]
    expected = ["Dense(5, 4)", *([] if bend is None else [repr(bend())]), "Dropout(0.25)", "Dense(4, 2)"]
    assert layers_of(made((4,), activation=name, dropout=0.25)) == expected


def test_images_are_flattened_once_before_the_first_dense_layer() -> None:
    hidden: list[Any] = [("Conv2D", {"c_out": 3, "kernel_size": 3, "padding": 1}), "ReLU"]
    hidden += [("AveragePool2D", {"pool_size": 2}), 6]
    model = made(hidden, (8, 6, 2))
    assert layers_of(model)[0] == "Conv2D(2, 3, 3, padding=1)"
    assert layers_of(model)[3:] == ["Flatten()", "Dense(36, 6)", "ReLU()", "Dense(6, 2)"]
    assert model.forward(np.zeros((1, 8, 6, 2))).shape == (1, 2)
    assert layers_of(made((), (4, 4, 1))) == ["Flatten()", "Dense(16, 2)"]
    assert layers_of(made(["Flatten", 3], (4, 4, 1)))[:2] == ["Flatten()", "Dense(16, 3)"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed_reach_every_layer(dtype: Any) -> None:
    first, second = (made((4, 4), dropout=0.5, dtype=dtype, rng=np.random.default_rng(1)) for _ in range(2))
    assert {w.dtype for w in first.parameters()} == {np.dtype(dtype)}
    x = np.ones((3, 5), dtype)
    np.testing.assert_array_equal(first.forward(x, training=True), second.forward(x, training=True))
    weights = [layer.params["weight"] for layer in made((5, 5)).layers if layer.params]
    assert not np.array_equal(weights[0], weights[1])  # equal layers begin differently


class Doubled(nn.Layer):
    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return 2 * x

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def test_a_layer_of_ones_own() -> None:
    assert isinstance(made([Doubled, 3]).layers[0], Doubled)
    assert isinstance(made([(Doubled, {}), 3]).layers[0], Doubled)


@pytest.mark.parametrize(
    ("hidden_layers", "others", "message"),
    [
        (100, {}, "got hidden_layers=100, expected a tuple"),
        ("ReLU", {}, "got hidden_layers='ReLU', expected a tuple"),
        ((0,), {}, "hidden_layers[0]=0, expected a whole number from 1 up"),
        ((True,), {}, "hidden_layers[0]=True, expected a whole number from 1 up"),
        ((3, 2.5), {}, "hidden_layers[1]=2.5, expected a whole number"),
        ((3, None), {}, "hidden_layers[1]=None, expected a whole number"),
        (("Relu",), {}, "hidden_layers[0]: got 'Relu', expected a number of units, or one of AveragePool2D"),
        ((int,), {}, "hidden_layers[0]: got <class 'int'>"),
        ((("Dense", 3),), {}, "hidden_layers[0]: got ('Dense', 3), expected"),
        ((("Dense", {"units": 3}),), {}, "hidden_layers[0]: Dense.__init__() got an unexpected keyword"),
        ((("Dense", {"n_out": 3, "n_in": 4}),), {}, "hidden_layers[0]: Dense(4, 3): got input (5,)"),
        ((("Conv2D", {"c_out": 3, "kernel_size": 3}),), {}, "hidden_layers[0]: Conv2D(5, 3, 3): got images of (5,)"),
        ((3,), {"activation": "ReLU"}, "got activation='ReLU', expected one of relu, leaky_relu"),
        ((3,), {"activation": None}, "got activation=None, expected one of"),
        ((3,), {"dropout": 1.0}, "got dropout=1.0, expected"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(hidden_layers: object, others: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        made(hidden_layers, **others)
    assert str(error.value).startswith("X: ")
    assert "\n" not in str(error.value)


def test_the_shape_of_an_input() -> None:
    assert shape_of_input("X", None, 6) == (6,)
    assert shape_of_input("X", [np.int64(2), 3, 1], 6) == (2, 3, 1)
    for wrong in (6, "23", (), (2, 2.5), (2, 2, 1)):
        with pytest.raises(ValueError, match="X: got .*input_shape.*expected"):
            shape_of_input("X", wrong, 6)
