"""Optimisers: updates worked out by hand, dtype, isolation, arguments. (Compared to PyTorch outside of the tests.)"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def model_of(weight: Any, bias: Any = (0.0,), dtype: Any = np.float64) -> Any:
    """A stand-in for a Sequential of one layer, whose gradients the test sets itself."""
    params = {"weight": np.array(weight, dtype), "bias": np.array(bias, dtype)}
    return SimpleNamespace(layers=[SimpleNamespace(params=params, grads={})])


def steps(model: Any, optimizer: Any, *gradients: float) -> list[float]:
    """The one weight after each step."""
    (layer,) = model.layers
    values = []
    for gradient in gradients:
        layer.grads = {name: np.full_like(value, gradient) for name, value in layer.params.items()}
        optimizer.step()
        values.append(layer.params["weight"].item(0))
    return values


def test_sgd_without_momentum() -> None:
    model = model_of([1.0])
    assert steps(model, nn.SGD(model, lr=0.1), 2.0, -1.0) == pytest.approx([0.8, 0.9])


def test_sgd_with_momentum() -> None:
    model = model_of([1.0])
    # v = 1, then 0.5 * 1 + 2 = 2.5, then 0.5 * 2.5 + 0 = 1.25
    assert steps(model, nn.SGD(model, lr=0.1, momentum=0.5), 1.0, 2.0, 0.0) == pytest.approx([0.9, 0.65, 0.525])


def test_sgd_dampens_all_gradients_but_the_first() -> None:
    model = model_of([1.0])
    # v = 1, then 0.5 * 1 + 0.25 * 2 = 1
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5, dampening=0.75)
    assert steps(model, optimizer, 1.0, 2.0) == pytest.approx([0.9, 0.8])


def test_sgd_nesterov_looks_ahead() -> None:
    model = model_of([1.0])
    # v = 1, change 1 + 0.5 * 1 = 1.5;  v = 0.5 * 1 + 2 = 2.5, change 2 + 0.5 * 2.5 = 3.25
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5, nesterov=True)
    assert steps(model, optimizer, 1.0, 2.0) == pytest.approx([0.85, 0.525])


def test_sgd_nesterov_with_weight_decay() -> None:
    model = model_of([2.0])
    # g = 1 + 0.5 * 2 = 2, v = 2, change 2 + 0.5 * 2 = 3
    optimizer = nn.SGD(model, lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.5)
    assert steps(model, optimizer, 1.0) == pytest.approx([1.7])


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_sgd_decays_weights_and_not_biases(momentum: float) -> None:
    model = model_of([2.0], [3.0])
    assert steps(model, nn.SGD(model, lr=0.1, momentum=momentum, weight_decay=0.5), 0.0) == pytest.approx([1.9])
    assert model.layers[0].params["bias"].item() == 3.0


def test_sgd_is_the_update_of_the_report_at_a_tenth_of_its_rate() -> None:
    model = model_of([0.5, -0.25])
    optimizer = nn.SGD(model, lr=0.001, momentum=0.9, weight_decay=0.001)
    w, v = np.array([0.5, -0.25]), np.zeros(2)
    for number in range(30):
        model.layers[0].grads = {"weight": np.array([np.cos(number), 1.0]), "bias": np.zeros(1)}
        v = 0.9 * v + 0.1 * (model.layers[0].grads["weight"] + 2 * 0.0005 * w)
        w = w - 0.01 * v
        optimizer.step()
    np.testing.assert_allclose(model.layers[0].params["weight"], w, rtol=1e-12)


def test_effective_step_of_momentum() -> None:
    model = model_of([0.0])
    optimizer = nn.SGD(model, lr=0.1, momentum=0.9, dampening=0.5)
    values = steps(model, optimizer, *[1.0] * 200)
    assert values[-2] - values[-1] == pytest.approx(0.1 * (1 - 0.5) / (1 - 0.9))
    assert optimizer.effective_lr == pytest.approx(0.1 * (1 - 0.5) / (1 - 0.9))


def test_effective_step_without_momentum_is_lr() -> None:
    model = model_of([0.0])
    assert nn.SGD(model, lr=0.1, dampening=0.5).effective_lr == 0.1  # with momentum 0, nothing is dampened
    assert nn.Adam(model, lr=0.1).effective_lr == 0.1


def test_adam_by_hand() -> None:
    model = model_of([1.0])
    # t = 1: m = 0.5 * 2, v = 0.25 * 4, m^ = 2, v^ = 4, change 0.1 * 2 / 2
    # t = 2: m = 0.5 * 1 + 0.5 * 0 = 0.5, m^ = 0.5 / 0.75;  v = 0.75 * 1, v^ = 0.75 / 0.4375
    optimizer = nn.Adam(model, lr=0.1, betas=(0.5, 0.75), epsilon=1e-12)
    second = 0.9 - 0.1 * (0.5 / 0.75) / np.sqrt(0.75 / 0.4375)
    assert steps(model, optimizer, 2.0, 0.0) == pytest.approx([0.9, second])


def test_adam_adds_epsilon_outside_of_the_root() -> None:
    model = model_of([1.0])
    assert steps(model, nn.Adam(model, lr=0.1, epsilon=3.0), 2.0) == pytest.approx([1 - 0.1 * 2 / (2 + 3)])


def test_adam_decays_weights_apart_from_the_gradient() -> None:
    model = model_of([2.0], [3.0])
    assert steps(model, nn.Adam(model, lr=0.1, weight_decay=0.5), 0.0) == pytest.approx([2 - 0.1 * 0.5 * 2])
    assert model.layers[0].params["bias"].item() == 3.0


OPTIMIZERS: list[Callable[[Any], Any]] = [
    lambda model: nn.SGD(model, lr=0.1, momentum=0.9, weight_decay=0.1),
    lambda model: nn.SGD(model, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda model: nn.SGD(model, lr=0.1, momentum=0.9, dampening=0.9),
    lambda model: nn.SGD(model, lr=0.1, weight_decay=0.1),
    lambda model: nn.Adam(model, lr=0.1, weight_decay=0.1),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_blocks_do_not_show(make: Any) -> None:
    """An array of several blocks, the last of them smaller, moves as its pieces would on their own."""
    rng = np.random.default_rng(0)
    w, dw = rng.standard_normal((2, 1003, 700))
    whole, top, bottom = model_of(w), model_of(w[:500]), model_of(w[500:])
    for model, gradient in ((whole, dw), (top, dw[:500]), (bottom, dw[500:])):
        optimizer = make(model)
        for number in range(3):
            model.layers[0].grads = {"weight": (number + 1) * gradient, "bias": np.ones(1)}
            optimizer.step()
    parts = [model.layers[0].params["weight"] for model in (top, bottom)]
    np.testing.assert_array_equal(whole.layers[0].params["weight"], np.concatenate(parts))


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_changes_parameters_in_place_in_their_dtype_and_leaves_gradients(make: Any, dtype: Any) -> None:
    model = model_of([[1.0, 2.0]], [3.0], dtype)
    (layer,) = model.layers
    weight, optimizer = layer.params["weight"], make(model)
    optimizer.lr = np.float64(0.5)  # a NumPy scalar must not make it compute in float64
    layer.grads = {"weight": np.array([[1.0, -1.0]], dtype), "bias": np.array([2.0], dtype)}
    optimizer.step()
    assert type(optimizer.lr) is float
    assert layer.params["weight"] is weight
    assert weight.dtype == dtype
    assert not np.array_equal(weight, [[1.0, 2.0]])
    assert {mean.dtype for parameter in optimizer._parameters for mean in parameter.means} == {np.dtype(dtype)}
    np.testing.assert_array_equal(layer.grads["weight"], [[1.0, -1.0]])


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_steps_allocate_no_large_arrays(make: Any) -> None:
    model = model_of(np.ones((1000, 1000)), dtype=np.float32)  # 4 MB
    optimizer = make(model)
    steps(model, optimizer, 1.0)
    tracemalloc.start()
    for _ in range(70):  # past the 64th, which also looks for subnormal numbers
        optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_two_models_share_nothing() -> None:
    first, second = model_of([1.0]), model_of([1.0])
    first_optimizer, second_optimizer = nn.SGD(first, lr=0.1, momentum=0.5), nn.SGD(second, lr=0.1, momentum=0.5)
    steps(first, first_optimizer, 5.0, 5.0)
    assert steps(second, second_optimizer, 1.0, 2.0) == pytest.approx([0.9, 0.65])


def test_lr_and_momentum_can_change_between_steps() -> None:
    model = model_of([1.0])
    optimizer = nn.SGD(model, lr=0.1)
    assert steps(model, optimizer, 1.0) == pytest.approx([0.9])
    optimizer.lr, optimizer.momentum = 0.2, 0.5
    assert steps(model, optimizer, 1.0, 1.0) == pytest.approx([0.7, 0.4])  # v = 1, then 1.5


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_reset_makes_it_new(make: Any) -> None:
    model, fresh = model_of([1.0]), model_of([1.0])
    optimizer = make(model)
    with np.errstate(invalid="ignore"):
        steps(model, optimizer, np.inf)
    optimizer.reset()
    model.layers[0].params["weight"][:] = 1.0
    assert steps(model, optimizer, 1.0, 2.0) == steps(fresh, make(fresh), 1.0, 2.0)


def test_velocity_of_a_dead_weight_never_gets_subnormal() -> None:
    model = model_of([1.0], dtype=np.float32)
    optimizer = nn.SGD(model, lr=0.1, momentum=0.9)
    steps(model, optimizer, 1.0)
    for _ in range(1200):  # 0.9^1200 = 1e-55, and 0.9 * 1e-45 rounds to 1e-45 for ever
        steps(model, optimizer, 0.0)
        velocity = abs(optimizer._parameters[0].means[0].item())
        assert velocity == 0 or velocity > np.finfo(np.float32).tiny
    assert velocity == 0


def test_a_real_network_learns() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    y = np.abs(x[:, :1])
    for make in OPTIMIZERS:
        model, loss = nn.Sequential(nn.Dense(3, 8, rng=1), nn.ReLU(), nn.Dense(8, 1, rng=2)), nn.MSELoss()
        optimizer = make(model)
        optimizer.lr, optimizer.weight_decay = 0.01, 0.0
        first = loss.forward(model.forward(x), y)
        for _ in range(100):
            loss.forward(model.forward(x, training=True), y)
            model.backward(loss.backward())
            optimizer.step()
        assert loss.forward(model.forward(x), y) < 0.5 * first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": -0.1}, "got lr=-0.1, expected a finite number >= 0"),
        ({"lr": float("nan")}, "got lr=nan"),
        ({"lr": float("inf")}, "got lr=inf"),
        ({"lr": "0.1"}, "got lr='0.1'"),
        ({"lr": 0.1, "momentum": 1.0}, "got momentum=1.0, expected a number >= 0 and < 1"),
        ({"lr": 0.1, "weight_decay": -1}, "got weight_decay=-1"),
        ({"lr": 0.1, "dampening": 1}, "got dampening=1"),
        ({"lr": 0.1, "nesterov": True}, "expected momentum > 0"),
        ({"lr": 0.1, "nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening 0"),
    ],
)
def test_sgd_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.SGD(model_of([1.0]), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"betas": (0.9, 1.0)}, "got beta2=1.0"),
        ({"betas": (-0.1, 0.9)}, "got beta1=-0.1"),
        ({"betas": (0.9,)}, "expected two numbers"),
        ({"epsilon": 0}, "got epsilon=0, expected a number > 0"),
        ({"lr": None}, "got lr=None"),
    ],
)
def test_adam_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.Adam(model_of([1.0]), **arguments)


def test_refuses_values_set_later() -> None:
    optimizer = nn.SGD(model_of([1.0]), lr=0.1)
    with pytest.raises(ValueError, match="got momentum=2"):
        optimizer.momentum = 2
    with pytest.raises(ValueError, match="got lr=nan"):
        optimizer.lr = float("nan")


def test_refuses_a_model_without_parameters() -> None:
    with pytest.raises(ValueError, match="got a model without parameters"):
        nn.SGD(nn.Sequential(nn.ReLU()), lr=0.1)


def test_refuses_gradients_that_do_not_fit() -> None:
    model = model_of([[1.0, 2.0]], dtype=np.float32)
    optimizer = nn.SGD(model, lr=0.1)
    with pytest.raises(ValueError, match="got no gradient of 'weight'"):
        optimizer.step()
    for gradient in (np.zeros(2, np.float32), np.zeros((1, 2))):
        model.layers[0].grads = {"weight": gradient, "bias": np.zeros(1, np.float32)}
        with pytest.raises(ValueError, match="got a gradient of 'weight'"):
            optimizer.step()


def test_repr_shows_the_call() -> None:
    model = model_of([1.0])
    for optimizer in (nn.SGD(model, lr=0.1, momentum=0.9, nesterov=True), nn.Adam(model, weight_decay=0.01)):
        rebuilt = eval(repr(optimizer), {"SGD": nn.SGD, "Adam": nn.Adam, "model": model})
        assert repr(rebuilt) == repr(optimizer)


def test_a_gradient_that_is_not_contiguous_is_read_anew_in_each_step() -> None:
    model = nn.Sequential(nn.Dense(2, 3, rng=0))
    gradient = np.zeros((3, 2), np.float32).T
    model.layers[0].grads = {"weight": gradient, "bias": np.zeros(3, np.float32)}
    optimizer = nn.SGD(model, lr=1.0)
    optimizer.step()
    before = model.layers[0].params["weight"].copy()
    gradient[:] = 1
    optimizer.step()
    np.testing.assert_allclose(model.layers[0].params["weight"], before - 1, rtol=1e-6)
