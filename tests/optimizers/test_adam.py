"""Adam: updates worked out by hand. (Compared to PyTorch outside of the tests.)"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def test_by_hand(model_of: Any, steps: Any) -> None:
    model = model_of([1.0])
    # t = 1: m = 0.5 * 2, v = 0.25 * 4, m^ = 2, v^ = 4, change 0.1 * 2 / 2
    # t = 2: m = 0.5 * 1 + 0.5 * 0 = 0.5, m^ = 0.5 / 0.75;  v = 0.75 * 1, v^ = 0.75 / 0.4375
    optimizer = nn.Adam(model, lr=0.1, betas=(0.5, 0.75), epsilon=1e-12)
    second = 0.9 - 0.1 * (0.5 / 0.75) / np.sqrt(0.75 / 0.4375)
    assert steps(model, optimizer, 2.0, 0.0) == pytest.approx([0.9, second])


def test_adds_epsilon_outside_of_the_root(model_of: Any, steps: Any) -> None:
    model = model_of([1.0])
    assert steps(model, nn.Adam(model, lr=0.1, epsilon=3.0), 2.0) == pytest.approx([1 - 0.1 * 2 / (2 + 3)])


def test_decays_weights_apart_from_the_gradient(model_of: Any, steps: Any) -> None:
    model = model_of([2.0], [3.0])
    assert steps(model, nn.Adam(model, lr=0.1, weight_decay=0.5), 0.0) == pytest.approx([2 - 0.1 * 0.5 * 2])
    assert model.layers[0].params["bias"].item() == 3.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"betas": (0.9, 1.0)}, "got beta2=1.0"),
        ({"betas": (-0.1, 0.9)}, "got beta1=-0.1"),
        ({"betas": (0.9,)}, "expected two numbers"),
        ({"epsilon": 0}, "Adam: got epsilon=0, expected a finite number > 0; set epsilon=1e-8"),
        ({"lr": None}, "got lr=None"),
    ],
)
def test_refuses(arguments: dict[str, Any], message: str, model_of: Any) -> None:
    with pytest.raises(ValueError, match=message):
        nn.Adam(model_of([1.0]), **arguments)


def test_its_defaults_are_those_of_its_docstring(defaults_stated: Any, model_of: Any, steps: Any) -> None:
    assert defaults_stated(nn.Adam) == {"lr", "betas", "epsilon", "weight_decay"}
    model, same = model_of([1.0]), model_of([1.0])
    told = nn.Adam(same, lr=0.001, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0)
    assert steps(model, nn.Adam(model), 3.0, -1.0, 1e-9) == steps(same, told, 3.0, -1.0, 1e-9)


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, 1e-30), (np.float64, 2e-300)])
def test_mean_gradient_of_a_dead_weight_becomes_0_and_not_subnormal(
    dtype: type, least: float, model_of: Any, steps: Any
) -> None:
    model = model_of([1.0], dtype=dtype)
    optimizer = nn.Adam(model, betas=(0.5, 0.999))
    steps(model, optimizer, 1.0)
    means = []
    for _ in range(1100):  # 0.5^1100 = 1e-331
        steps(model, optimizer, 0.0)
        means.append(optimizer.state()["means"][0].item())
    assert means[-1] == 0
    assert least <= min(mean for mean in means if mean) < 4 * least
    assert optimizer.state()["means"][1].item() > 0  # the mean of squares is not flushed: see updates.adam
