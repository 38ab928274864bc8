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
