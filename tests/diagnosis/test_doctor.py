"""diagnose as a whole: healthy networks, those of the report, cost, text; it changes nothing."""

from __future__ import annotations

import copy
import functools
import math
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.signals import FEW_ROWS
from nnscratch.keypoints import networks
from nnscratch.keypoints.experiments.crops import crops_of_point
from nnscratch.keypoints.experiments.networks import REPORT, report_level_2
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.start import start_from_mean_face
from tests.diagnosis.small_networks import (
    OUTPUTS,
    Rows,
    adam,
    both_networks,
    cnn,
    deep,
    faces,
    first,
    first_two,
    mlp,
    rows,
    sgd,
    train,
)


@functools.cache
def crops(side: int = 24) -> Rows:
    """Around noses, off by N(0, 3^2) px."""
    true = faces().points[:, POINTS.index("nose_tip")]
    return crops_of_point(faces(), "nose_tip", true + np.random.default_rng(0).normal(0, 3.0, true.shape), side)


def missing_labels() -> Rows:
    """A third of the points without a label, as in two thirds of Kaggle's rows."""
    x, y = rows()
    missing = np.random.default_rng(2).random((len(y), OUTPUTS // 2)) < 1 / 3
    return x, np.where(np.repeat(missing, 2, axis=1), np.float32(np.nan), y)


def mean_face_mlp() -> Any:
    model = mlp()
    start_from_mean_face(model, faces().points)
    return model


HE: dict[str, Any] = {"weight": "he_normal"}
# Name -> network, rows, optimizer that trains it: each is made by a call.
HEALTHY: dict[str, tuple[Any, Any, Any]] = {
    "mlp": (mlp, rows, adam),
    "mlp, sgd": (lambda: mlp(**HE), rows, sgd),
    "mlp, dropout": (lambda: mlp(dropout=0.3), rows, sgd),
    "mlp, deep": (lambda: deep(**HE), rows, adam),
    "mlp, decay": (mlp, rows, lambda model: sgd(model, weight_decay=1e-4)),
    "mlp, mean face": (mean_face_mlp, rows, adam),
    "cnn": (cnn, rows, adam),
    "cnn, sgd": (lambda: cnn(**HE), rows, lambda model: sgd(model, lr=0.05)),
    "cnn, dropout": (lambda: cnn(dropout=0.5, **HE), rows, adam),
    "cnn, missing labels": (cnn, missing_labels, adam),
    "cnn, nesterov": (cnn, rows, lambda model: sgd(model, nesterov=True)),
    "level 2": (lambda: cnn(outputs=2), crops, adam),
    "level 2, dropout": (lambda: cnn(outputs=2, dropout=0.3, **HE), crops, adam),
}


# Each of these has something of its own; the others are their mixtures, half a minute of them.
ALWAYS = {"mlp", "mlp, dropout", "mlp, mean face", "cnn", "cnn, missing labels", "level 2, dropout"}


@pytest.mark.parametrize(
    "name", [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.nightly) for name in HEALTHY]
)
def test_healthy(name: str) -> None:
    make_model, make_rows, make_optimizer = HEALTHY[name]
    model, data = make_model(), make_rows()
    assert diagnose(model, *data).codes == []
    optimizer = make_optimizer(model)
    assert diagnose(model, *data, optimizer=optimizer).codes == []
    for epochs in (8, 30):
        history = train(model, optimizer, epochs, data)
        for arguments in ({}, {"optimizer": optimizer}, {"optimizer": optimizer, "history": history}):
            diagnosis = diagnose(model, *data, **arguments)
            assert diagnosis.codes == [], f"{name}, {epochs}, {list(arguments)}:\n{diagnosis}"
            # One that explains next to nothing is not accused, but it is not called healthy either.
            assert not diagnosis.healthy or diagnosis.explained >= 0.05


def whole_faces() -> Rows:
    return faces().x, faces().y


cured_f1 = functools.partial(networks.report_cnn, rng=0, dropout=0, hidden_bias=0)
# Name -> network, rows, code of the first finding.
OF_THE_REPORT: dict[str, tuple[Any, Any, str]] = {
    "F1": (lambda: networks.report_cnn(rng=0), whole_faces, "saturated_by_bias"),
    "F1, early": (lambda: REPORT["f1-early"](rng=0), whole_faces, "vanishing_signal"),
    "cured F1, equal weights": (lambda: cured_f1(weight_init="constant(0.1)"), whole_faces, "identical_units"),
    "level 2": (lambda: report_level_2(rng=0), lambda: crops(50), "saturated_by_bias"),
}


def optimizers(model: Any) -> list[Any]:
    return [None, nn.SGD(model, lr=0.001, momentum=0.9, weight_decay=0.001), adam(model)]


@pytest.mark.parametrize("name", list(OF_THE_REPORT))
def test_the_networks_of_the_report(name: str) -> None:
    make_model, make_rows, code = OF_THE_REPORT[name]
    model, data = make_model(), make_rows()
    for optimizer in optimizers(model):
        first(diagnose(model, *data, optimizer=optimizer), code)


def test_the_network_of_the_report_with_small_weights() -> None:
    model = cured_f1(weight_init="normal(0.01)")
    for optimizer in optimizers(model):
        diagnosis = diagnose(model, *whole_faces(), optimizer=optimizer)
        first_two(diagnosis, "vanishing_signal", "vanishing_gradient")


class CountingReLU(nn.ReLU):
    """A ReLU that counts, over all its copies, the images that go forward."""

    images = 0

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        CountingReLU.images += len(x)
        return super().forward(x, training)


def test_the_cost_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 images are measured in a large network, and 32 before and after ten steps of 8.

    A layer of one's own is asked for its gradient besides: 8 images, before and behind two passes
    for each of three directions.
    """
    monkeypatch.setattr(CountingReLU, "images", 0)
    layers = networks.kfkd(rng=0).layers
    layers[next(i for i, layer in enumerate(layers) if isinstance(layer, nn.ReLU))] = CountingReLU()
    model = nn.Sequential(*layers)
    assert diagnose(model, faces().x[:256], faces().y[:256], optimizer=sgd(model)).healthy
    assert CountingReLU.images == FEW_ROWS + 32 + 10 * 8 + 32 + 8 * (1 + 1 + 1 + 2 * 3)


class AbsoluteLoss:
    """Another loss: all that it needs is forward and backward."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = np.where(np.isnan(target), 0, prediction - target)
        self.slope = (np.sign(error) / error.size).astype(prediction.dtype)
        return float(np.abs(error).mean())

    def backward(self) -> np.ndarray:
        return self.slope


@both_networks
def test_another_loss(network: Any) -> None:
    loss: Any = AbsoluteLoss()
    model = network()
    assert diagnose(model, *rows(), loss, adam(model)).healthy
    optimizer = adam(model)
    history = nn.Trainer(model, loss, optimizer, batch_size=32).fit(*rows(), epochs=8)
    assert diagnose(model, *rows(), loss, optimizer, history).codes == []
    model.layers[-3].params["bias"][:] = -50
    diagnosis = diagnose(model, *rows(), loss, optimizer, history)
    first_two(diagnosis, "saturated_by_bias", "dead_units")
    assert "constant_output" in diagnosis.codes


def state(model: Any, optimizer: Any) -> list[bytes]:
    arrays = [a for layer in model.layers for store in (layer.params, layer.grads) for a in store.values()]
    arrays += [mean for parameter in optimizer._parameters for mean in parameter.means]
    rngs = [str(layer.rng.bit_generator.state) for layer in model.layers if isinstance(layer, nn.Dropout)]
    return [a.tobytes() for a in arrays] + [repr((optimizer.steps, optimizer.lr, rngs)).encode()]


@both_networks
def test_changes_nothing(network: Any) -> None:
    model = network(dropout=0.5)
    optimizer = adam(model)
    train(model, optimizer, 1)
    other = copy.deepcopy(model)
    prediction = model.forward(rows()[0][:8], training=True)
    other.forward(rows()[0][:8], training=True)
    before = state(model, optimizer)
    diagnose(model, *rows(), loss=nn.MSELoss(), optimizer=optimizer)
    assert state(model, optimizer) == before
    model.backward(np.ones_like(prediction))  # the forward before the diagnosis still counts
    other.backward(np.ones_like(prediction))
    np.testing.assert_array_equal(model.layers[-1].grads["weight"], other.layers[-1].grads["weight"])


def test_text_of_80_columns() -> None:
    text = str(diagnose(mlp(bias="constant(-30)"), *rows()))
    assert max(map(len, text.splitlines())) <= 80
    assert "1. saturated_by_bias (layer " in text
    assert "healthy: no finding" in str(diagnose(mlp(), *rows()))


def test_refuses() -> None:
    model = mlp()
    x, y = rows()
    with pytest.raises(ValueError, match="one of y for each of x"):
        diagnose(model, x, y[:-1])
    with pytest.raises(ValueError, match="try_remedies"):
        diagnose(model, x, y, try_remedies=2)  # type: ignore[arg-type]


def test_one_row_and_no_hidden_layer() -> None:
    x, y = rows()
    model = nn.Sequential(nn.Flatten(), nn.Dense(576, OUTPUTS, rng=0))
    assert math.isfinite(diagnose(model, x, y, optimizer=adam(model)).signals.loss)
    assert math.isfinite(diagnose(model, x[:1], y[:1], optimizer=adam(model)).signals.loss)


@pytest.mark.parametrize("activation", [nn.LeakyReLU, nn.Sigmoid, nn.Tanh])
def test_healthy_with_other_activations_fresh_and_trained(activation: Any) -> None:
    model = mlp(activation=activation)
    optimizer = adam(model)
    text = str(diagnose(model, *rows(), optimizer=optimizer))
    assert text.endswith("Before its first step nothing is seen that would keep it from learning.\nhealthy: no finding")
    history = train(model, optimizer, 15)
    assert diagnose(model, *rows(), optimizer=optimizer, history=history).codes == []


@pytest.mark.nightly
def test_healthy_with_average_pooling() -> None:
    rng = np.random.default_rng(1)
    model = nn.Sequential(
        nn.Conv2D(1, 8, 5, rng=rng), nn.ReLU(), nn.AveragePool2D(2), nn.Conv2D(8, 16, 3, rng=rng), nn.Tanh(),
        nn.AveragePool2D(2), nn.Flatten(), nn.Dense(256, 30, rng=rng),
    )  # fmt: skip
    optimizer = adam(model)
    assert diagnose(model, *rows(), optimizer=optimizer).healthy
    history = train(model, optimizer, 8)
    assert diagnose(model, *rows(), optimizer=optimizer, history=history).codes == []


@pytest.mark.parametrize("as_shares", [False, True])
def test_a_classifier_is_healthy(as_shares: bool) -> None:
    x = np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32)
    classes = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    y = np.eye(3, dtype=np.float32)[classes] if as_shares else classes
    model = nn.Sequential(nn.Dense(4, 32, rng=0), nn.Tanh(), nn.Dense(32, 3, rng=1))
    loss, optimizer = nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.01)
    assert diagnose(model, x, y, loss, optimizer).healthy
    history = nn.Trainer(model, loss, optimizer, batch_size=20).fit(x, y, epochs=20)
    diagnosis = diagnose(model, x, y, loss, optimizer, history)
    assert diagnosis.healthy
    assert diagnosis.explained > 0.5


@pytest.mark.parametrize("as_shares", [False, True])
def test_remedies_of_a_classifier_are_judged_beside_a_guess(as_shares: bool) -> None:
    x = np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32)
    classes = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    y = np.eye(3, dtype=np.float32)[classes] if as_shares else classes
    model = nn.Sequential(nn.Dense(4, 32, rng=0), nn.Tanh(), nn.Dense(32, 3, rng=1))
    diagnosis = diagnose(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=1e-7), try_remedies=True)
    first(diagnosis, "step_too_small")
    (trial,) = diagnosis.trials
    assert trial.changed < 0.5 < trial.as_it_is


class Scale(nn.Layer):
    """A reader's own layer, with one weight per feature: it mixes nothing."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.params["weight"] = np.ones(n, np.float32)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return x * self.params["weight"]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.grads["weight"] = (dy * self.x).sum(axis=0)
        return dy * self.params["weight"]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


@pytest.mark.parametrize("last", [False, True])
def test_a_layer_with_one_weight_per_feature_is_no_layer_of_units(last: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 8)).astype(np.float32)
    layers = [nn.Dense(8, 16, rng=1), nn.ReLU(), nn.Dense(16, 2, rng=2)]
    layers.insert(3 if last else 1, Scale(2 if last else 16))
    model = nn.Sequential(*layers)
    for optimizer in (None, nn.SGD(model, lr=0.01), nn.Adam(model)):
        diagnosis = nn.diagnose(model, x, x[:, :2], optimizer=optimizer)
        assert diagnosis.healthy, str(diagnosis)
        assert [layer.name for layer in diagnosis.signals.layers] == ["Dense(8, 16)", "Dense(16, 2)"]
    profile = nn.signal_profile(model, x)
    assert "Dense(16, 2)" in str(profile)
    assert "Scale" not in str(profile)


def test_a_network_of_such_layers_alone() -> None:
    x = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    assert nn.diagnose(nn.Sequential(Scale(8)), x, x).signals.layers == []
