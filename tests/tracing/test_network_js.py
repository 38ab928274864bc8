"""The page's own network, in JavaScript, against the library's layers in float64.

It runs in node; where there is none, in Chromium; where there is neither, the tests are skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from tests.tracing.browser import browser, why_no_browser

PAGE = Path(nn.__file__).parent / "tracing" / "page"
SCRIPT = "".join((PAGE / name).read_text(encoding="utf-8") for name in ("layers.js", "network.js"))
# Each case goes in and comes out as JSON, which has no NaN: null stands for it.
RUN = """
const array = ({ shape, data }) => ({ shape, data: Float64Array.from(data, (value) => value ?? NaN) });
const numbers = ({ shape, data }) => ({ shape, data: [...data] });
const run = (cases) => cases.map(runOne);
const runOne = ({ layers, loss, x, target, changes }) => {
  const network = new Network(layers, loss);
  const lossNow = () => network.loss(network.outputs.at(-1), array(target));
  const { outputs } = network.forward(array(x));
  const { value, dprediction } = lossNow();
  const { inputGradients, parameterGradients } = network.backward(dprediction);
  const moved = changes.map(({ layer, name, place, by }) => {
    const before = network.inputs[layer];
    const x = structuredClone(before);
    const changed = name === "x" ? x.data : network.layers[layer].params[name].data;
    changed[place] += by;
    network.forwardFrom(layer, x);
    const { value, dprediction } = lossNow();
    const result = { value, dx: numbers(network.backward(dprediction, layer).inputGradients[layer]) };
    if (name !== "x") changed[place] -= by;
    network.forwardFrom(layer, before);
    return result;
  });
  return {
    value, dprediction: numbers(dprediction), moved, again: lossNow().value, outputs: outputs.map(numbers),
    inputGradients: inputGradients.map(numbers), parameterGradients: parameterGradients.map((gradients) =>
      Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, numbers(gradient)]))),
  };
};
"""
CASES = 60
RELATIVE = 1e-12


def in_javascript(script: str, argument: object) -> Any:
    """What `run` of the script returns for the argument; both as JSON."""
    script = SCRIPT + script
    if shutil.which("node"):
        program = f'{script} const input = JSON.parse(require("fs").readFileSync(0, "utf8"));'
        program += "process.stdout.write(JSON.stringify(run(input) ?? null));"
        done = subprocess.run(
            ["node", "-e", program], input=json.dumps(argument), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)
    if why_no_browser():
        pytest.skip(f"got no node to run the page's script, and {why_no_browser()}")
    with browser() as driver:
        return driver.execute_script(f"{script} return run(arguments[0]);", argument)


class Case:
    """A random network and a step of it, by the layers' own methods in float64."""

    def __init__(self, number: int) -> None:
        rng = np.random.default_rng([15, number])
        whole = number % 3 == 0  # whole numbers have equal maxima, and zeros at the bend of a ReLU
        layers, shape = random_layers(rng, curves=not whole)
        self.layers = [layer.astype(np.float64) for layer in layers]
        x = rng.integers(-2, 3, shape).astype(float) if whole else rng.standard_normal(shape)
        if whole:
            for layer in self.layers:
                for value in layer.params.values():
                    value[...] = rng.integers(-1, 2, value.shape)
        self.x = x
        self.masks: list[np.ndarray | None] = []
        h = x
        self.outputs = []
        for layer in self.layers:
            h = layer.forward(h, training=True)
            self.outputs.append(h)
            self.masks.append(layer.mask.copy() if isinstance(layer, nn.Dropout) else None)
        softmax = h.ndim == 2 and rng.random() < 0.3
        self.loss = nn.SoftmaxCrossEntropy() if softmax else nn.MSELoss()
        self.target = rng.standard_normal(h.shape)
        missing = rng.choice([0.0, 0.3, 1.0], p=[0.5, 0.4, 0.1])
        if not softmax:
            self.target[rng.random(h.shape) < missing] = np.nan
        elif rng.random() < 0.5:
            self.target = np.exp(self.target) / np.exp(self.target).sum(axis=1, keepdims=True)
            self.target[rng.random(len(h)) < missing] = np.nan
        else:
            self.target = rng.integers(-1, h.shape[1], len(h)).astype(float)
        self.value = self.loss.forward(h, self.target)
        self.dprediction = self.loss.backward()
        dy = self.dprediction
        self.input_gradients: list[np.ndarray] = []
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
            self.input_gradients.insert(0, dy)
        self.changes = [self._change(rng) for _ in range(4)]

    def _change(self, rng: np.random.Generator) -> dict[str, Any]:
        """One number of a parameter, or of the x of a layer, and by how much it changes."""
        layer = int(rng.integers(len(self.layers)))
        name = str(rng.choice(["x", *self.layers[layer].params]))
        size = self._input(layer).size if name == "x" else self.layers[layer].params[name].size
        return {"layer": layer, "name": name, "place": int(rng.integers(size)), "by": float(rng.normal())}

    def _input(self, layer: int) -> np.ndarray:
        return self.outputs[layer - 1] if layer else self.x

    def after(self, change: dict[str, Any]) -> tuple[float, np.ndarray]:
        """Loss and dx of that layer after the change, by whole passes with the same masks."""
        first, name, place = change["layer"], change["name"], change["place"]
        h = self._input(first).copy()
        parameter = h if name == "x" else self.layers[first].params[name]
        before = parameter.flat[place]
        parameter.flat[place] += change["by"]
        rest = list(zip(self.layers[first:], self.masks[first:], strict=True))
        for layer, mask in rest:
            h = layer.forward(h, training=True) if mask is None else h * mask
        loss = float(self.loss.forward(h, self.target))
        dy = self.loss.backward()
        for layer, mask in reversed(rest):
            dy = layer.backward(dy) if mask is None else dy * mask
        parameter.flat[place] = before
        return loss, dy

    def as_json(self) -> dict[str, Any]:
        layers = [
            {
                "kind": type(layer).__name__,
                "config": layer.config(),
                "params": {name: as_json(value) for name, value in layer.params.items()},
                "mask": None if mask is None else as_json(mask),
            }
            for layer, mask in zip(self.layers, self.masks, strict=True)
        ]
        x, target = as_json(self.x), as_json(self.target)
        return {
            "layers": layers, "loss": type(self.loss).__name__, "x": x, "target": target, "changes": self.changes
        }  # fmt: skip


def as_json(array: np.ndarray) -> dict[str, Any]:
    return {"shape": list(array.shape), "data": [None if np.isnan(value) else value for value in array.ravel()]}


def random_layers(rng: np.random.Generator, curves: bool) -> tuple[list[nn.Layer], tuple[int, ...]]:
    """Layers that fit each other, and the shape of x.

    curves : with Sigmoid and Tanh. Where these are saturated their slopes, 1 - y, have few digits
        left to compare
    """
    shape: tuple[int, ...] = (int(rng.integers(3, 9)), int(rng.integers(3, 9)), int(rng.integers(1, 4)))
    x_shape = (int(rng.integers(1, 4)), *shape)
    layers: list[nn.Layer] = []

    def add(*new: nn.Layer) -> None:
        nonlocal shape
        for layer in new:
            layers.append(layer)
            shape = layer.output_shape(shape)

    kinds = [nn.ReLU, nn.ReLU, nn.LeakyReLU, *([nn.Sigmoid, nn.Tanh] if curves else [])]
    if rng.random() < 0.3:
        add(nn.ContrastNormalization(1.0, float(rng.choice([0.02, 3.0]))))
    for _ in range(int(rng.integers(1, 4))):
        add(convolution(rng, shape), *bend(rng, kinds))
        if rng.random() < 0.7:
            add(pooling(rng, shape))
    if rng.random() < 0.8:
        add(nn.Flatten())
        for _ in range(int(rng.integers(1, 3))):
            n_out = int(rng.integers(1, 7))
            add(
                nn.Dense(shape[0], n_out, bias=bool(rng.random() < 0.8), bias_init="normal(0.3)", rng=rng),
                *bend(rng, kinds),
            )
    return layers, x_shape


def convolution(rng: np.random.Generator, shape: tuple[int, ...]) -> nn.Layer:
    padding = int(rng.choice([0, 0, 1, 2])), int(rng.choice([0, 0, 1, 2]))
    kernel = [int(rng.integers(1, min(shape[axis] + 2 * padding[axis], 4) + 1)) for axis in (0, 1)]
    stride = int(rng.choice([1, 1, 2, 3])), int(rng.choice([1, 1, 2]))
    return nn.Conv2D(
        shape[2], int(rng.integers(1, 5)), (kernel[0], kernel[1]), stride=stride, padding=padding,
        bias=bool(rng.random() < 0.8), bias_init="normal(0.3)", rng=rng,
    )  # fmt: skip


def pooling(rng: np.random.Generator, shape: tuple[int, ...]) -> nn.Layer:
    size = int(rng.integers(1, min(shape[0], 3) + 1)), int(rng.integers(1, min(shape[1], 3) + 1))
    stride = None if rng.random() < 0.5 else (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    return nn.MaxPool2D(size, stride) if rng.random() < 0.6 else nn.AveragePool2D(size, stride)


def bend(rng: np.random.Generator, kinds: list[type[nn.Layer]]) -> list[nn.Layer]:
    """One or none of the layers without parameters, sometimes with a dropout behind it."""
    layers: list[nn.Layer] = []
    if rng.random() < 0.8:
        kind = kinds[int(rng.integers(len(kinds)))]
        layers.append(nn.LeakyReLU(0.2) if kind is nn.LeakyReLU else kind())
    return layers + ([nn.Dropout(float(rng.choice([0.3, 0.5])), rng=rng)] if rng.random() < 0.25 else [])


@pytest.fixture(scope="module")
def cases() -> list[tuple[Case, dict[str, Any]]]:
    """Random cases, each with what JavaScript makes of it."""
    drawn = [Case(number) for number in range(CASES)]
    results = in_javascript(RUN, [case.as_json() for case in drawn])
    return list(zip(drawn, results, strict=True))


def assert_equal(result: dict[str, Any], expected: np.ndarray, what: str) -> None:
    assert tuple(result["shape"]) == expected.shape, what
    data = np.reshape(np.array(result["data"], np.float64), expected.shape)
    # In a sum of large terms that nearly cancel, no order of adding keeps more digits.
    largest = np.abs(expected).max(initial=0)
    np.testing.assert_allclose(data, expected, rtol=RELATIVE, atol=RELATIVE * largest, err_msg=what)


def test_the_cases_have_every_layer(cases: list[tuple[Case, dict[str, Any]]]) -> None:
    kinds = {type(layer).__name__ for case, _ in cases for layer in case.layers}
    assert kinds == {
        "AveragePool2D", "ContrastNormalization", "Conv2D", "Dense", "Dropout", "Flatten", "LeakyReLU", "MaxPool2D",
        "ReLU", "Sigmoid", "Tanh",
    }  # fmt: skip
    assert kinds == set(in_javascript("const run = () => Object.keys(LAYERS);", None))
    assert {type(case.loss).__name__ for case, _ in cases} == set(
        in_javascript("const run = () => Object.keys(LOSSES);", None)
    )


def test_forward(cases: list[tuple[Case, dict[str, Any]]]) -> None:
    for number, (case, result) in enumerate(cases):
        for layer, output, expected in zip(case.layers, result["outputs"], case.outputs, strict=True):
            assert_equal(output, expected, f"y of {layer!r} in case {number}")


def test_loss(cases: list[tuple[Case, dict[str, Any]]]) -> None:
    for number, (case, result) in enumerate(cases):
        assert result["value"] == pytest.approx(case.value, rel=RELATIVE), f"case {number}"
        assert_equal(result["dprediction"], case.dprediction, f"dprediction of case {number}")
        assert np.all(np.array(result["dprediction"]["data"])[case.dprediction.ravel() == 0] == 0), f"case {number}"


def test_backward(cases: list[tuple[Case, dict[str, Any]]]) -> None:
    for number, (case, result) in enumerate(cases):
        for place, layer in enumerate(case.layers):
            what = f"of {layer!r} in case {number}"
            assert_equal(result["inputGradients"][place], case.input_gradients[place], f"dx {what}")
            gradients = result["parameterGradients"][place]
            assert gradients.keys() == layer.grads.keys(), what
            for name, gradient in gradients.items():
                assert_equal(gradient, layer.grads[name], f"d{name} {what}")


def test_a_change_moves_the_loss_as_a_real_forward_pass_does(cases: list[tuple[Case, dict[str, Any]]]) -> None:
    for number, (case, result) in enumerate(cases):
        assert result["again"] == result["value"], f"case {number} is not what it was before the changes"
        for change, moved in zip(case.changes, result["moved"], strict=True):
            loss, dx = case.after(change)
            assert moved["value"] == pytest.approx(loss, rel=RELATIVE), f"{change} in case {number}"
            assert_equal(moved["dx"], dx, f"dx after {change} in case {number}")


def test_what_it_cannot_compute_is_named() -> None:
    kinds = [{"kind": "Scale"}, {"kind": "Dense"}, {"kind": "toString"}, {"kind": "Scale"}]
    script = "const run = ([layers, loss]) => Network.unknown(layers, loss);"
    assert in_javascript(script, [kinds, "HuberLoss"]) == ["Scale", "toString", "HuberLoss"]
    assert in_javascript(script, [kinds[1:2], "MSELoss"]) == []
