"""SGD: updates worked out by hand, and the report's. (Compared to PyTorch outside of the tests.)"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def test_without_momentum(model_of: Any, steps: Any) -> None:
    model = model_of([1.0])
    assert steps(model, nn.SGD(model, lr=0.1), 2.0, -1.0) == pytest.approx([0.8, 0.9])


def test_with_momentum(model_of: Any, steps: Any) -> None:
    model = model_of([1.0])
    # v = 1, then 0.5 * 1 + 2 = 2.5, then 0.5 * 2.5 + 0 = 1.25
    assert steps(model, nn.SGD(model, lr=0.1, momentum=0.5), 1.0, 2.0, 0.0) == pytest.approx([0.9, 0.65, 0.525])


def test_nesterov_looks_ahead(model_of: Any, steps: Any) -> None:
    model = model_of([1.0])
    # v = 1, change 1 + 0.5 * 1 = 1.5;  v = 0.5 * 1 + 2 = 2.5, change 2 + 0.5 * 2.5 = 3.25
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5, nesterov=True)
    assert steps(model, optimizer, 1.0, 2.0) == pytest.approx([0.85, 0.525])


def test_nesterov_with_weight_decay(model_of: Any, steps: Any) -> None:
    model = model_of([2.0])
    # g = 1 + 0.5 * 2 = 2, v = 2, change 2 + 0.5 * 2 = 3
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.5)
    assert steps(model, optimizer, 1.0) == pytest.approx([1.7])


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_decays_weights_and_not_biases(momentum: float, model_of: Any, steps: Any) -> None:
    model = model_of([2.0], [3.0])
    assert steps(model, nn.SGD(model, lr=0.1, momentum=momentum, weight_decay=0.5), 0.0) == pytest.approx([1.9])
    assert model.layers[0].params["bias"].item() == 3.0


def test_is_the_update_of_the_report_at_a_tenth_of_its_rate(model_of: Any) -> None:
    model = model_of([0.5, -0.25])
    optimizer = nn.SGD(model, lr=0.001, momentum=0.9, weight_decay=0.001)
    w, v = np.array([0.5, -0.25]), np.zeros(2)
    for number in range(30):
        model.layers[0].grads = {"weight": np.array([np.cos(number), 1.0]), "bias": np.zeros(1)}
        v = 0.9 * v + 0.1 * (model.layers[0].grads["weight"] + 2 * 0.0005 * w)
        w = w - 0.01 * v
        optimizer.step()
    np.testing.assert_allclose(model.layers[0].params["weight"], w, rtol=1e-12)


def test_effective_step_of_momentum(model_of: Any, steps: Any) -> None:
    model = model_of([0.0])
    optimizer = nn.SGD(model, lr=0.1, momentum=0.9)
    values = steps(model, optimizer, *[1.0] * 200)
    assert values[-2] - values[-1] == pytest.approx(0.1 / (1 - 0.9))
    assert optimizer.effective_lr == pytest.approx(0.1 / (1 - 0.9))


def test_lr_and_momentum_can_change_between_steps(model_of: Any, steps: Any) -> None:
    model = model_of([1.0])
    optimizer = nn.SGD(model, lr=0.1)
    assert steps(model, optimizer, 1.0) == pytest.approx([0.9])
    optimizer.lr, optimizer.momentum = 0.2, 0.5
    assert steps(model, optimizer, 1.0, 1.0) == pytest.approx([0.7, 0.4])  # v = 1, then 1.5


def test_velocity_of_a_dead_weight_never_gets_subnormal(model_of: Any, steps: Any) -> None:
    model = model_of([1.0], dtype=np.float32)
    optimizer = nn.SGD(model, lr=0.1, momentum=0.9)
    steps(model, optimizer, 1.0)
    for _ in range(1200):  # 0.9^1200 = 1e-55, and 0.9 * 1e-45 rounds to 1e-45 for ever
        steps(model, optimizer, 0.0)
        velocity = abs(optimizer._parameters[0].means[0].item())
        assert velocity == 0 or velocity > np.finfo(np.float32).tiny
    assert velocity == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": -0.1}, "SGD: got lr=-0.1, expected a finite number >= 0; set lr"),
        ({"lr": float("nan")}, "got lr=nan"),
        ({"lr": float("inf")}, "got lr=inf"),
        ({"lr": "0.1"}, "got lr='0.1'"),
        ({"lr": 0.1, "momentum": 1.0}, "SGD: got momentum=1.0, expected a finite number >= 0 and < 1"),
        ({"lr": 0.1, "weight_decay": -1}, "got weight_decay=-1"),
        ({"lr": 0.1, "nesterov": True}, "SGD: got nesterov=True with momentum=0.0, expected momentum > 0"),
    ],
)
def test_refuses(arguments: dict[str, Any], message: str, model_of: Any) -> None:
    with pytest.raises(ValueError, match=message):
        nn.SGD(model_of([1.0]), **arguments)


def test_refuses_values_set_later(model_of: Any) -> None:
    optimizer = nn.SGD(model_of([1.0]), lr=0.1)
    with pytest.raises(ValueError, match="got momentum=2"):
        optimizer.momentum = 2
    with pytest.raises(ValueError, match="got lr=nan"):
        optimizer.lr = float("nan")


def test_its_defaults_are_those_of_its_docstring(defaults_stated: Any, model_of: Any, steps: Any) -> None:
    assert defaults_stated(nn.SGD) == {"momentum", "nesterov", "weight_decay"}
    model, same = model_of([1.0]), model_of([1.0])
    told = nn.SGD(same, lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)
    assert steps(model, nn.SGD(model, lr=0.1), 3.0, -1.0) == steps(same, told, 3.0, -1.0)


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, 1e-30), (np.float64, 2e-300)])
@pytest.mark.parametrize("nesterov", [False, True])
def test_velocity_is_kept_down_to_the_threshold(
    dtype: type, least: float, nesterov: bool, model_of: Any, steps: Any
) -> None:
    model = model_of([1.0], dtype=dtype)
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5, nesterov=nesterov)
    steps(model, optimizer, 1.0)
    means = []
    for _ in range(1100):
        steps(model, optimizer, 0.0)
        means.append(optimizer.state()["means"][0].item())
    assert means[-1] == 0
    assert least <= min(mean for mean in means if mean) < 4 * least
