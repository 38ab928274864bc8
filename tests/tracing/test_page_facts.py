"""What a page holds are the arrays of the trace, bit for bit, and nothing that JSON cannot say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers import Layer
from nnscratch.tracing import recomputed
from nnscratch.tracing.page import Epoch, Points, write_page
from nnscratch.tracing.page_facts import FOLLOWING, kind
from nnscratch.tracing.trace import LayerTrace, ParameterTrace
from tests.tracing.read_page import ReadPage


class Doubled(Layer):
    """A layer that a reader wrote, with a parameter and a config that fails."""

    def config(self) -> dict[str, Any]:
        raise KeyError("secret")

    def __repr__(self) -> str:
        return "Doubled(...)"

    def __init__(self, secret: int = 1) -> None:
        super().__init__()
        self.params["scale"] = np.full(1, 2, np.float32)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return x * self.params["scale"]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.grads["scale"] = (dy * self.x).sum(keepdims=True).reshape(1)
        return dy * self.params["scale"]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def network() -> nn.Sequential:
    rng = np.random.default_rng(1)
    return nn.Sequential(
        nn.ContrastNormalization(),
        nn.Conv2D(1, 3, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2D(3, 2),
        nn.Dropout(0.3, rng=rng),
        Doubled(),
        nn.Flatten(),
        nn.Dense(27, 6, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.5, rng=rng),
        nn.Dense(6, 4, rng=rng),
    )


def traced(optimizer: str = "adam", rows: int = 5) -> nn.Trace:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((rows, 8, 8, 1), np.float32), rng.standard_normal((rows, 4), np.float32)
    y[1, 2] = y[-1] = np.nan
    model = network()
    each = nn.Adam(model, lr=0.01) if optimizer == "adam" else nn.SGD(model, lr=0.1, momentum=0.9)
    nn.trace(model, x, y, nn.MSELoss(), each)
    return nn.trace(model, x, y, nn.MSELoss(), each)


def written(trace: nn.Trace, folder: Path, **more: Any) -> ReadPage:
    write_page(trace, folder / "page.html", **more)
    return ReadPage(folder / "page.html")


@pytest.mark.parametrize("image", [0, 2, 4])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_arrays_are_those_of_the_trace(tmp_path: Path, optimizer: str, image: int) -> None:
    trace = traced(optimizer)
    page = written(trace, tmp_path, image=image)
    facts = page.facts
    same = np.testing.assert_array_equal
    same(page.array(facts["x"]), trace.x[image])
    same(page.array(facts["loss"]["prediction"]), trace.loss.prediction)
    same(page.array(facts["loss"]["target"]), trace.y)
    same(page.array(facts["loss"]["dprediction"]), trace.loss.dprediction)
    assert facts["loss"]["value"] == trace.loss.value
    for layer, told in zip(trace.layers, facts["layers"], strict=True):
        assert told["shape"] == list(layer.y.shape[1:])
        if told["kind"] in FOLLOWING:
            assert told["y"] is told["dx"] is None
            follows(layer, told, page)
        else:
            same(page.array(told["y"]), layer.y[image])
            same(page.array(told["dx"]), layer.dx[image])
        if told["kind"] in ("Dense", "Conv2D"):
            same(page.array(told["others"]["x"]), np.delete(layer.x, image, axis=0))
            same(page.array(told["others"]["dy"]), np.delete(layer.dy, image, axis=0))
        for parameter, of in zip(layer.parameters.values(), told["parameters"], strict=True):
            parameter_is(layer, parameter, of, trace, page)


def follows(layer: LayerTrace, told: dict[str, Any], page: ReadPage) -> None:
    """What the page leaves out follows from x and dy, by the operations that arrays.js makes."""
    same = np.testing.assert_array_equal
    if told["kind"] == "ReLU":
        same(np.where(layer.x > 0, layer.x, 0), layer.y)
        same(np.where(layer.x > 0, layer.dy, 0), layer.dx)
        same(page.array(told["on"]), (layer.x > 0).sum(axis=0))
    elif told["kind"] == "Dropout":
        mask = page.array(told["kept"]) * np.float32(1 / (1 - told["config"]["p"]))
        same(layer.x * mask, layer.y)
        same(layer.dy * mask, layer.dx)


def parameter_is(
    layer: LayerTrace, parameter: ParameterTrace, told: dict[str, Any], trace: nn.Trace, page: ReadPage
) -> None:
    def array(entry: dict[str, Any], formula: np.ndarray | None) -> np.ndarray:
        if "array" in entry:
            return page.array(entry["array"])
        assert formula is not None
        if entry["difference"] is None:
            return formula
        bits = formula.reshape(-1).view(np.uint8).reshape(formula.size, -1) ^ page.array(entry["difference"]).T
        return np.frombuffer(bits.tobytes(), formula.dtype).reshape(formula.shape)

    same = np.testing.assert_array_equal
    same(page.array(told["before"]), parameter.before)
    if told["gradient"].get("formula"):
        assert told["name"] == "weight"
    same(
        array(told["gradient"], recomputed.dense_gradient(layer.x, layer.dy) if layer.x.ndim == 2 else None),
        parameter.gradient,
    )
    for key, place in told["memory"].items():
        same(page.array(place), parameter.memory_before[key])
    after = recomputed.update(
        trace.settings, told["decay"], parameter.before, parameter.gradient, parameter.memory_before
    )
    assert after is not None
    same(array(told["after"], after[0]), parameter.after)
    for key, entry in told["memory_after"].items():
        same(array(entry, after[1][key]), parameter.memory_after[key])


def test_a_readers_layer_is_other(tmp_path: Path) -> None:
    told = written(traced(), tmp_path).facts["layers"][5]
    assert (told["kind"], told["name"], told["config"]) == ("other", "Doubled", {})


def test_kind_knows_the_librarys_classes_only() -> None:
    assert kind(nn.ReLU(), "layers") == "ReLU"
    assert kind(nn.MSELoss(), "losses") == "MSELoss"
    assert kind(type("ReLU", (nn.ReLU,), {"__module__": "mine"})(), "layers") == "other"


def test_a_frozen_layer_is_told_as_such(tmp_path: Path) -> None:
    trace = traced()
    trace.layers[7].layer.frozen = True  # type: ignore[attr-defined]
    told = written(trace, tmp_path).facts["layers"][7]["parameters"][0]
    assert told["frozen"]
    assert "array" in told["after"]


def test_what_is_not_finite_is_null(tmp_path: Path) -> None:
    trace = traced()
    object.__setattr__(trace.loss, "value", float("nan"))
    object.__setattr__(trace.loss, "after", float("inf"))
    trace.settings["lr"] = float("inf")
    facts = written(trace, tmp_path).facts
    assert facts["loss"]["value"] is facts["loss"]["after"] is None
    assert facts["optimizer"]["lr"] == "inf"


def test_points_and_findings(tmp_path: Path) -> None:
    finding = nn.diagnose(network(), np.zeros((4, 8, 8, 1), np.float32), np.ones((4, 4), np.float32)).findings[0]
    facts = written(traced(), tmp_path, points=Points(48, 47.5, ["nose"]), findings=[finding]).facts
    assert facts["points"] == {"scale": 48.0, "offset": 47.5, "names": ["nose"]}
    told = facts["findings"][0]
    assert (told["code"], told["layer"], told["message"]) == (finding.code, finding.layer, finding.message)


def test_an_epoch_holds_what_takes_less_room(tmp_path: Path) -> None:
    trace = traced()
    model = network()
    parameters = [layer.params for layer in model.layers]
    page = written(trace, tmp_path, image=1, epochs=[Epoch(7, parameters, float("inf"), "3 px")])
    told = page.facts["epochs"][0]
    assert (told["epoch"], told["loss"], told["score"]) == (7, None, "3 px")
    outputs, x = [], trace.x
    for layer in model.layers:
        x = layer.forward(x)
        outputs.append(x)
    # 30 numbers of a convolution for 192 of y; 168 of a Dense layer for 6 of y.
    np.testing.assert_array_equal(page.array(told["layers"][1]["parameters"]["weight"]), parameters[1]["weight"])
    assert "y" not in told["layers"][1]
    np.testing.assert_array_equal(page.array(told["layers"][7]["y"]), outputs[7][1])
    assert "parameters" not in told["layers"][7]
    np.testing.assert_array_equal(page.array(told["layers"][5]["y"]), outputs[5][1])  # a reader's layer
    np.testing.assert_array_equal(page.array(told["layers"][2]["on"]), (outputs[2] > 0).sum(axis=(0, 1, 2)))


def test_an_epoch_of_another_network_is_stopped(tmp_path: Path) -> None:
    parameters = [layer.params for layer in network().layers]
    with pytest.raises(ValueError, match=r"epoch 3 with parameters of 10 layers, expected 11, one dict a layer"):
        write_page(traced(), tmp_path / "page.html", epochs=[Epoch(3, parameters[1:])])
    wrong = [*parameters[:10], {"weight": np.zeros((6, 5), np.float32), "bias": np.zeros(5, np.float32)}]
    with pytest.raises(ValueError, match=r"epoch 3 with parameters .* of Dense\(6, 4\), expected"):
        write_page(traced(), tmp_path / "page.html", epochs=[Epoch(3, wrong)])
    assert not list(tmp_path.iterdir())


def test_a_layer_that_the_optimizer_does_not_have_is_told_as_frozen(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2), rng=0)
    x = np.random.default_rng(0).random((5, 3), np.float32)
    trace = nn.trace(model, x, x[:, :2].copy(), nn.MSELoss(), nn.Adam(model, layers=[model[2]]))
    first, _, last = written(trace, tmp_path).facts["layers"]
    assert [parameter["frozen"] for parameter in first["parameters"] + last["parameters"]] == [True] * 2 + [False] * 2
    assert first["parameters"][0]["memory"] == {}
    assert last["parameters"][0]["memory"].keys() == {"m", "v"}
