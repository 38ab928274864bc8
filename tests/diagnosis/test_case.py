"""The facts that several checks need."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.signals import measure
from nnscratch.history import Outcome
from tests.diagnosis.small_networks import adam, case_of, history_of, mlp, rows, scale, sgd, train, weights


def test_trained_by_steps_by_history_or_by_biases_that_differ() -> None:
    model = mlp()
    assert case_of(model).trained is None
    optimizer = sgd(model)
    assert case_of(model, optimizer=optimizer).trained is False
    assert case_of(model, history=history_of([1.0])).trained is True
    optimizer.steps = 1
    assert case_of(model, optimizer=optimizer).trained is True
    weights(model)[-1].params["bias"][:] = np.arange(30)  # the last one may start at the mean
    assert case_of(model).trained is None
    weights(model)[0].params["bias"][0] = 1
    assert case_of(model).trained is True


def test_losses_need_five_epochs_and_finite_numbers() -> None:
    model = mlp()
    assert case_of(model).losses == []
    assert case_of(model, history=history_of([1.0] * 4)).losses == []
    assert case_of(model, history=history_of([1.0] * 5)).losses == [1.0] * 5
    assert case_of(model, history=history_of([1.0] * 5 + [math.inf])).losses == []


def test_diverged_by_the_outcome() -> None:
    history = history_of([1.0])
    assert not case_of(mlp(), history=history).diverged
    history.end(Outcome.DIVERGED, "the loss is not finite")
    assert case_of(mlp(), history=history).diverged


@pytest.mark.parametrize(
    ("losses", "steps", "stuck"),
    [
        ([1.0] * 20, 1000, True),
        ([1.0] * 20, 999, False),  # too few steps
        ([1.0] * 9, 1000, False),  # too few epochs
        ([1.0] * 11 + [0.8] * 9, 1000, False),  # a fifth better since the half
        ([1.0] * 100, None, True),
        ([1.0] * 99, None, False),
        (None, 1000, True),
        (None, 999, False),
    ],
)
def test_is_stuck(losses: list[float] | None, steps: int | None, stuck: bool) -> None:
    model = mlp()
    optimizer = None if steps is None else sgd(model)
    if optimizer is not None:
        optimizer.steps = steps
    case = case_of(model, optimizer=optimizer, history=None if losses is None else history_of(losses))
    assert case.is_stuck == stuck
    assert case.dead_share == (0.9 if stuck else 0.95)


def test_largest_lr_is_that_of_the_schedule() -> None:
    model = mlp()
    assert case_of(model).largest_lr == case_of(model).largest_effective_lr == 0
    history = history_of([1.0, 1.0], lr=[0.5, 0.25])
    case = case_of(model, optimizer=sgd(model, lr=0.1), history=history)
    assert case.largest_lr == 0.5
    assert case.largest_effective_lr == pytest.approx(5)
    assert case_of(model, optimizer=adam(model, lr=0.6), history=history).largest_effective_lr == 0.6


def test_skill_is_the_share_of_the_variance_that_is_explained() -> None:
    x = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
    model = nn.Sequential(nn.Dense(4, 4, weight_init="constant(0)", rng=0))
    y = 2 * x
    assert case_of(model, (x, y - y.mean(axis=0))).skill == pytest.approx(0, abs=1e-6)
    model.layers[0].params["weight"][:] = 1.0 * np.eye(4)
    case = case_of(model, (x - x.mean(axis=0), y - y.mean(axis=0)))
    assert case.skill == pytest.approx(0.75, rel=1e-6)
    assert case.has_learnt
    assert case.variance == pytest.approx(4 * x.var(axis=0).mean(), rel=1e-5)


def test_skill_under_another_loss_is_beside_mixed_up_answers() -> None:
    class Absolute(nn.MSELoss):
        def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
            super().forward(prediction, target)
            return float(np.abs(prediction - target).mean())

    x = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
    model = nn.Sequential(nn.Dense(4, 4, rng=0))
    model.layers[0].params["weight"][:] = np.eye(4)
    loss = Absolute()
    case = Case(model, measure(model, x, x, loss), x, x, loss)
    assert case.skill == 1
    assert math.isnan(case.variance)


def test_skill_is_unknown_of_one_row_or_of_a_network_that_is_not_finite() -> None:
    x, y = rows()
    assert math.isnan(case_of(mlp(), (x[:1], y[:1])).skill)
    model = mlp()
    model.layers[-1].params["weight"][0] = np.nan
    assert math.isnan(case_of(model).skill)


def test_rehearsal_needs_an_optimizer_finite_rows_and_a_network_that_has_not_learnt() -> None:
    x, y = rows()
    model = mlp()
    assert case_of(model).rehearsal is None
    optimizer = adam(model)
    assert case_of(model, optimizer=optimizer).rehearsal is not None
    infinite = y.copy()
    infinite[3] = np.inf
    assert case_of(model, (x, infinite), optimizer).rehearsal is None
    train(model, optimizer, 30)
    assert case_of(model, optimizer=optimizer).has_learnt
    assert case_of(model, optimizer=optimizer).rehearsal is None


def test_blank_last_weights_are_0_or_as_small_as_the_steps_so_far() -> None:
    model = mlp()
    assert not case_of(model).last_weights_are_blank
    model.layers[-1].params["weight"][:] = 0
    assert case_of(model).last_weights_are_blank
    optimizer = sgd(model, lr=1e-8)
    train(model, optimizer, 3)
    assert case_of(model, optimizer=optimizer).last_weights_are_blank
    scale(model, 1e4, slice(-1, None))
    assert not case_of(model, optimizer=optimizer).last_weights_are_blank


def test_blank_last_weights_must_be_free_to_move() -> None:
    model = mlp(bias="constant(-50)")  # nothing reaches them
    model.layers[-1].params["weight"][:] = 0
    assert not case_of(model).last_weights_are_blank


def test_where_it_explodes() -> None:
    model = mlp()
    assert (case_of(model).exploding_layer, case_of(model).is_exploding) == (None, False)
    scale(model, 300.0, slice(1, 2))
    case = case_of(model)
    assert case.exploding_layer is case.signals.layers[1]
    assert case.is_exploding


def test_gradient_ratio_is_first_over_last() -> None:
    case = case_of(mlp())
    layers = case.signals.layers
    assert case.gradient_ratio == layers[0].dz_norm / layers[-1].dz_norm
    assert math.isnan(case_of(nn.Sequential(nn.Flatten(), nn.Dense(576, 30, rng=0))).gradient_ratio)


@pytest.mark.parametrize(("factor", "arrives"), [(1.0, True), (1e-4, False)])
def test_signal_arrives(factor: float, arrives: bool) -> None:
    model = mlp()
    scale(model, factor)
    assert case_of(model).signal_arrives == arrives


def test_saturated_layers_feed_a_relu() -> None:
    model = mlp(bias="constant(20)")
    weights(model)[-1].params["bias"][:] = 20  # the answer may lie anywhere
    case = case_of(model)
    assert [layer.is_last for layer in case.saturated_layers] == [False, False]
    assert case.bias_to_spread(case.signals.layers[-1]) == 0


@pytest.mark.parametrize(("dropout", "words"), [(0.0, ""), (0.25, " Dropout of 0.25 behind it")])
def test_dropout_behind(dropout: float, words: str) -> None:
    case: Any = case_of(mlp(dropout=dropout))
    said = case.dropout_behind(case.signals.layers[0])
    assert said.startswith(words)
    assert bool(said) == bool(words)


def test_frozen_layers_do_not_learn() -> None:
    model = mlp()
    case = case_of(model)
    assert case.learning_layers == case.signals.layers
    for layer in model.layers:
        layer.frozen = True
    case = case_of(model)
    assert case.learning_layers == []
    assert math.isnan(case.gradient_ratio)
    model.layers[3].frozen = model.layers[5].frozen = False
    case = case_of(model)
    assert [layer.index for layer in case.learning_layers] == [3, 5]
    middle, last = case.signals.layers[1:]
    assert case.gradient_ratio == middle.dz_norm / last.dz_norm


def test_blank_last_weights_that_are_frozen_are_not_free_to_move() -> None:
    model = mlp()
    model.layers[-1].params["weight"][:] = 0
    assert case_of(model).last_weights_are_blank
    model.layers[-1].frozen = True
    assert not case_of(model).last_weights_are_blank


def test_what_a_tanh_squeezes_does_not_explode() -> None:
    for activation, expected in ((nn.Tanh, None), (nn.Sigmoid, None), (nn.ReLU, 1), (nn.LeakyReLU, 1)):
        model = mlp(activation=activation, depth=1)
        model.layers[1].params["weight"] *= np.float32(1000)
        exploding = case_of(model).exploding_layer
        assert (exploding and exploding.index) == expected


@pytest.mark.parametrize("kind", [nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh])
def test_the_activation_behind(kind: type[nn.Layer]) -> None:
    model = mlp(activation=kind, depth=1)
    hidden, last = (case := case_of(model)).signals.layers
    assert case.activation_behind(hidden) is model.layers[2]
    assert case.activation_behind(last) is None
    assert case.bias_to_spread(last) == 0
