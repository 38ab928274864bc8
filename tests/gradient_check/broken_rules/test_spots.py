"""The small problem: pictures, network, and trainings that differ in the broken rule alone."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check.broken_rules import spots
from nnscratch.gradient_check.broken_rules.dense import TransposedWeight, WrongSign
from nnscratch.gradient_check.broken_rules.images import EveryTie
from nnscratch.gradient_check.broken_rules.masks import ForgottenLabelMask, ForgottenReLUMask
from nnscratch.gradient_check.broken_rules.rules import rules_of


def test_labels_are_where_the_square_is() -> None:
    x, y = spots.spots(0)
    assert x.shape == (spots.PICTURES, 8, 8, 1)
    assert 0.1 < np.isnan(y).mean() < 0.5
    rows = (x * np.arange(8).reshape(1, 8, 1, 1)).sum(axis=(1, 2, 3)) / x.sum(axis=(1, 2, 3))  # the middle
    labelled = ~np.isnan(y[:, 0])
    np.testing.assert_allclose((rows[labelled] - 1) / 5 * 2 - 1, y[labelled, 0])


def kinds(network: nn.Sequential, kind: type) -> int:
    return sum(type(layer) is kind for layer in network.layers)


def test_the_wrong_class_takes_every_place_that_it_can() -> None:
    right = spots.spot_network(0)
    assert kinds(spots.spot_network(0, WrongSign), WrongSign) == kinds(right, nn.Dense) == 3
    assert kinds(spots.spot_network(0, ForgottenReLUMask), ForgottenReLUMask) == kinds(right, nn.ReLU) == 4
    (rule,) = rules_of("transposed-weight")
    assert kinds(spots.spot_network(0, TransposedWeight, rule.sizes), TransposedWeight) == 1
    for a, b in zip(right.parameters(), spots.spot_network(0, EveryTie).parameters(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_trainings_are_repeatable_and_begin_alike() -> None:
    right, again, wrong = spots.train(1), spots.train(1), spots.train(1, ForgottenLabelMask)
    assert right == again
    assert len(right) == len(wrong) == spots.EPOCHS + 1
    assert right[0] == wrong[0]
    assert right[-1] < right[0] / 4
    assert right[1:] != wrong[1:]
    assert spots.train(2)[0] != right[0]


def test_the_losses_are_those_of_the_trained_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """`train` judges a network of right layers with the same parameters: y is the same."""
    trained = []

    class Watched(nn.Sequential):
        def __init__(self, *layers: nn.Layer) -> None:
            super().__init__(*layers)
            trained.append(self)

    monkeypatch.setattr(spots, "Sequential", Watched)
    losses = spots.train(0, WrongSign)
    x, y = spots.spots(0)
    assert losses[-1] == pytest.approx(nn.MSELoss().forward(trained[0].forward(x), y), rel=1e-9)


def test_a_training_that_explodes_stays_at_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spots, "LR", 1e6)
    losses = spots.train(0)
    assert len(losses) == spots.EPOCHS + 1
    assert losses[-1] == np.inf
