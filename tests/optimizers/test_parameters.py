"""Holders of parameters: an optimizer or an average after a change of its model; their states."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.optimizers.parameters import MOST_STEPS, HeldParameters
from nnscratch.training.averaging import WeightAverage

HOLDERS: dict[str, Callable[[nn.Sequential], Any]] = {
    "SGD": lambda model: nn.SGD(model, lr=0.1, momentum=0.9),
    "plain SGD": lambda model: nn.SGD(model, lr=0.1),
    "Adam": nn.Adam,
    "WeightAverage": lambda model: WeightAverage(model, 0.9),
}
X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)


def model_of(seed: int = 0) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 3, rng=seed), nn.ReLU(), nn.Dense(3, 3, rng=seed + 1))


def move(model: nn.Sequential, holder: Any) -> None:
    """A step of an optimizer, or an update of an average after somebody moved the weights."""
    if isinstance(holder, WeightAverage):
        for w in model.parameters():
            w += 1
        holder.update()
    else:
        model.backward(model.forward(X, training=True))
        holder.step()


@pytest.fixture(params=HOLDERS)
def holder(request: pytest.FixtureRequest) -> Callable[[nn.Sequential], Any]:
    return HOLDERS[request.param]


def _replace_layer(model: nn.Sequential) -> None:
    model.layers[2] = nn.Dense(3, 3, rng=9)


def _insert_layer(model: nn.Sequential) -> None:
    model.layers.insert(1, nn.Dense(3, 3, rng=9))


def _append_layer(model: nn.Sequential) -> None:
    model.layers.append(nn.Dense(3, 3, rng=9))


def _remove_layer(model: nn.Sequential) -> None:
    del model.layers[2]


def _exchange_layers(model: nn.Sequential) -> None:
    model.layers.reverse()


def _new_list(model: nn.Sequential) -> None:
    model.layers = [layer.astype(np.float32) for layer in model.layers]


def _add_parameter(model: nn.Sequential) -> None:
    model.layers[2].params["scale"] = np.ones(3, np.float32)


def _remove_parameter(model: nn.Sequential) -> None:
    del model.layers[2].params["bias"]


LAYERS = [_replace_layer, _insert_layer, _append_layer, _remove_layer, _exchange_layers, _new_list, _add_parameter,
          _remove_parameter]  # fmt: skip
ARRAYS = {
    "larger": np.zeros((4, 4), np.float32),
    "smaller": np.zeros((2, 3), np.float32),
    "flat": np.zeros(9, np.float32),
    "float64": np.zeros((3, 3)),
    "float16": np.zeros((3, 3), np.float16),
    "big-endian": np.zeros((3, 3), ">f4"),
    "whole numbers": np.zeros((3, 3), np.int32),
    "objects": np.full((3, 3), None),
    "read-only": np.broadcast_to(np.float32(1), (3, 3)),
    "list": [[0.0] * 3] * 3,
    "nothing": None,
}


def outcome(call: Callable[[], Any]) -> str:
    with pytest.raises(ValueError, match="got .*, expected .*; ") as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def uses(held: Any) -> list[Callable[[], Any]]:
    return [held.update, held.in_place().__enter__] if isinstance(held, WeightAverage) else [held.step]


@pytest.mark.parametrize("change", LAYERS)
def test_other_layers_are_noticed_and_nothing_moves(change: Callable[..., None], holder: Any) -> None:
    model = model_of()
    held = holder(model)
    move(model, held)
    before, state = model.copy_parameters(), held.state()
    old = model.parameters()
    change(model)
    for call in uses(held):
        assert f"make a new {type(held).__name__}" in outcome(call)
    for w, kept in zip(old, before, strict=True):
        np.testing.assert_array_equal(w, kept)
    assert_same(held.state(), state)


@pytest.mark.parametrize("array", ARRAYS)
def test_an_array_of_another_kind_is_noticed_and_nothing_moves(array: str, holder: Any) -> None:
    model = model_of()
    held = holder(model)
    move(model, held)
    before, state = model.copy_parameters(), held.state()
    old = model.parameters()
    model.layers[2].params["weight"] = ARRAYS[array]  # type: ignore[assignment]
    for call in uses(held):
        assert "'weight' in Dense(3, 3)" in outcome(call)
    for w, kept in zip(old, before, strict=True):
        np.testing.assert_array_equal(w, kept)
    assert_same(held.state(), state)


def test_an_array_that_was_frozen_since_the_last_step_is_noticed(holder: Any) -> None:
    model = model_of()
    held = holder(model)
    move(model, held)
    model.layers[0].params["weight"].flags.writeable = False
    for call in uses(held):
        assert "read-only" in outcome(call)


@pytest.mark.parametrize("order", ["contiguous", "transposed", "every second"])
def test_another_array_of_the_same_kind_is_followed(order: str, holder: Any) -> None:
    """In whatever order its numbers lie: all goes on as if they had been written into the first."""
    model, same = model_of(), model_of()
    held, expected = holder(model), holder(same)
    for pair in ((model, held), (same, expected)):
        move(*pair)
    values = np.random.default_rng(5).standard_normal((3, 3)).astype(np.float32)
    other = {"contiguous": values.copy(), "transposed": values.T.copy().T, "every second": values.repeat(2, 1)[:, ::2]}
    model.layers[0].params["weight"] = other[order]
    same.layers[0].params["weight"][:] = values
    for pair in ((model, held), (same, expected)):
        move(*pair)
        move(*pair)
    for got, wanted in zip(model.parameters(), same.parameters(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert_same(held.state(), expected.state())


def test_the_model_of_an_average_is_checked_again_at_the_end_of_the_block() -> None:
    model = model_of()
    average = WeightAverage(model)
    with pytest.raises(ValueError, match="got a model with other layers"), average.in_place():
        _replace_layer(model)


def test_places_of_a_model_without_parameters() -> None:
    assert HeldParameters(nn.Sequential(nn.ReLU()), "SGD").present() == []


# The states


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        if isinstance(value, list):
            for a, b in zip(value, second[name], strict=True):
                np.testing.assert_array_equal(a, b, strict=True)
        else:
            assert value == second[name]


def test_it_goes_on_from_a_state_as_if_nothing_had_happened(holder: Any) -> None:
    model, other = model_of(), model_of()
    held = holder(model)
    for _ in range(3):
        move(model, held)
    state = held.state()
    arrays = state.pop("parameters" if isinstance(held, WeightAverage) else "means")
    state = json.loads(json.dumps(state))  # plain numbers: they fit into a JSON file
    state["parameters" if isinstance(held, WeightAverage) else "means"] = arrays
    for w, kept in zip(other.parameters(), model.parameters(), strict=True):
        w[...] = kept
    again = holder(other)
    again.restore(state)
    for pair in ((model, held), (other, again)):
        move(*pair)
        move(*pair)
    for got, wanted in zip(other.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert_same(again.state(), held.state())


def test_rates_that_were_set_are_part_of_the_state() -> None:
    model = model_of()
    sgd, adam = nn.SGD(model, lr=0.1), nn.Adam(model)
    sgd.lr, sgd.momentum, adam.lr = 0.25, 0.75, 0.5
    assert {name: sgd.state()[name] for name in ("steps", "lr", "momentum")} == {"steps": 0, "lr": 0.25,
                                                                                 "momentum": 0.75}  # fmt: skip
    assert {name: adam.state()[name] for name in ("steps", "lr")} == {"steps": 0, "lr": 0.5}


def test_states_share_no_memory(holder: Any) -> None:
    model = model_of()
    held = holder(model)
    move(model, held)
    state, kept = held.state(), held.state()
    move(model, held)
    assert_same(state, kept)
    held.restore(state)
    move(model, held)
    assert_same(state, kept)


def _damages(state: dict[str, Any]) -> list[tuple[Any, str]]:
    count = "updates" if "updates" in state else "steps"
    arrays = "parameters" if "updates" in state else "means"
    first, *others = state[arrays]
    damages: list[tuple[Any, str]] = [
        (None, "got a state of NoneType"),
        ([], "got a state of list"),
        ({}, "got a state of"),
        (state | {"more": 1}, "got a state of"),
        ({name: value for name, value in state.items() if name != count}, "got a state of"),
        *((state | {count: value}, f"got {count}=") for value in (-1, 1.5, True, "3", None)),
        *((state | {count: value}, f"got {count} beyond") for value in (MOST_STEPS + 1, 10**400)),
        *((state | {arrays: value}, f"as {arrays}") for value in (None, 5, "x", others, [first, *state[arrays]])),
        *((state | {arrays: [value, *others]}, rf"got {arrays}\[0\]") for value in (
            first.tolist(), first[:-1], first[..., None], first.astype(np.float64), first.astype(">f4"),
            np.full_like(first, np.nan), np.full_like(first, np.inf),
        )),
    ]  # fmt: skip
    for name in {"lr", "momentum"} & state.keys():
        damages += [(state | {name: value}, f"got {name}=") for value in (-1, np.nan, np.inf, "1", None, True)]
    if "momentum" in state:
        damages.append((state | {"lr": 5.0, "momentum": 1.0}, "got momentum=1.0"))
    return damages


def test_a_damaged_state_is_refused_and_changes_nothing(holder: Any) -> None:
    model = model_of()
    held = holder(model)
    move(model, held)
    state = held.state()
    for damaged, message in _damages(state):
        with pytest.raises(ValueError, match=message) as caught:
            held.restore(damaged)
        assert len(str(caught.value)) < 300
        assert_same(held.state(), state)


def test_means_of_squares_are_not_negative() -> None:
    adam = nn.Adam(model_of())
    state = adam.state()
    state["means"][0][:] = -1  # the mean of the gradients may be
    adam.restore(state)
    state["means"][1][0, 0] = -1e-30
    with pytest.raises(ValueError, match="got a negative mean of squares"):
        adam.restore(state)
