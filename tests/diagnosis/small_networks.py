"""What the tests of the doctor share: small networks, faces of 24 x 24 px, short trainings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import Diagnosis, Finding
from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.signals import measure
from nnscratch.keypoints.drawn.faces import draw_faces

Rows = tuple[np.ndarray, np.ndarray]
OUTPUTS = 30


@functools.cache
def faces() -> Any:
    return draw_faces(320, seed=5)


@functools.cache
def rows() -> Rows:
    """Faces of 24 x 24 pixels."""
    x = faces().x.reshape(-1, 24, 4, 24, 4, 1).mean(axis=(2, 4))
    return x.astype(np.float32), faces().y


def mlp(
    *,
    weight: str = "glorot_uniform",
    bias: str = "constant(0)",
    dropout: float = 0.0,
    depth: int = 2,
    activation: Callable[[], nn.Layer] = nn.ReLU,
) -> Any:
    rng = np.random.default_rng(0)
    layers: list[nn.Layer] = [nn.Flatten()]
    for n_in in [576, *[64] * (depth - 1)]:
        layers += [nn.Dense(n_in, 64, weight_init=weight, bias_init=bias, rng=rng), activation()]
        layers += [nn.Dropout(dropout, rng=rng)] if dropout else []
    return nn.Sequential(*layers, nn.Dense(64, OUTPUTS, weight_init=weight, rng=rng))


def cnn(
    *, weight: str = "glorot_uniform", bias: str = "constant(0)", dropout: float = 0.0, outputs: int = OUTPUTS
) -> Any:
    rng = np.random.default_rng(1)
    layers: list[nn.Layer] = []
    for c_in, c_out, k in ((1, 8, 5), (8, 16, 3)):  # 24 -> 20 -> 10 -> 8 -> 4
        layers += [nn.Conv2D(c_in, c_out, k, weight_init=weight, bias_init=bias, rng=rng), nn.ReLU(), nn.MaxPool2D(2)]
    layers += [nn.Flatten(), nn.Dense(256, 64, weight_init=weight, bias_init=bias, rng=rng), nn.ReLU()]
    layers += [nn.Dropout(dropout, rng=rng)] if dropout else []
    return nn.Sequential(*layers, nn.Dense(64, outputs, weight_init=weight, rng=rng))


def deep(**arguments: Any) -> Any:
    return mlp(depth=6, **arguments)


# A check looks at every layer alike: always at the quicker network, at night at both.
both_networks: Callable[..., Any] = pytest.mark.parametrize(
    "network", [mlp, pytest.param(cnn, marks=pytest.mark.nightly)]
)


def adam(model: Any, lr: float = 0.002, **arguments: Any) -> Any:
    return nn.Adam(model, lr=lr, **arguments)


def sgd(model: Any, lr: float = 0.02, **arguments: Any) -> Any:
    return nn.SGD(model, lr=lr, momentum=0.9, **arguments)


def train(model: Any, optimizer: Any, epochs: int, data: Rows | None = None, **arguments: Any) -> Any:
    trainer = nn.Trainer(model, nn.MSELoss(), optimizer, batch_size=32)
    return trainer.fit(*(data or rows()), epochs=epochs, keep_best=False, **arguments)


def history_of(losses: list[float], **others: list[float]) -> nn.History:
    """A history with these losses, one per epoch, and other columns beside them."""
    history = nn.History(["epoch", "loss", *others], score="loss")
    for i, loss in enumerate(losses):
        history.append({"epoch": i + 1, "loss": loss} | {name: values[i] for name, values in others.items()})
    return history


def weights(model: Any) -> list[Any]:
    return [layer for layer in model.layers if "weight" in layer.params]


def scale(model: Any, factor: float, which: slice = slice(None)) -> None:
    for layer in weights(model)[which]:
        layer.params["weight"] *= np.float32(factor)


def case_of(model: Any, data: Rows | None = None, optimizer: Any = None, history: Any = None) -> Case:
    x, y = data or rows()
    loss = nn.MSELoss()
    return Case(model, measure(model, x, y, loss, optimizer), x, y, loss, optimizer, history)


def first(diagnosis: Diagnosis, code: str) -> Finding:
    """The first finding, which must have this code."""
    assert diagnosis.codes[:1] == [code], f"expected {code} first, found {diagnosis.codes}\n{diagnosis}"
    finding = diagnosis.findings[0]
    assert finding.message
    assert finding.remedy
    assert all(isinstance(value, float) for value in finding.evidence.values())
    return finding


def first_two(diagnosis: Diagnosis, cause: str, code: str) -> Finding:
    """The second finding, which must have this code and stand behind this cause."""
    first(diagnosis, cause)
    assert diagnosis.codes[1:2] == [code], f"expected {code} behind {cause}, found {diagnosis.codes}\n{diagnosis}"
    return diagnosis.findings[1]


# Tables: trained in a fraction of a second.

COLUMNS = 6


@functools.cache
def table(rows: int = 240) -> Rows:
    """Six columns, and two targets that no straight rule explains."""
    x = np.random.default_rng(3).standard_normal((rows, COLUMNS)).astype(np.float32)
    return x, np.stack([x[:, 0] * x[:, 1] + x[:, 2], np.sin(2 * x[:, 3]) + x[:, 4]], axis=1)


def dense(*units: int, activation: Callable[[], nn.Layer] | None = nn.ReLU, dropout: float = 0.0) -> Any:
    """Dense layers from six columns to the last of `units`."""
    rng = np.random.default_rng(0)
    layers: list[nn.Layer] = []
    for n_in, n_out in zip((COLUMNS, *units[:-2]), units[:-1], strict=True):
        layers += [nn.Dense(n_in, n_out, weight_init="he_normal", rng=rng)]
        layers += [activation()] if activation is not None else []
        layers += [nn.Dropout(dropout, rng=rng)] if dropout else []
    return nn.Sequential(*layers, nn.Dense((COLUMNS, *units)[-2], units[-1], rng=rng))


def relu_table() -> Any:
    return dense(32, 2)


def tanh_table() -> Any:
    return dense(24, 24, 2, activation=nn.Tanh)


both_tables: Callable[..., Any] = pytest.mark.parametrize("network", [relu_table, tanh_table])


def asked(
    model: Any, data: Rows, epochs: int = 60, optimizer: Any = None, loss: Any = None, **arguments: Any
) -> Diagnosis:
    """The diagnosis at the end of a training by Adam."""
    optimizer = optimizer or adam(model, lr=0.005)
    loss = loss or nn.MSELoss()
    history = nn.Trainer(model, loss, optimizer, batch_size=32).fit(*data, epochs=epochs, keep_best=False)
    return nn.diagnose(model, *data, loss, optimizer, history, **arguments)
