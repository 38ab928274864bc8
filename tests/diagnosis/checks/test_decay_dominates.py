"""Weight decay that wins over the data."""

from __future__ import annotations

from typing import Any

import pytest

from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.decay_dominates import check
from tests.diagnosis.small_networks import (
    adam,
    both_networks,
    case_of,
    cnn,
    deep,
    first,
    history_of,
    mlp,
    rows,
    scale,
    sgd,
    train,
)


@both_networks
def test_decay_dominates(network: Any) -> None:
    model = network()
    optimizer = sgd(model, weight_decay=0.3)
    first(diagnose(model, *rows(), optimizer=optimizer), "decay_dominates")
    train(model, optimizer, 20)
    diagnosis = diagnose(model, *rows(), optimizer=optimizer)
    first(diagnosis, "decay_dominates")
    assert "constant_output" in diagnosis.codes
    first(diagnose(model, *rows(), optimizer=sgd(model, weight_decay=0.3)), "decay_dominates")


@pytest.mark.parametrize("network", [mlp, pytest.param(cnn, marks=pytest.mark.nightly), deep])
def test_decay_that_will_dominate_is_seen_before_the_training(network: Any) -> None:
    """The first gradients are large, for the mean is not found yet: so far, decay is weaker."""
    for decay, expected in ((0.05, ["decay_dominates"]), (1e-4, [])):
        model = network()
        assert diagnose(model, *rows(), optimizer=sgd(model, weight_decay=decay)).codes[:1] == expected


def test_in_adam_it_is_beside_steps_of_one_size() -> None:
    for decay, expected in ((0.5, 0), (50.0, 1)):  # weights of 0.1 to 0.2: 0.5 pulls a tenth as hard as the data
        model = mlp()
        assert len(list(check(case_of(model, optimizer=adam(model, weight_decay=decay))))) == expected


def test_decay_does_not_pull_at_frozen_layers() -> None:
    """Small weights after a training are its work, but not those of frozen layers."""
    for frozen, expected in ((True, 0), (False, 1)):
        model = mlp()
        scale(model, 0.3, slice(0, 2))
        for i in (1, 3):
            model.layers[i].frozen = frozen
        case = case_of(model, optimizer=sgd(model, weight_decay=1e-5), history=history_of([0.1]))
        assert len(list(check(case))) == expected
    for layer in model.layers:
        layer.frozen = True
    assert not list(check(case_of(model, optimizer=sgd(model, weight_decay=10.0))))
