"""What all optimizers share: blocks, dtype, isolation, gradients that do not fit."""

from __future__ import annotations

import copy
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import nnscratch as nn

OPTIMIZERS: list[Callable[[Any], Any]] = [
    lambda model: nn.SGD(model, lr=0.1, momentum=0.9, weight_decay=0.1),
    lambda model: nn.SGD(model, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda model: nn.SGD(model, lr=0.1, weight_decay=0.1),
    lambda model: nn.Adam(model, lr=0.1, weight_decay=0.1),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_blocks_do_not_show(make: Any, model_of: Any) -> None:
    """An array of several blocks, the last one smaller, moves as its pieces would by themselves."""
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
def test_changes_parameters_in_place_in_their_dtype_and_leaves_gradients(make: Any, dtype: Any, model_of: Any) -> None:
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
def test_steps_allocate_no_large_arrays(make: Any, model_of: Any, steps: Any) -> None:
    model = model_of(np.ones((1000, 1000)), dtype=np.float32)  # 4 MB
    optimizer = make(model)
    steps(model, optimizer, 1.0)
    tracemalloc.start()
    for _ in range(70):  # past the 64th, which also looks for subnormal numbers
        optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_two_models_share_nothing(model_of: Any, steps: Any) -> None:
    first, second = model_of([1.0]), model_of([1.0])
    first_optimizer, second_optimizer = nn.SGD(first, lr=0.1, momentum=0.5), nn.SGD(second, lr=0.1, momentum=0.5)
    steps(first, first_optimizer, 5.0, 5.0)
    assert steps(second, second_optimizer, 1.0, 2.0) == pytest.approx([0.9, 0.65])


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_reset_makes_it_new(make: Any, model_of: Any, steps: Any) -> None:
    model, fresh = model_of([1.0]), model_of([1.0])
    optimizer = make(model)
    with np.errstate(invalid="ignore"):
        steps(model, optimizer, np.inf)
    optimizer.reset()
    model.layers[0].params["weight"][:] = 1.0
    assert steps(model, optimizer, 1.0, 2.0) == steps(fresh, make(fresh), 1.0, 2.0)


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


def test_refuses_a_model_without_parameters() -> None:
    with pytest.raises(ValueError, match="got a model without parameters"):
        nn.SGD(nn.Sequential(nn.ReLU()), lr=0.1)


def test_refuses_gradients_that_do_not_fit(model_of: Any) -> None:
    model = model_of([[1.0, 2.0]], dtype=np.float32)
    optimizer = nn.SGD(model, lr=0.1)
    with pytest.raises(ValueError, match="got no gradient of 'weight'"):
        optimizer.step()
    for gradient in (np.zeros(2, np.float32), np.zeros((1, 2))):
        model.layers[0].grads = {"weight": gradient, "bias": np.zeros(1, np.float32)}
        with pytest.raises(ValueError, match="got a gradient of 'weight'"):
            optimizer.step()


def test_repr_shows_the_call(model_of: Any) -> None:
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


def two_layers() -> nn.Sequential:
    return nn.Sequential(nn.Dense(2, 3, rng=0), nn.Tanh(), nn.Dense(3, 2, rng=1))


def step_on(model: nn.Sequential, optimizer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.grads = {name: rng.standard_normal(w.shape).astype(w.dtype) for name, w in layer.params.items()}
    optimizer.step()


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_frozen_layer_is_left_alone_and_goes_on_from_there(make: Any) -> None:
    model, without_pause = two_layers(), two_layers()
    optimizer, expected = make(model), make(without_pause)
    step_on(model, optimizer, seed=0)
    step_on(without_pause, expected, seed=0)
    model.layers[0].frozen = True
    kept, other = ([w.copy() for w in model.layers[i].params.values()] for i in (0, 2))
    means = [mean.copy() for mean in optimizer.state()["means"]]
    for seed in range(1, 5):
        step_on(model, optimizer, seed)
    of_frozen = len(means) // 2
    for now, before in zip(optimizer.state()["means"][:of_frozen], means[:of_frozen], strict=True):
        np.testing.assert_array_equal(now, before)
    for w, before in zip(model.layers[0].params.values(), kept, strict=True):
        np.testing.assert_array_equal(w, before)
    for w, before in zip(model.layers[2].params.values(), other, strict=True):
        assert not np.array_equal(w, before)
    assert optimizer.state()["steps"] == 5
    assert optimizer.state()["steps_of_parameters"] == [1, 1, 5, 5]
    model.layers[0].frozen = False
    step_on(model, optimizer, seed=9)  # as if there had been no pause
    step_on(without_pause, expected, seed=9)
    for name, w in model.layers[0].params.items():
        np.testing.assert_array_equal(w, without_pause.layers[0].params[name])


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_frozen_layer_needs_no_gradient(make: Any) -> None:
    model = two_layers()
    model.layers[0].frozen = True
    optimizer = make(model)
    before = model.layers[2].params["weight"].copy()
    for _ in range(2):
        y = model.forward(np.ones((1, 2), np.float32), training=True)
        model.backward(np.ones_like(y))
        optimizer.step()
    assert model.layers[0].grads == {}
    assert not np.array_equal(model.layers[2].params["weight"], before)
    model.layers[0].frozen = False
    with pytest.raises(ValueError, match="got no gradient of 'weight' .*; call backward before it"):
        optimizer.step()


def test_a_layer_that_thaws_takes_adams_first_step() -> None:
    model = two_layers()
    model.layers[0].frozen = True
    optimizer = nn.Adam(model, lr=0.1)
    for seed in range(1000):
        step_on(model, optimizer, seed)
    model.layers[0].frozen = False
    before = model.layers[0].params["weight"].copy()
    step_on(model, optimizer, seed=0)
    np.testing.assert_allclose(np.abs(model.layers[0].params["weight"] - before), 0.1, rtol=1e-4)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_steps_of_parameters_are_restored(make: Any) -> None:
    model = two_layers()
    optimizer = make(model)
    model.layers[2].frozen = True
    step_on(model, optimizer, seed=0)
    state = optimizer.state()
    again = make(model)
    again.restore(state)
    assert again.state()["steps_of_parameters"] == [1, 1, 0, 0]
    for wrong in ([1, 1, 0], [1, 1, 0, -1], [1, 1, 0, 0.5], 4):
        with pytest.raises(ValueError, match=r"restore: got .*steps_of_parameters"):
            again.restore(state | {"steps_of_parameters": wrong})
    assert again.state()["steps_of_parameters"] == [1, 1, 0, 0]
    again.reset()
    assert again.state()["steps_of_parameters"] == [0] * 4
    del state["steps_of_parameters"]  # as earlier versions gave it
    again.restore(state)
    assert again.state()["steps_of_parameters"] == [1] * 4


# Some of the layers


def network() -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Dense(3, 5, rng=rng), nn.Tanh(), nn.Dense(5, 4, rng=rng), nn.ReLU(), nn.Dense(4, 2, rng=rng)
    )


ROWS = np.random.default_rng(1).standard_normal((6, 3)).astype(np.float32)


def train(model: nn.Sequential, *optimizers: nn.optimizers.Optimizer, steps: int = 3) -> nn.Sequential:
    for _ in range(steps):
        model.backward(model.forward(ROWS, training=True))
        for optimizer in optimizers:
            optimizer.step()
    return model


MAKES = {
    "SGD": partial(nn.SGD, lr=0.1, weight_decay=0.01),
    "momentum": partial(nn.SGD, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": partial(nn.Adam, lr=0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_two_optimizers_of_two_parts_are_one_of_all(make: Any) -> None:
    expected, model = network(), network()
    train(expected, make(expected))
    train(model, make(model, layers=[model[4], model[0]]), make(model, layers=[model[2]]))
    for w, wanted in zip(model.parameters(), expected.parameters(), strict=True):
        np.testing.assert_array_equal(w, wanted)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_other_layers_stay_as_they_are_and_need_no_gradient(make: Any) -> None:
    model = network()
    before = model.copy_parameters()
    optimizer = make(model, layers=(model[2],))
    model.backward(model.forward(ROWS, training=True))
    model[0].grads, model[4].grads = {}, {"weight": np.zeros(7)}
    optimizer.step()
    same = [np.array_equal(w, old) for w, old in zip(model.parameters(), before, strict=True)]
    assert same == [True, True, False, False, True, True]
    assert [optimizer.moves(layer) for layer in model] == [False, False, True, False, False]
    model[2].frozen = True
    assert not optimizer.moves(model[2])
    assert optimizer.holds(model[2])


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_the_state_is_that_of_its_layers(make: Any) -> None:
    model, other = network(), network()
    optimizer = make(model, layers=[model[0], model[4]])
    train(model, optimizer)
    assert [mean.shape for mean in optimizer.state()["means"][:: len(optimizer.memory_names)]] == [
        (3, 5), (5,), (4, 2), (2,),
    ]  # fmt: skip
    again = make(other, layers=[other[0], other[4]])
    other.put_back(model.copy_parameters())
    again.restore(optimizer.state())
    for w, wanted in zip(train(other, again).parameters(), train(model, optimizer).parameters(), strict=True):
        np.testing.assert_array_equal(w, wanted)
    with pytest.raises(ValueError, match=r"got 4 numbers as steps_of_parameters, expected 6"):
        make(other).restore(optimizer.state())


def test_a_copy_moves_the_layers_of_the_copied_model() -> None:
    model = network()
    copied, optimizer = copy.deepcopy((model, nn.SGD(model, lr=0.1, layers=[model[2]])))
    before, own = model.copy_parameters(), copied.copy_parameters()
    train(copied, optimizer)
    assert all(np.array_equal(w, old) for w, old in zip(model.parameters(), before, strict=True))
    same = [np.array_equal(w, old) for w, old in zip(copied.parameters(), own, strict=True)]
    assert same == [True, True, False, False, True, True]


def test_repr_tells_the_layers_and_makes_the_optimizer_again() -> None:
    model = network()
    for optimizer in (nn.SGD(model, lr=0.1, layers=[model[4], model[0]]), nn.Adam(model, layers=[model[4], model[0]])):
        text = repr(optimizer)
        assert text.endswith(", weight_decay=0.0, layers=[model[0], model[4]])")
        again = eval(text, {"Adam": nn.Adam, "SGD": nn.SGD, "model": model})
        assert again.layers == optimizer.layers == [model[0], model[4]]
    assert "layers" not in repr(nn.Adam(model))
    assert nn.Adam(model).layers is None


def test_a_layer_of_its_own_that_is_gone_is_noticed_and_another_is_not() -> None:
    model = network()
    optimizer = nn.SGD(model, lr=0.1, layers=[model[2]])
    model.layers[4] = nn.Dense(4, 7, rng=0)
    model.layers.insert(0, nn.Dense(3, 3, rng=0))
    train(model, optimizer)
    model.layers[3] = nn.Dense(5, 4, rng=0)
    with pytest.raises(ValueError, match="SGD: got a model with other layers, expected those it was made for"):
        optimizer.step()


_LAYERS: dict[str, tuple[Callable[[nn.Sequential], object], str]] = {
    "of another model": (lambda model: [network()[0]], r"got Dense\(3, 5\) in layers, which is not in the model"),
    "a copy": (lambda model: [copy.deepcopy(model[0])], "which is not in the model, expected layers of it"),
    "twice": (lambda model: [model[0], model[2], model[0]], r"got Dense\(3, 5\) twice in layers, expected each once"),
    "no parameters": (lambda model: [model[0], model[1]], r"got Tanh\(\) in layers, expected layers with parameters"),
    "none": (lambda model: [], "got no layer in layers, expected one of the model at least"),
    "no list": (lambda model: model[0], r"got layers=Dense\(3, 5\), expected a list of layers of the model; write"),
    "a number": (lambda model: 0, r"got layers=0, expected a list of layers of the model; write layers=\[model\[0\]\]"),
    "numbers": (lambda model: [0, 2], "got 0 in layers, expected layers of the model"),
    "a class": (lambda model: [nn.Dense], "got <class .* in layers, expected layers of the model"),
    "a name": (lambda model: "Dense", "got 'D' in layers, expected layers of the model"),
    "True": (lambda model: True, "got layers=True, expected a list"),
}


@pytest.mark.parametrize(("layers", "message"), _LAYERS.values(), ids=_LAYERS)
@pytest.mark.parametrize("make", [nn.Adam, partial(nn.SGD, lr=0.1)])
def test_layers_that_cannot_be_optimized(make: Any, layers: Callable[[nn.Sequential], object], message: str) -> None:
    model = network()
    with pytest.raises(ValueError, match=f"(Adam|SGD): .*{message}") as caught:
        make(model, layers=layers(model))
    assert "\n" not in str(caught.value)
