"""The doctor: broken networks get their cause among the first two findings, healthy ones get none."""

from __future__ import annotations

import copy
import functools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import Diagnosis, diagnose
from nnscratch.diagnosis.findings import EXPLAINS, ORDER
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.experiments.crops import crops_of_point
from nnscratch.keypoints.experiments.networks import REPORT, report_level_2
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.start import start_from_mean_face

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


@functools.cache
def crops(side: int = 24) -> Rows:
    """Around noses, off by N(0, 3^2) px."""
    true = faces().points[:, POINTS.index("nose_tip")]
    return crops_of_point(faces(), "nose_tip", true + np.random.default_rng(0).normal(0, 3.0, true.shape), side)


def level_2_crops() -> Rows:
    return crops(50)


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


def weights(model: Any) -> list[Any]:
    return [layer for layer in model.layers if "weight" in layer.params]


def scale(model: Any, factor: float, which: slice = slice(None)) -> None:
    for layer in weights(model)[which]:
        layer.params["weight"] *= np.float32(factor)


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


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("make", [None, sgd])
def test_small_later_weights_stop_the_gradient(network: Any, make: Any) -> None:
    model = network()
    scale(model, 0.003, slice(-2, None))
    diagnosis = diagnose(model, *rows(), optimizer=make(model) if make else None)
    finding = first_two(diagnosis, "vanishing_gradient")
    assert finding.evidence["first_to_last"] < 1e-3


@pytest.mark.parametrize("network", NETWORKS)
def test_large_later_weights_explode_the_gradient(network: Any) -> None:
    model = network()
    scale(model, 15.0, slice(-2, None))
    first_two(diagnose(model, *rows(), optimizer=sgd(model)), "exploding_gradient")


@pytest.mark.parametrize("network", NETWORKS)
def test_one_layer_of_negative_weights_is_dead(network: Any) -> None:
    """Behind a ReLU everything is positive: negative weights, and every unit is off with a bias of 0."""
    model = network()
    weight = model.layers[-3].params["weight"]
    weight[:] = -np.abs(weight)
    first_two(diagnose(model, *rows(), optimizer=adam(model)), "dead_units")


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
    first_two(diagnosis, "saturated_by_bias")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("value", [5.0, 10.0, -10.0])
def test_saturated_by_bias(network: Any, value: float) -> None:
    """Also with an optimizer: steps that diverge because of the biases are not too long."""
    model = network(bias=f"constant({value})")
    first_two(diagnose(model, *rows()), "saturated_by_bias")
    diagnosis = diagnose(model, *rows(), optimizer=sgd(model, lr=0.01))
    first_two(diagnosis, "saturated_by_bias")
    assert "step_too_large" not in diagnosis.codes
    by_hand = network()
    for layer in weights(by_hand)[:-1]:
        layer.params["bias"][:] = value
    optimizer = sgd(by_hand, lr=0.001)
    train(by_hand, optimizer, 8)
    first_two(diagnose(by_hand, *rows(), optimizer=optimizer), "saturated_by_bias")


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


@pytest.mark.parametrize("network", [*NETWORKS, deep])
def test_decay_that_will_dominate_is_seen_before_the_training(network: Any) -> None:
    """The first gradients are large because the mean is not found yet: the decay is no match for them, so far."""
    for decay, expected in ((0.05, ["decay_dominates"]), (1e-4, [])):
        model = network()
        assert diagnose(model, *rows(), optimizer=sgd(model, weight_decay=decay)).codes[:1] == expected


@pytest.mark.parametrize("network", NETWORKS)
def test_a_loss_that_falls_too_slowly(network: Any) -> None:
    """By the history alone: a learning rate that is too low may also lie behind a schedule or a small batch."""
    model = network()
    history = train(model, nn.SGD(model, lr=3e-5), 12)
    finding = first_two(diagnose(model, *rows(), history=history), "step_too_small")
    assert finding.evidence["epochs_to_the_mean"] > 300


@pytest.mark.parametrize("network", NETWORKS)
def test_a_blank_last_layer_that_never_moves(network: Any) -> None:
    model = network()
    model.layers[-1].params["weight"][:] = 0
    optimizer = sgd(model, lr=1e-8)
    history = train(model, optimizer, 6)
    codes = diagnose(model, *rows(), optimizer=optimizer, history=history).codes
    assert codes == ["step_too_small", "constant_output", "no_better_than_mean"]


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
    for row in (0, 11):  # the second is not among the rows that are measured
        model, place = network(), np.arange(len(x)) == row
        first_two(
            diagnose(model, np.where(place[:, None, None, None], np.inf, x), y, optimizer=sgd(model)), "not_finite"
        )
        first_two(diagnose(model, x, np.where(place[:, None], np.inf, y), optimizer=sgd(model)), "not_finite")


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
@pytest.mark.parametrize(
    "key",
    [
        lambda y: y[:, 20],  # the nose, from left to right
        lambda y: -y[:, 21],
        lambda y: y[:, 20] - (y[:, 0] + y[:, 2]) / 2,  # the head's turn
        lambda y: y[:, 20] > np.nanmedian(y[:, 20]),  # two halves
    ],
)
def test_unshuffled(network: Any, key: Any) -> None:
    x, y = rows()
    order = np.argsort(key(y), kind="stable")
    first_two(diagnose(network(), x[order], y[order]), "unshuffled")


def test_neighbours_that_are_alike_do_not_make_a_batch_one_sided() -> None:
    """Each face twice in a row, as augmented data may stand: batches of such rows are as good as others."""
    x, y = (np.repeat(array, 2, axis=0) for array in rows())
    assert diagnose(mlp(), x, y).healthy


@pytest.mark.parametrize("network", NETWORKS)
def test_labels_of_other_pictures(network: Any) -> None:
    x, y = rows()
    y = y[np.random.default_rng(0).permutation(len(y))]
    model = network()
    optimizer = sgd(model)
    history = train(model, optimizer, 15, (x, y))
    finding = first_two(diagnose(model, x, y, optimizer=optimizer, history=history), "no_better_than_mean")
    assert "x seems to say nothing about y" in finding.message


@pytest.mark.parametrize("network", NETWORKS)
def test_plateau(network: Any) -> None:
    """All is well, but the loss has long been flat and the answer is still the mean."""
    x, y = rows()
    model = network()
    start_from_mean_face(model, faces().points)
    optimizer, history = sgd(model), nn.History(["epoch", "loss"], score="loss")
    assert diagnose(model, x, y, optimizer=optimizer, history=history).healthy
    optimizer.steps = 2000
    for epoch in range(1, 201):
        history.append({"epoch": epoch, "loss": 0.006})
    diagnosis = diagnose(model, x, y, optimizer=optimizer, history=history)
    assert diagnosis.codes == ["step_too_small", "constant_output", "no_better_than_mean"]
    assert "flat place" in diagnosis.findings[0].message


class AbsoluteLoss:
    """Another loss: all that it needs is forward and backward."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = np.where(np.isnan(target), 0, prediction - target)
        self.slope = (np.sign(error) / error.size).astype(prediction.dtype)
        return float(np.abs(error).mean())

    def backward(self) -> np.ndarray:
        return self.slope


@pytest.mark.parametrize("network", NETWORKS)
def test_another_loss(network: Any) -> None:
    loss: Any = AbsoluteLoss()
    model = network()
    assert diagnose(model, *rows(), loss, adam(model)).healthy
    optimizer = adam(model)
    history = nn.Trainer(model, loss, optimizer, batch_size=32).fit(*rows(), epochs=8)
    assert diagnose(model, *rows(), loss, optimizer, history).healthy
    model.layers[-3].params["bias"][:] = -50
    diagnosis = diagnose(model, *rows(), loss, optimizer, history)
    first_two(diagnosis, "dead_units")
    assert "constant_output" in diagnosis.codes


@pytest.mark.parametrize("network", NETWORKS)
def test_units_that_exploded_are_not_alike(network: Any) -> None:
    model = network()
    scale(model, 1e30, slice(1, 2))
    assert "identical_units" not in diagnose(model, *rows()).codes


@pytest.mark.parametrize("network", NETWORKS)
def test_overfitting(network: Any) -> None:
    x, _ = rows()
    model = network()
    optimizer = adam(model, lr=0.001)
    x = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)  # nothing to learn but the rows
    noise = np.random.default_rng(0).normal(0, 0.1, (60, OUTPUTS)).astype(np.float32)
    history = train(model, optimizer, 400, (x[:16], noise[:16]), validation=(x[40:60], noise[40:]))
    first_two(diagnose(model, x[:16], noise[:16], optimizer=optimizer, history=history), "overfitting")


@pytest.mark.parametrize("network", NETWORKS)
def test_mild_overfitting(network: Any) -> None:
    """More than half of its own rows explained, and new rows no better than by the mean."""
    x, y = rows()
    noise = np.random.default_rng(0).normal(0, 0.1, y.shape).astype(np.float32)
    model = network()
    optimizer = adam(model, lr=0.001)
    history = train(model, optimizer, 220, (x[:40], (y + noise)[:40]), validation=(x[100:200], (y + noise)[100:200]))
    first_two(diagnose(model, x[:40], (y + noise)[:40], optimizer=optimizer, history=history), "overfitting")


SLOW: dict[str, tuple[Any, str]] = {
    "report's F1": (lambda: networks.report_cnn(rng=0), "saturated_by_bias"),
    "F1, early": (lambda: REPORT["f1-early"](rng=0), "vanishing_signal"),
    "cured F1, small weights": (
        lambda: networks.report_cnn(rng=0, dropout=0, hidden_bias=0, weight_init="normal(0.01)"),
        "vanishing_gradient",
    ),
    "cured F1, equal weights": (
        lambda: networks.report_cnn(rng=0, dropout=0, hidden_bias=0, weight_init="constant(0.1)"),
        "identical_units",
    ),
    "level 2": (lambda: report_level_2(rng=0), "saturated_by_bias"),
}


@pytest.mark.parametrize("name", list(SLOW))
def test_the_networks_of_the_report(name: str) -> None:
    make, code = SLOW[name]
    model = make()
    data = level_2_crops() if name == "level 2" else (faces().x, faces().y)
    for optimizer in (None, nn.SGD(model, lr=0.001, momentum=0.9, weight_decay=0.001), adam(model)):
        first_two(diagnose(model, *data, optimizer=optimizer), code)


def test_kfkd_takes_no_more_than_some_seconds() -> None:
    model = networks.kfkd(rng=0)
    seconds = []
    for _ in range(2):
        began = time.process_time()  # of this process, whatever else the machine does
        assert diagnose(model, faces().x[:256], faces().y[:256], optimizer=sgd(model)).healthy
        seconds.append(time.process_time() - began)
    assert min(seconds) < 6


def missing_labels() -> Rows:
    """A third of the points without a label, as in two thirds of Kaggle's rows."""
    x, y = rows()
    missing = np.random.default_rng(2).random((len(y), OUTPUTS // 2)) < 1 / 3
    return x, np.where(np.repeat(missing, 2, axis=1), np.float32(np.nan), y)


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
        "cnn, missing labels": (cnn(), missing_labels(), adam),
        "cnn, nesterov": (cnn(), rows(), lambda m: sgd(m, nesterov=True)),
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


def test_one_row_and_no_hidden_layer() -> None:
    x, y = rows()
    model = nn.Sequential(nn.Flatten(), nn.Dense(576, OUTPUTS, rng=0))
    assert math.isfinite(diagnose(model, x, y, optimizer=adam(model)).signals.loss)
    diagnose(model, x[:1], y[:1], optimizer=adam(model))
