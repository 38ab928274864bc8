"""A look before the first step: what is certain is named, and healthy networks are left alone."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.first_look import first_look, one_line
from nnscratch.diagnosis.watch import CERTAIN_BEFORE_TRAINING
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces

Data = tuple[nn.Sequential, np.ndarray, np.ndarray]


def example(weight: str = "he_normal", bias: float = 0.0) -> Data:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 8)).astype(np.float32)
    layers: list[nn.Layer] = []
    for width in (8, 16, 16):
        layers += [nn.Dense(width, 16, weight_init=weight, bias_init=f"constant({bias})", rng=rng), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dense(16, 2, rng=rng)), x, np.tanh(x[:, :2])


def codes(model: nn.Sequential, x: np.ndarray, y: np.ndarray, lr: float = 0.01) -> list[str]:
    found = first_look(model, x, y, nn.MSELoss(), nn.SGD(model, lr=lr), CERTAIN_BEFORE_TRAINING)
    return [finding.code for finding in found]


def changed(make: Callable[[Data], None], **arguments: object) -> Data:
    data = example(**arguments)  # type: ignore[arg-type]
    make(data)
    return data


def no_label(data: Data) -> None:
    data[2][:] = np.nan


def infinite_weight(data: Data) -> None:
    data[0].layers[0].params["weight"][0, 0] = np.inf


def placeholders(data: Data) -> None:
    data[2][:60, 1] = -99


def other_units(data: Data) -> None:
    data[1][:, 3] *= 1000


def behind(layer: nn.Layer) -> Data:
    model, x, y = example()
    return nn.Sequential(*model.layers, layer), x, y


FAULTS: dict[str, Callable[[], Data]] = {
    "input_unscaled": lambda: (example()[0], 255 * np.abs(example()[1]), example()[2]),
    "targets_unscaled": lambda: (example()[0], example()[1], 96 * example()[2]),
    "identical_units": lambda: example(weight="constant(0.1)"),
    "vanishing_signal": lambda: example(weight="normal(0.001)"),
    "exploding_signal": lambda: example(weight="normal(20)"),
    "saturated_by_bias": lambda: example(bias=60.0),
    "unlabelled": lambda: changed(no_label),
    "not_finite": lambda: changed(infinite_weight),
    "placeholder_labels": lambda: changed(placeholders),
    "columns_unscaled": lambda: changed(other_units),
    "constant_input": lambda: (example()[0], np.ones_like(example()[1]), example()[2]),
    "relu_output": lambda: behind(nn.ReLU()),
    "dropout_output": lambda: behind(nn.Dropout(0.5, rng=0)),
}


def test_each_code_that_is_certain_has_its_example() -> None:
    assert set(FAULTS) == CERTAIN_BEFORE_TRAINING


@pytest.mark.parametrize("code", FAULTS)
def test_what_is_certain_is_named_first(code: str) -> None:
    model, x, y = FAULTS[code]()
    before = copy.deepcopy((model, x, y))
    assert codes(model, x, y)[0] == code
    for array, was in zip((x, y, *model.parameters()), (*before[1:], *before[0].parameters()), strict=True):
        np.testing.assert_array_equal(array, was)


@pytest.mark.parametrize("lr", [1e-9, 0.01, 1e3])
def test_a_healthy_network_is_left_alone_whatever_its_steps_will_be(lr: float) -> None:
    """Nor is it named what is not certain yet: the steps, and that nothing was learnt."""
    assert codes(*example(), lr=lr) == []


def test_a_network_that_has_learnt_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, (100, 3)).astype(np.float32)
    model = nn.Sequential(nn.Dense(3, 3, rng=0))
    assert codes(model, x, x / 255) == ["input_unscaled"]
    model.layers[0].params["weight"][:] = np.eye(3) / 255
    assert codes(model, x, x / 255) == []


def test_only_what_is_asked_for_is_told() -> None:
    model, x, y = FAULTS["input_unscaled"]()
    assert first_look(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1), {"unlabelled"}) == []


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_the_reports_networks(name: str) -> None:
    """Two of them begin with biases of 1, which keep them from learning; a look takes a moment."""
    faces = draw_faces(40, seed=0)
    x, y = faces.x, faces.y
    model = networks.NETWORKS[name](rng=0)
    expected = ["saturated_by_bias"] if name in ("report", "report-large") else []
    seconds = []
    for _ in range(2):  # the first one compiles
        began = time.perf_counter()
        assert codes(model, x, y) == expected
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 2  # 0.05 to 0.3 s, on a machine with nothing else to do


def test_a_finding_is_one_line_with_its_place() -> None:
    line = one_line(Finding("dead_units", 3, {}, "All are\nsilent.", "Lower " + "the rate " * 200))
    assert line.startswith("dead_units (layer 3): All are silent. -> Lower the rate")
    assert "\n" not in line
    assert len(line) <= 1000
