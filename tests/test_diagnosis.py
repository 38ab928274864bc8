"""The doctor: broken networks get their cause among the first two findings, healthy ones get none."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import Diagnosis, diagnose, stop_when_hopeless
from nnscratch.findings import EXPLAINS, ORDER
from nnscratch.keypoints.cascade import training_crops
from nnscratch.keypoints.generator import generate_faces
from nnscratch.keypoints.networks import start_from_mean_face

Rows = tuple[np.ndarray, np.ndarray]
OUTPUTS = 30


@functools.cache
def faces() -> Any:
    return generate_faces(320, seed=5)


@functools.cache
def rows() -> Rows:
    """Faces of 24 x 24 pixels."""
    x = faces().x.reshape(-1, 24, 4, 24, 4, 1).mean(axis=(2, 4))
    return x.astype(np.float32), faces().y


@functools.cache
def crops() -> Rows:
    return training_crops(faces(), "nose_tip", 3.0, side=24, copies=1, rng=np.random.default_rng(0))


def mlp(*, weight: str = "glorot_uniform", bias: str = "constant(0)", dropout: float = 0.0, depth: int = 2) -> Any:
    rng = np.random.default_rng(0)
    layers: list[nn.Layer] = [nn.Flatten()]
    for n_in in [576, *[64] * (depth - 1)]:
        layers += [nn.Dense(n_in, 64, weight_init=weight, bias_init=bias, rng=rng), nn.ReLU()]
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


NETWORKS: list[Callable[..., Any]] = [mlp, cnn]


def adam(model: Any, lr: float = 0.002, **arguments: Any) -> Any:
    return nn.Adam(model, lr=lr, **arguments)


def sgd(model: Any, lr: float = 0.02, **arguments: Any) -> Any:
    return nn.SGD(model, lr=lr, momentum=0.9, **arguments)


def train(model: Any, optimizer: Any, epochs: int, data: Rows | None = None, **arguments: Any) -> Any:
    trainer = nn.Trainer(model, nn.MSELoss(), optimizer, batch_size=32)
    return trainer.fit(*(data or rows()), epochs=epochs, keep_best=False, **arguments)


def first_two(diagnosis: Diagnosis, code: str) -> Any:
    """The finding with `code`, which must be among the first two."""
    assert code in diagnosis.codes[:2], f"expected {code}, found {diagnosis.codes}\n{diagnosis}"
    finding = diagnosis.findings[diagnosis.codes.index(code)]
    assert finding.message
    assert finding.remedy
    assert all(isinstance(value, float) for value in finding.evidence.values())
    return finding


@pytest.mark.parametrize("network", [deep, cnn])
def test_small_weights(network: Any) -> None:
    model = network(weight="normal(0.001)")
    finding = first_two(diagnose(model, *rows()), "vanishing_signal")
    assert finding.evidence["share_of_input_spread"] < 1e-3
    optimizer = sgd(model)
    train(model, optimizer, 12)
    diagnosis = diagnose(model, *rows(), optimizer=optimizer)
    first_two(diagnosis, "vanishing_signal")
    assert {"constant_output", "no_better_than_mean"} <= set(diagnosis.codes)


@pytest.mark.parametrize("network", [deep, functools.partial(mlp, depth=4)])
def test_small_weights_stop_the_gradient(network: Any) -> None:
    model = network(weight="normal(0.01)")
    first_two(diagnose(model, *rows()), "vanishing_gradient")


@pytest.mark.parametrize("network", [deep, cnn])
@pytest.mark.parametrize("code", ["exploding_signal", "exploding_gradient"])
def test_large_weights(network: Any, code: str) -> None:
    model = network(weight="normal(2)")
    first_two(diagnose(model, *rows(), optimizer=sgd(model)), code)


@pytest.mark.parametrize("network", NETWORKS)
def test_dead_units(network: Any) -> None:
    model = network()
    model.layers[-3].params["bias"][:] = -20.0
    diagnosis = diagnose(model, *rows())
    assert first_two(diagnosis, "dead_units").layer == len(model.layers) - 3


@pytest.mark.parametrize("network", NETWORKS)
def test_dead_units_by_bias_and_dropout(network: Any) -> None:
    """The report's: the network learns to switch its hidden units off."""
    model = network(bias="constant(20)", dropout=0.5)
    optimizer = sgd(model, lr=0.005)
    train(model, optimizer, 20)
    diagnosis = diagnose(model, *rows(), optimizer=optimizer)
    assert {"dead_units", "saturated_by_bias", "step_too_large"} & set(diagnosis.codes[:2]), diagnosis


@pytest.mark.parametrize("network", NETWORKS)
def test_saturated_by_bias(network: Any) -> None:
    first_two(diagnose(network(bias="constant(10)"), *rows()), "saturated_by_bias")


@pytest.mark.parametrize("network", NETWORKS)
def test_decay_dominates(network: Any) -> None:
    model = network()
    optimizer = sgd(model, weight_decay=0.3)
    first_two(diagnose(model, *rows(), optimizer=optimizer), "decay_dominates")
    train(model, optimizer, 20)
    diagnosis = diagnose(model, *rows(), optimizer=optimizer)
    first_two(diagnosis, "decay_dominates")
    assert "constant_output" in diagnosis.codes
    assert diagnose(model, *rows(), optimizer=sgd(model, weight_decay=0.3)).codes[0] == "decay_dominates"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("make", [lambda m: sgd(m, lr=1e-7), lambda m: adam(m, lr=1e-7)])
def test_step_too_small(network: Any, make: Any) -> None:
    model = network()
    optimizer = make(model)
    first_two(diagnose(model, *rows(), optimizer=optimizer), "step_too_small")
    history = train(model, optimizer, 10)
    diagnosis = diagnose(model, *rows(), optimizer=optimizer, history=history)
    first_two(diagnosis, "step_too_small")
    assert "no_better_than_mean" in diagnosis.codes


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("make", [lambda m: sgd(m, lr=20.0), lambda m: adam(m, lr=2.0)])
def test_step_too_large(network: Any, make: Any) -> None:
    model = network()
    optimizer = make(model)
    first_two(diagnose(model, *rows(), optimizer=optimizer), "step_too_large")
    history = train(model, optimizer, 10)
    first_two(diagnose(model, *rows(), optimizer=optimizer, history=history), "step_too_large")


@pytest.mark.parametrize("network", NETWORKS)
def test_targets_unscaled(network: Any) -> None:
    x, y = rows()
    model = network()
    first_two(diagnose(model, x, 48 * y + 48, optimizer=sgd(model)), "targets_unscaled")
    first_two(diagnose(model, x, y / 1000), "targets_unscaled")


@pytest.mark.parametrize("network", NETWORKS)
def test_input_unscaled(network: Any) -> None:
    x, y = rows()
    model = network()
    first_two(diagnose(model, x * 256, y, optimizer=adam(model)), "input_unscaled")
    first_two(diagnose(model, (x * 256).astype(np.uint8), y), "input_unscaled")
    first_two(diagnose(model, x / 256, y), "input_unscaled")
    first_two(diagnose(model, x + 5, y), "input_unscaled")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("value", [0.0, 0.05])
def test_identical_units(network: Any, value: float) -> None:
    model = network(weight=f"constant({value})")
    first_two(diagnose(model, *rows()), "identical_units")
    optimizer = sgd(model, lr=0.005)
    train(model, optimizer, 12)
    first_two(diagnose(model, *rows(), optimizer=optimizer), "identical_units")


@pytest.mark.parametrize("network", NETWORKS)
def test_not_finite(network: Any) -> None:
    x, y = rows()
    model = network()
    model.layers[-1].params["weight"][0, 0] = np.nan
    first_two(diagnose(model, x, y, optimizer=adam(model)), "not_finite")
    model = network()
    first_two(diagnose(model, np.where(x > 0.9, np.nan, x), y), "not_finite")
    model.layers[-1].params["weight"][:] = 1e38
    first_two(diagnose(model, x, y), "not_finite")


@pytest.mark.parametrize("network", NETWORKS)
def test_divergence_keeps_its_cause(network: Any) -> None:
    model = network()
    optimizer = sgd(model, lr=1e6)
    history = nn.Trainer(model, nn.MSELoss(), optimizer).fit(*rows(), epochs=10)
    assert diagnose(model, *rows(), optimizer=optimizer, history=history).codes[:2] == ["step_too_large", "not_finite"]


@pytest.mark.parametrize("network", NETWORKS)
def test_unlabelled(network: Any) -> None:
    x, y = rows()
    assert diagnose(network(), x, np.full_like(y, np.nan)).codes == ["unlabelled"]


@pytest.mark.parametrize("network", NETWORKS)
def test_unshuffled(network: Any) -> None:
    x, y = rows()
    order = np.argsort(y[:, 20])  # the nose, from left to right
    first_two(diagnose(network(), x[order], y[order]), "unshuffled")


@pytest.mark.parametrize("network", NETWORKS)
def test_overfitting(network: Any) -> None:
    x, _ = rows()
    model = network()
    optimizer = adam(model, lr=0.001)
    x = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)  # nothing to learn but the rows
    noise = np.random.default_rng(0).normal(0, 0.1, (60, OUTPUTS)).astype(np.float32)
    history = train(model, optimizer, 400, (x[:16], noise[:16]), validation=(x[40:60], noise[40:]))
    first_two(diagnose(model, x[:16], noise[:16], optimizer=optimizer, history=history), "overfitting")


def healthy() -> dict[str, tuple[Any, Rows, Any]]:
    """Name -> network, rows, optimizer that trains it."""
    he: dict[str, Any] = {"weight": "he_normal"}
    cases = {
        "mlp": (mlp(), rows(), adam),
        "mlp, sgd": (mlp(**he), rows(), sgd),
        "mlp, dropout": (mlp(dropout=0.3), rows(), sgd),
        "mlp, deep": (deep(**he), rows(), adam),
        "mlp, decay": (mlp(), rows(), lambda m: sgd(m, weight_decay=1e-4)),
        "cnn": (cnn(), rows(), adam),
        "cnn, sgd": (cnn(**he), rows(), lambda m: sgd(m, lr=0.05)),
        "cnn, dropout": (cnn(dropout=0.5, **he), rows(), adam),
        "level 2": (cnn(outputs=2), crops(), adam),
        "level 2, dropout": (cnn(outputs=2, dropout=0.3, **he), crops(), adam),
    }
    mean = mlp(), rows(), adam
    start_from_mean_face(mean[0], faces().points)
    return cases | {"mlp, mean face": mean}


@pytest.mark.parametrize("name", list(healthy()))
def test_healthy(name: str) -> None:
    model, data, make = healthy()[name]
    assert diagnose(model, *data).codes == []
    optimizer = make(model)
    assert diagnose(model, *data, optimizer=optimizer).codes == []
    for epochs in (8, 30):
        history = train(model, optimizer, epochs, data)
        for arguments in ({}, {"optimizer": optimizer}, {"optimizer": optimizer, "history": history}):
            diagnosis = diagnose(model, *data, **arguments)
            assert diagnosis.healthy, f"{name}, {epochs}, {list(arguments)}:\n{diagnosis}"


def state(model: Any, optimizer: Any) -> list[bytes]:
    arrays = [a for layer in model.layers for store in (layer.params, layer.grads) for a in store.values()]
    arrays += [mean for parameter in optimizer._parameters for mean in parameter.means]
    generators = [str(layer.rng.bit_generator.state) for layer in model.layers if isinstance(layer, nn.Dropout)]
    return [a.tobytes() for a in arrays] + [repr((optimizer.steps, optimizer.lr, generators)).encode()]


@pytest.mark.parametrize("network", NETWORKS)
def test_changes_nothing(network: Any) -> None:
    model = network(dropout=0.5)
    optimizer = adam(model)
    train(model, optimizer, 1)
    loss = nn.MSELoss()
    before, other = state(model, optimizer), copy.deepcopy(model)
    prediction = model.forward(rows()[0][:8], training=True)
    other.forward(rows()[0][:8], training=True)
    before = state(model, optimizer)
    diagnose(model, *rows(), loss=loss, optimizer=optimizer)
    assert state(model, optimizer) == before
    model.backward(np.ones_like(prediction))  # the forward before the diagnosis still counts
    other.backward(np.ones_like(prediction))
    np.testing.assert_array_equal(model.layers[-1].grads["weight"], other.layers[-1].grads["weight"])


def test_text_and_errors() -> None:
    model = mlp(bias="constant(-30)")
    text = str(diagnose(model, *rows()))
    assert max(map(len, text.splitlines())) <= 80
    assert "1. saturated_by_bias (layer " in text
    assert set(EXPLAINS) <= set(ORDER)
    x, y = rows()
    with pytest.raises(ValueError, match="one of y for each of x"):
        diagnose(model, x, y[:-1])
    with pytest.raises(ValueError, match="optimizer of another model"):
        diagnose(model, x, y, optimizer=adam(mlp()))


def test_stop_when_hopeless() -> None:
    model = cnn(bias="constant(-30)")
    history = train(model, sgd(model), 50, callbacks=[stop_when_hopeless(*rows(), every=2)])
    assert len(history) == 4
    assert history.stopped.startswith("hopeless (saturated_by_bias, dead_units)")
    model = cnn()
    assert len(train(model, adam(model), 8, callbacks=[stop_when_hopeless(*rows(), every=1, patience=1)])) == 8
    with pytest.raises(ValueError, match="every=0"):
        stop_when_hopeless(*rows(), every=0)


def test_one_row_and_no_hidden_layer() -> None:
    x, y = rows()
    model = nn.Sequential(nn.Flatten(), nn.Dense(576, OUTPUTS, rng=0))
    assert math.isfinite(diagnose(model, x, y, optimizer=adam(model)).signals.loss)
    diagnose(model, x[:1], y[:1], optimizer=adam(model))
