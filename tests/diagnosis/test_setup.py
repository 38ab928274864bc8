"""A setup: copies in which a training begins anew, and is judged on rows kept apart."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.diagnosis.setup import Setup, Treatment, labels_in_dtype, left_after, steps_of_a_trial
from nnscratch.diagnosis.treatments import change_lr
from nnscratch.keypoints import networks
from tests.diagnosis.small_networks import adam, dense, faces, sgd, table, train


def setup_of(model: Any, optimizer: Any = None, **arguments: Any) -> Setup:
    return Setup.of(model, *table(), nn.MSELoss(), optimizer, **arguments)


def test_it_begins_anew_and_leaves_everything_as_it_was() -> None:
    model = dense(32, 2, dropout=0.1)
    optimizer = adam(model, lr=0.005)
    train(model, optimizer, 3, table())
    before = [w.copy() for w in model.parameters()]
    setup = setup_of(model, optimizer)
    assert (setup.optimizer.steps, setup.optimizer.lr) == (0, 0.005)
    assert setup.optimizer.model is setup.model
    assert not np.array_equal(setup.model.layers[0].params["weight"], before[0])
    assert np.ptp(setup.model.layers[0].params["bias"]) == 0
    assert setup.train(5)
    for w, old in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(w, old)
    assert optimizer.steps > 0


def test_the_same_steps_each_time() -> None:
    setup = setup_of(dense(16, 2), None)
    x, y = table()
    lefts = []
    for _ in range(2):
        copy = setup.copy()
        assert copy.train(40)
        lefts.append(copy.left(x, y))
    assert lefts[0] == lefts[1] < 1


def test_every_fourth_row_is_kept_apart_of_forty_or_more() -> None:
    setup = setup_of(dense(16, 2))
    x, _ = setup.keep_apart()
    assert len(setup.x) == len(setup.y) == 180
    np.testing.assert_array_equal(x, table()[0][3::4])
    few = Setup.of(dense(16, 2), *(part[:39] for part in table()), nn.MSELoss(), None)
    assert len(few.keep_apart()[0]) == len(few.x) == 39


def test_an_optimizer_with_other_settings() -> None:
    model = dense(16, 2)
    setup = setup_of(model, sgd(model, lr=0.1, weight_decay=1e-3))
    setup.renew_optimizer(weight_decay=0.0)
    assert (setup.optimizer.lr, setup.optimizer.momentum, setup.optimizer.weight_decay) == (0.1, 0.9, 0.0)  # type: ignore[attr-defined]
    setup.replace_layers(dense(8, 2).layers)
    assert setup.optimizer.model is setup.model


def test_a_trial_that_fails_leaves_everything() -> None:
    model = dense(16, 2)
    setup = setup_of(model, sgd(model, lr=0.05))
    fine = left_after(setup, None, 60)
    assert fine < 1
    assert left_after(setup, change_lr(1, 1e9), 60) == 2

    def cannot(setup: Setup) -> None:
        raise NotImplementedError

    assert left_after(setup, Treatment("cannot be done", cannot), 60) == 2
    assert left_after(setup, None, 60) == fine


def test_a_large_network_has_fewer_steps() -> None:
    assert steps_of_a_trial(dense(16, 2), table()[0]) == 300
    assert steps_of_a_trial(networks.kfkd(rng=0), faces().x[:1]) == 60


def test_classes_stay_whole_numbers() -> None:
    assert labels_in_dtype(np.array([0, 2]), np.dtype(np.float32)).dtype.kind == "i"
    assert labels_in_dtype(np.array([[0, 2]]), np.dtype(np.float32)).dtype == np.float32
    assert labels_in_dtype(np.array([0.0, 2.0]), np.dtype(np.float32)).dtype == np.float32


def test_layers_that_the_optimizer_does_not_have_begin_as_they_are() -> None:
    model = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2), rng=0)
    x = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    setup = Setup.of(model, x, x[:, :2], nn.MSELoss(), nn.Adam(model, layers=[model[0]]))
    same = [np.array_equal(w, old) for w, old in zip(setup.model.parameters(), model.parameters(), strict=True)]
    assert same == [False, True, True, True]  # the biases began as 0
    before = setup.model.copy_parameters()
    assert setup.train(3)
    same = [np.array_equal(w, old) for w, old in zip(setup.model.parameters(), before, strict=True)]
    assert same == [False, False, True, True]
    setup.replace_layers([setup.model[0], nn.ReLU(), nn.Dense(4, 4, rng=0), setup.model[2]])
    assert setup.optimizer.layers == [setup.model[0], setup.model[2]]  # and the new one
    setup.renew_optimizer(lr=0.5)
    assert (setup.optimizer.lr, setup.optimizer.layers) == (0.5, [setup.model[0], setup.model[2]])
