"""What a page must know of a trace: facts for JSON, and the arrays that they point at.

For the picture that is looked at: y and dx of each layer. For the other rows of the batch: what a
weight's gradient is made of, x and dy of the layers with weights. What follows exactly from another
array (a ReLU's y from its x) is left out; page/arrays.js has the same list.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nnscratch.layers import Layer
from nnscratch.tracing import recomputed
from nnscratch.tracing.formulas import formulas
from nnscratch.tracing.packed import Pack
from nnscratch.tracing.trace import LayerTrace, ParameterTrace, Trace

# Their y follows from x, and dx from dy, without rounding or with one product.
FOLLOWING = ("ReLU", "LeakyReLU", "MaxPool2D", "Flatten", "Dropout")
_WEIGHTED = ("Dense", "Conv2D")
# Layers that page/layers.js can run when the page shows another epoch.
_RUN_BY_PAGE = (*FOLLOWING, "Conv2D", "Dense", "AveragePool2D", "ContrastNormalization", "Sigmoid", "Tanh")


class Finding(Protocol):
    """One thing that is wrong, as `nn.diagnose` says it."""

    @property
    def code(self) -> str: ...
    @property
    def layer(self) -> int | None: ...
    @property
    def message(self) -> str: ...
    @property
    def remedy(self) -> str: ...


@dataclass(frozen=True)
class Points:
    """The outputs x0, y0, x1, y1, ... are points in the picture: pixel = output * scale + offset.

    names : of the points; may be empty
    """

    scale: float
    offset: float
    names: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Epoch:
    """The network as it was after an epoch.

    parameters : one dict a layer, like `layer.params`
    loss, score : of that epoch, the score as text with its unit; may be unknown
    findings : what a doctor said of it
    """

    epoch: int
    parameters: Sequence[Mapping[str, np.ndarray]]
    loss: float | None = None
    score: str = ""
    findings: Sequence[Finding] = ()


def facts(
    trace: Trace, pack: Pack, image: int, points: Points | None, epochs: Sequence[Epoch], findings: Sequence[Finding]
) -> dict[str, Any]:
    """Facts for JSON; their arrays go into `pack`."""
    others = np.delete(np.arange(len(trace.x)), image)
    loss = trace.loss
    return {
        "image": image,
        "images": len(trace.x),
        "x": pack.add(trace.x[image]),
        "layers": [_layer(layer, trace.settings, pack, image, others) for layer in trace.layers],
        "loss": {
            "kind": kind(loss.loss, "losses"),
            "text": repr(loss.loss),
            "value": number(loss.value),
            "before": number(loss.before),
            "after": number(loss.after),
            "prediction": pack.add(loss.prediction),
            "target": pack.add(loss.target),
            "dprediction": pack.add(loss.dprediction),
        },
        "optimizer": {
            "text": trace.optimizer,
            **_plain({**trace.settings, **recomputed.starting_factors(trace.settings)}),
        },
        "points": None if points is None else _points(points),
        "findings": [_finding(finding) for finding in findings],
        "epochs": [_epoch(epoch, trace, pack, image) for epoch in epochs],
    }


def kind(thing: object, room: str) -> str:
    """The name of a class of the library; "other" for one that a reader wrote."""
    cls = type(thing)
    return cls.__name__ if cls.__module__.startswith(f"nnscratch.{room}") else "other"


def number(value: float | None) -> float | None:
    """The number, or None if JSON has no word for it."""
    return None if value is None or not math.isfinite(value) else float(value)


def _layer(layer: LayerTrace, settings: dict[str, Any], pack: Pack, image: int, others: np.ndarray) -> dict[str, Any]:
    name = kind(layer.layer, "layers")
    follows = name in FOLLOWING
    result: dict[str, Any] = {
        "kind": name,
        "name": type(layer.layer).__name__,
        "text": repr(layer.layer),
        # A reader's own layer may have none, or one that fails; the page asks for it by kind.
        "config": {} if name == "other" else _plain(layer.layer.config()),
        "formulas": list(formulas(layer.layer)),
        "shape": list(layer.y.shape[1:]),
        "dtype": layer.y.dtype.name,
        "milliseconds": [1e3 * layer.forward_seconds, 1e3 * layer.backward_seconds],
        "y": None if follows else pack.add(layer.y[image]),
        "dx": None if follows else pack.add(layer.dx[image]),
    }
    if name in ("ReLU", "LeakyReLU"):
        on = (layer.x > 0).sum(axis=0)  # how many images have this unit on
        result["on"] = pack.add(on.astype(np.uint8 if len(layer.x) < 256 else np.int32))
    if name == "Dropout":  # one bit is enough: a mask is 0 or 1 / (1 - p)
        result["kept"] = pack.add(layer.kept["mask"] != 0)
    if name in _WEIGHTED:
        result["others"] = {"x": pack.add(layer.x[others]), "dy": pack.add(layer.dy[others])}
    result["parameters"] = [_parameter(layer, p, settings, pack) for p in layer.parameters.values()]
    return result


def _parameter(layer: LayerTrace, traced: ParameterTrace, settings: dict[str, Any], pack: Pack) -> dict[str, Any]:
    """before, and of what follows the difference from a formula, if the page has one."""
    before, gradient = traced.before, traced.gradient
    result: dict[str, Any] = {"name": traced.name, "shape": list(before.shape), "before": pack.add(before)}
    computed = None
    if kind(layer.layer, "layers") == "Dense" and traced.name == "weight" and len(layer.x) <= recomputed.MOST_ROWS:
        computed = recomputed.dense_gradient(layer.x, layer.dy)
    result["gradient"] = _known(computed, gradient, pack)
    result["memory"] = {name: pack.add(array) for name, array in traced.memory_before.items()}
    not_held = settings["rule"] is not None and not traced.memory_before  # by an optimizer of some layers
    result["frozen"] = not_held or bool(getattr(layer.layer, "frozen", False))
    result["decay"] = settings.get("weight_decay", 0.0) if traced.name == "weight" else 0.0
    after = None
    if settings["rule"] is not None and not result["frozen"]:
        after = recomputed.update(settings, result["decay"], before, gradient, traced.memory_before)
    result["after"] = _known(after[0] if after else None, traced.after, pack)
    result["memory_after"] = {
        name: _known(after[1][name] if after else None, array, pack) for name, array in traced.memory_after.items()
    }
    return result


def _known(formula: np.ndarray | None, real: np.ndarray, pack: Pack) -> dict[str, Any]:
    """{"array": ...}, or {"formula": True, "difference": ... or None} if there is a formula."""
    if formula is None:
        return {"array": pack.add(real)}
    difference = recomputed.difference(formula, real)
    return {"formula": True, "difference": pack.add(difference) if difference.any() else None}


def _points(points: Points) -> dict[str, Any]:
    return {"scale": float(points.scale), "offset": float(points.offset), "names": [str(name) for name in points.names]}


def _finding(finding: Finding) -> dict[str, Any]:
    fields = {name: str(getattr(finding, name)) for name in ("code", "message", "remedy")}
    return {"layer": None if finding.layer is None else int(finding.layer), **fields}


def _epoch(epoch: Epoch, trace: Trace, pack: Pack, image: int) -> dict[str, Any]:
    """For each layer what takes less room: the parameters, from which the page computes y, or y."""
    result: dict[str, Any] = {
        "epoch": int(epoch.epoch),
        "loss": number(epoch.loss),
        "score": epoch.score,
        "findings": [_finding(finding) for finding in epoch.findings],
        "layers": [],
    }
    if len(epoch.parameters) != len(trace.layers):
        raise ValueError(
            f"write_page: got epoch {epoch.epoch} with parameters of {len(epoch.parameters)} layers, expected "
            f"{len(trace.layers)}, one dict a layer; pass [layer.params for layer in model.layers]"
        )
    x = trace.x
    for traced, parameters in zip(trace.layers, epoch.parameters, strict=True):
        layer = _with_parameters(traced, parameters, epoch.epoch)
        x = layer.forward(x)
        name, places = kind(layer, "layers"), {}
        if name in _RUN_BY_PAGE and sum(array.size for array in layer.params.values()) <= x[image].size:
            places = {"parameters": {key: pack.add(array) for key, array in layer.params.items()}}
        else:
            places = {"y": pack.add(x[image])}
        if name in ("ReLU", "LeakyReLU"):  # of each channel, how many places of all images are on
            places["on"] = pack.add((x > 0).sum(axis=tuple(range(x.ndim - 1))).astype(np.int32))
        result["layers"].append(places)
    return result


def _with_parameters(traced: LayerTrace, parameters: Mapping[str, np.ndarray], epoch: int) -> Layer:
    layer = copy.copy(traced.layer)
    shapes = {name: array.shape for name, array in parameters.items()}
    expected = {name: array.shape for name, array in traced.layer.params.items()}
    if shapes != expected:
        raise ValueError(
            f"write_page: got epoch {epoch} with parameters {shapes} of {layer!r}, expected {expected}; pass those "
            "of the traced network"
        )
    layer.params = {name: np.asarray(array, traced.layer.params[name].dtype) for name, array in parameters.items()}
    return layer


def _plain(value: Any) -> Any:
    """The value, with nothing in it that JSON has no word for."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return number(value) if isinstance(value, float) and math.isfinite(value) else repr(value)
