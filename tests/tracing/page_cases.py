"""Traced steps whose pages are clicked at, and real forward passes for their sliders."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.tracing.page import Epoch, Points, write_page
from tests.tracing.page_numbers import Index, Numbers, Step

POINTS = Points(48, 48)  # the report's coordinates: (pixel - 48) / 48


@dataclass(frozen=True, eq=False)
class Case:
    """A step, and what it began with."""

    trace: nn.Trace
    before: list[nn.Layer]
    optimizer: Any
    image: int
    points: Points | None
    epochs: list[Epoch]

    @property
    def step(self) -> Step:
        return Step(self.trace, self.image, self.points and self.points.scale)

    def write(self, path: Path) -> Path:
        write_page(
            self.trace, path, image=self.image, title="A step & its <numbers>", points=self.points, epochs=self.epochs
        )
        return path

    def expected(self, what: dict[str, Any]) -> Numbers:
        """What a click on `what` must show."""
        index: Index = tuple(what["index"])
        kind, layer = what["kind"], what.get("layer")
        if kind == "weight":
            numbers = self.step.weight(layer, what["name"], index)
            self.step.update(numbers, layer, what["name"], index, self.optimizer)
            return numbers
        if kind == "loss":
            return self.step.loss(index)
        return self.step.output(layer, index) if kind == "output" else self.step.gradient(layer, index)

    def loss(self, what: dict[str, Any], value: float, *, whole: bool = True) -> float:
        """The step's loss if that number of a y or that parameter were `value`, by real layers.

        whole : of the whole network in its own dtype, as in the step. False: in float64, and only
            what the value has a part in; the rest keeps the step's numbers
        """
        dtype = self.trace.x.dtype if whole else np.dtype(np.float64)
        layers = [layer.astype(dtype) for layer in self.before]
        place, of_y = what["layer"], what["kind"] == "output"
        start = 0 if whole else place + of_y
        x = (self.trace.layers[start].x if start < len(layers) else self.trace.loss.prediction).astype(dtype)
        if not of_y:
            layers[place].params[what["name"]][tuple(what["index"])] = value
        for number in range(start, len(layers) + 1):
            if of_y and number == place + 1:
                x[(self.image, *what["index"])] = value
            if number < len(layers):
                mask = self.trace.layers[number].kept.get("mask")  # of a dropout: the units that the step has dropped
                x = layers[number].forward(x) if mask is None else x * mask.astype(dtype)
        if of_y and not whole:
            of_image, x = x[self.image], self.trace.loss.prediction.astype(dtype)
            x[self.image] = of_image
        y = self.trace.y
        return self.trace.loss.loss.forward(x, y.astype(dtype) if y.dtype.kind == "f" else y)

    def draw(self, rng: np.random.Generator, kind: str, layer: int) -> dict[str, Any]:
        """A random click; kind: "output", "gradient", "weight" or "loss"; layer -1: the input."""
        if kind == "weight":
            parameters = self.trace.layers[layer].parameters
            name = str(rng.choice(list(parameters), p=[0.8, 0.2] if len(parameters) == 2 else None))
            shape = parameters[name].before.shape
            return {"kind": kind, "layer": layer, "name": name, "index": _place(rng, shape)}
        if kind == "loss":
            return {"kind": kind, "index": _place(rng, self.trace.loss.prediction.shape[1:])}
        return {"kind": kind, "layer": layer, "index": _place(rng, self.step.y(layer).shape)}


def _place(rng: np.random.Generator, shape: tuple[int, ...]) -> list[int]:
    # Borders often: there windows stick out, and fewer of them contain a pixel.
    edge = rng.random(len(shape)) < 0.15
    return [int(rng.choice([0, n - 1])) if at else int(rng.integers(n)) for n, at in zip(shape, edge, strict=True)]


def _traced(
    layers: list[nn.Layer],
    x: np.ndarray,
    y: np.ndarray,
    optimizer: Any,
    image: int,
    points: Points | None,
    loss: Any = None,
) -> Case:
    """The step after three others, so that the optimizer has something to remember.

    optimizer : of a network, such as `lambda model: nn.Adam(model)`
    """
    model = nn.Sequential(*layers)
    made = optimizer(model)
    loss = loss or nn.MSELoss()
    epochs = []
    for epoch in range(3):
        parameters = [{name: w.copy() for name, w in layer.params.items()} for layer in model.layers]
        epochs.append(Epoch(epoch, parameters, loss=loss.forward(model.forward(x, training=True), y)))
        model.backward(loss.backward())
        made.step()
    before = copy.deepcopy(model.layers)
    return Case(nn.trace(model, x, y, loss, made), before, made, image, points, epochs)


def report(seed: int = 0) -> Case:
    """The report's CNN on drawn faces: dropout, missing labels, SGD with all that it can have."""
    rng = np.random.default_rng(seed)
    faces = draw_faces(8, seed=seed)
    y = faces.y.copy()
    y[rng.random(y.shape) < 0.25] = np.nan
    layers = networks.report_cnn(rng=rng).layers

    def optimizer(model: nn.Sequential) -> nn.SGD:
        return nn.SGD(model, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.001)

    return _traced(layers, faces.x, y, optimizer, image=3, points=POINTS)


def strides(seed: int = 0) -> Case:
    """What the report's CNN has not: strides, padding, overlapping windows, no bias, Adam."""
    rng = np.random.default_rng(seed)
    faces = draw_faces(6, seed=seed)
    layers = [
        nn.ContrastNormalization(),
        nn.Conv2D(1, 6, 5, stride=2, padding=1, rng=rng),  # 47 x 47 x 6
        nn.LeakyReLU(0.1),
        nn.AveragePool2D(3, stride=2),  # 23 x 23 x 6
        nn.Conv2D(6, 8, 3, stride=(1, 2), padding=(1, 0), bias=False, rng=rng),  # 23 x 11 x 8
        nn.Tanh(),
        nn.MaxPool2D(3, stride=2),  # 11 x 5 x 8
        nn.Flatten(),
        nn.Dense(11 * 5 * 8, 20, rng=rng),
        nn.Sigmoid(),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(20, 30, bias=False, rng=rng),
    ]
    return _traced(layers, faces.x, faces.y, lambda model: nn.Adam(model, weight_decay=0.01), image=0, points=POINTS)


def small(seed: int = 0) -> Case:
    """All layers, small: what CI clicks at."""
    rng = np.random.default_rng(seed)
    x = rng.random((4, 15, 13, 2), dtype=np.float32)
    layers = [
        nn.Conv2D(2, 3, 3, padding=1, rng=rng),  # 15 x 13 x 3
        nn.ReLU(),
        nn.MaxPool2D(3, stride=2),  # 7 x 6 x 3
        nn.Conv2D(3, 4, (2, 3), stride=(2, 1), bias=False, rng=rng),  # 3 x 4 x 4
        nn.LeakyReLU(0.1),
        nn.AveragePool2D(2, stride=1),  # 2 x 3 x 4
        nn.Flatten(),
        nn.Dense(24, 12, rng=rng),
        nn.Tanh(),
        nn.Dropout(0.4, rng=rng),
        nn.Dense(12, 8, rng=rng),
        nn.Sigmoid(),
        nn.Dense(8, 4, rng=rng),
        nn.ContrastNormalization(),
    ]
    y = rng.standard_normal((4, 4)).astype(np.float32)
    y[rng.random(y.shape) < 0.3] = np.nan
    points = Points(30, 6)  # many lie outside of the picture
    return _traced(layers, x, y, lambda model: nn.SGD(model, lr=0.1, momentum=0.5, weight_decay=0.01), 1, points)


class Scale(nn.Layer):
    """A layer that is not the library's: y = scale * x, channel by channel."""

    def __init__(self, channels: int, dtype: Any = np.float32) -> None:
        super().__init__()
        self.channels = channels
        self.params["scale"] = np.linspace(0.5, 1.5, channels).astype(dtype)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return x * self.params["scale"]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.grads["scale"] = (dy * self.take("x")).sum(axis=tuple(range(dy.ndim - 1)))
        return dy * self.params["scale"]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def classes(seed: int = 0) -> Case:
    """Classes, a reader's own layer, a frozen one, plain SGD, all in float64."""
    rng = np.random.default_rng(seed)
    f8: Any = {"rng": rng, "dtype": np.float64}
    layers = [
        nn.Conv2D(1, 3, 3, stride=2, padding=2, **f8),  # 6 x 6 x 3
        Scale(3, np.float64),
        nn.ReLU(),
        nn.MaxPool2D(2, stride=1),  # 5 x 5 x 3
        nn.Flatten(),
        nn.Dense(75, 12, **f8),
        nn.Tanh(),
        nn.Dense(12, 5, **f8),
    ]
    layers[5].frozen = True
    y = np.array([3, -1, 0, 4, 1])
    x = rng.standard_normal((5, 9, 9, 1))
    loss = nn.SoftmaxCrossEntropy()
    return _traced(
        layers, x, y, lambda model: nn.SGD(model, lr=0.1), image=int(rng.integers(5)), points=None, loss=loss
    )


def vectors(seed: int = 0) -> Case:
    """A network of dense layers and a single row, with a distribution to hit."""
    rng = np.random.default_rng(seed)
    layers = [nn.Dense(7, 30, rng=rng), nn.LeakyReLU(0.0), nn.Dropout(0.5, rng=rng), nn.Dense(30, 3, rng=rng)]
    x = rng.standard_normal((1, 7)).astype(np.float32)
    y = np.array([[0.25, 0.5, 0.25]], np.float32)
    loss = nn.SoftmaxCrossEntropy()
    return _traced(layers, x, y, lambda model: nn.Adam(model), image=0, points=None, loss=loss)


def places(case: Case) -> list[tuple[str, int]]:
    """Each kind of click with each layer that it can be made on."""
    layers = range(len(case.trace.layers))
    of_numbers = [(kind, layer) for kind in ("output", "gradient") for layer in (-1, *layers)]
    of_weights = [("weight", layer) for layer in layers if case.trace.layers[layer].parameters]
    return [*of_numbers, *of_weights, ("loss", -1)]


def problems(case: Case, what: dict[str, Any], read: dict[str, Any]) -> list[str]:
    """What stands on the page after the click and should not, or is missing; a line each."""
    lines = case.expected(what).problems([tuple(number) for number in read["numbers"]], OPTIONAL)
    index = tuple(what["index"])
    at_loss = what["kind"] == "loss" or (what["kind"] == "gradient" and what["layer"] == len(case.trace.layers) - 1)
    masked = at_loss and case.step.masked(index)
    if read["masked"] != masked:
        lines.append(f"masked: got {read['masked']}, expected {masked}")
    won = case.step.wins(what["layer"], index) if what["kind"] == "output" else {}
    wins = {",".join(map(str, at)): str(each).lower() for at, each in won.items()}
    if read["wins"] != wins:
        lines.append(f"winners of windows: got {read['wins']}, expected {wins}")
    return [f"{what}: {line}" for line in lines]


def slider_problems(case: Case, what: dict[str, Any], read: dict[str, Any]) -> list[str]:
    """What the slider's numbers have wrong, after a change of the pixel or the weight `what`."""
    shown = {name: float(exact) for name, exact, _, _ in read["play"]}
    index = tuple(what["index"])
    if what["kind"] == "output":
        old, gradient = case.step.y(what["layer"])[index], case.step.dy(what["layer"])[index]
    else:
        parameter = case.trace.layers[what["layer"]].parameters[what["name"]]
        old, gradient = parameter.before[index], parameter.gradient[index]
    value, delta = shown["play.value"], shown["play.value"] - float(old)
    before, after = (case.loss(what, at, whole=False) for at in (float(old), value))
    expected = {
        "play.old": (float(old), 0.0),
        "play.value": (float(case.trace.x.dtype.type(value)), 0.0),
        "play.delta": (delta, 0.0),
        "play.loss_before": (before, 1e-12 * before),
        "play.loss": (after, 1e-12 * after),
        "play.moved": (after - before, 1e-12 * max(before, after)),
        "play.predicted": (float(gradient) * delta, 0.0),
    }
    lines = [
        f"{name}: got {shown[name]!r}, expected {number!r} within {slack:.1e}"
        for name, (number, slack) in expected.items()
        if not abs(shown[name] - number) <= slack
    ]
    real = case.loss(what, value) - case.loss(what, float(old))
    if not abs(shown["play.moved"] - real) <= 1e-5 * max(1.0, before, after):
        lines.append(f"moved by {shown['play.moved']!r}, by {real!r} in the library's own forward pass")
    return [f"slider of {what} at {value}: {line}" for line in lines]


OPTIONAL = {"output.value", "conv.channel_sum", "gradient.map_sum"}
