"""BestWeights: its table, case by case, alone and in trainings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.averaging import WeightAverage
from nnscratch.training.best_weights import BestWeights

# What the model of `after` ends with: before the training, in the epoch that was kept, at the end,
# or the average.
BEFORE, KEPT, LAST = 1.0, 2.0, 9.0
MEAN_KEPT = BEFORE * 2 / 11 + KEPT * 9 / 11  # after one update, d = 2/11
MEAN_LAST = MEAN_KEPT * 3 / 12 + LAST * 9 / 12


def after(*, average: bool, keep_best: bool, kept: bool, diverged: bool, infinite: bool = False) -> float:
    """The weight that is left after an epoch that may be kept, and a last one."""
    model = nn.Sequential(nn.Dense(1, 1, weight_init=f"constant({BEFORE})", bias=False, rng=0).astype(np.float64))
    weight = model.layers[0].params["weight"]
    mean = WeightAverage(model, 0.9) if average else None
    best = BestWeights(model, mean, keep_best=keep_best)
    for value in (KEPT, np.inf if infinite else LAST):
        weight[:] = value
        if mean is not None:
            mean.update()
        if kept and value == KEPT:
            best.keep()
    weight[:] = LAST
    best.put_back(diverged=diverged)
    return float(weight.item())


@pytest.mark.parametrize("diverged", [False, True])
def test_the_best_epoch_is_put_back(diverged: bool) -> None:
    assert after(average=False, keep_best=True, kept=True, diverged=diverged) == KEPT
    assert after(average=True, keep_best=True, kept=True, diverged=diverged) == pytest.approx(MEAN_KEPT)


def test_without_a_best_epoch_a_divergence_is_undone() -> None:
    assert after(average=False, keep_best=True, kept=False, diverged=True) == BEFORE
    assert after(average=True, keep_best=True, kept=False, diverged=True) == BEFORE


@pytest.mark.parametrize(("keep_best", "kept"), [(True, False), (False, True)])
def test_without_a_best_epoch_the_last_weights_stay(keep_best: bool, kept: bool) -> None:
    assert after(average=False, keep_best=keep_best, kept=kept, diverged=False) == LAST
    assert after(average=True, keep_best=keep_best, kept=kept, diverged=False) == pytest.approx(MEAN_LAST)
    assert after(average=True, keep_best=keep_best, kept=kept, diverged=False, infinite=True) == LAST


@pytest.mark.parametrize("average", [False, True])
def test_the_last_weights_stay_even_if_they_diverged(average: bool) -> None:
    assert after(average=average, keep_best=False, kept=True, diverged=True) == LAST


def test_a_training_puts_the_best_epoch_back(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    trainer, weights = trainer_of(), []

    def worsen(trainer: Any, history: nn.History) -> None:
        weights.append(trainer.weight)
        if len(history) == 3:
            trainer.optimizer.lr = 0.0
            trainer.dense.params["weight"] += 5

    history = trainer.fit(x, y, validation=(x, y), epochs=6, callbacks=[worsen])
    assert history.best_epoch == 3
    assert trainer.weight == weights[2] != weights[-1]


def test_a_training_leaves_the_last_epoch_if_asked(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    trainer, weights = trainer_of(), []

    def worsen(trainer: Any, history: nn.History) -> None:
        trainer.dense.params["weight"] += 5
        weights.append(trainer.weight)

    trainer.fit(x, y, validation=(x, y), epochs=3, callbacks=[worsen], keep_best=False)
    assert trainer.weight == weights[-1]


def test_ctrl_c_puts_the_best_epoch_back(trainer_of: Any, rows: Any) -> None:
    trainer, weights = trainer_of(), []

    def interrupt(trainer: Any, history: nn.History) -> None:
        weights.append(trainer.weight)
        if len(history) == 2:
            trainer.dense.params["weight"] += 5
            raise KeyboardInterrupt

    history = trainer.fit(*rows(), epochs=60, callbacks=[interrupt])
    assert (history.outcome, len(history)) == (nn.Outcome.INTERRUPTED, 2)
    assert trainer.weight == weights[1]


def test_ctrl_c_in_the_first_epoch_keeps_what_was_learnt(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of()
    before, step = trainer.weight, trainer.optimizer.step

    def interrupt() -> None:
        step()
        raise KeyboardInterrupt

    trainer.optimizer.step = interrupt
    history = trainer.fit(*rows(), epochs=60)
    assert (len(history), history.best_epoch, history.outcome) == (0, None, nn.Outcome.INTERRUPTED)
    assert trainer.weight != before


def test_an_error_of_a_callback_puts_the_best_epoch_back(trainer_of: Any, rows: Any) -> None:
    trainer, weights = trainer_of(), []

    def fail(trainer: Any, history: nn.History) -> None:
        weights.append(trainer.weight)
        trainer.dense.params["weight"] += 5
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        trainer.fit(*rows(), epochs=2, callbacks=[fail])
    assert trainer.weight == weights[0]


@pytest.mark.parametrize("keep_best", [True, False])
@pytest.mark.parametrize("validated", [True, False])
def test_a_training_with_average_ends_with_averaged_weights(
    keep_best: bool, validated: bool, trainer_of: Any, rows: Any, given_scores: Any, live_weights: Any
) -> None:
    x, y = rows()
    # Live and averaged, epoch by epoch: the second one is the best.
    metric = given_scores(9.0, 3.0, 9.0, 1.0, 0.0, 2.0) if validated else None
    trainer = trainer_of(average=0.6, metric=metric)
    live, seen = live_weights(trainer), []
    history = trainer.fit(
        x, y, validation=(x, y) if validated else None, epochs=3, keep_best=keep_best,
        callbacks=[lambda trainer, history: seen.append(trainer.weight)],
    )  # fmt: skip
    assert history.best_epoch == 2  # by the training loss too
    steps = 3 * (history.best_epoch if keep_best else 3)
    assert trainer.weight == pytest.approx(live.average(steps, 0.6), rel=1e-6)
    assert abs(trainer.weight - live.weights[steps]) > 1e-3
    assert seen == live.weights[3::3]  # between two epochs, the model has its live weights
    plain = trainer_of()
    plain_live = live_weights(plain)
    plain.fit(x, y, epochs=3)
    assert live.weights == plain_live.weights


def test_ctrl_c_in_the_first_epoch_leaves_the_average_so_far(trainer_of: Any, rows: Any, live_weights: Any) -> None:
    trainer = trainer_of(average=0.6)
    live, batches = live_weights(trainer), iter([0, 0])
    forward = trainer.model.forward

    def interrupt(x: np.ndarray, training: bool = False) -> np.ndarray:
        if next(batches, None) is None:
            raise KeyboardInterrupt
        return forward(x, training)

    trainer.model.forward = interrupt
    history = trainer.fit(*rows(), epochs=60)
    assert (len(history), history.outcome) == (0, nn.Outcome.INTERRUPTED)
    assert trainer.weight == pytest.approx(live.average(2, 0.6), rel=1e-6)


@pytest.mark.parametrize("keep_best", [True, False])
def test_the_average_of_a_training_that_diverged(
    keep_best: bool, trainer_of: Any, rows: Any, live_weights: Any
) -> None:
    x, y = rows(8)
    trainer = trainer_of(average=0.6)
    live = live_weights(trainer)

    def push(trainer: Any, history: nn.History) -> None:
        trainer.optimizer.lr = 1e30 if len(history) == 2 else 0.1

    history = trainer.fit(x, y, validation=(x, y), epochs=60, callbacks=[push], keep_best=keep_best)
    assert (history.outcome, len(history)) == (nn.Outcome.DIVERGED, 2)
    if keep_best:
        assert trainer.weight == pytest.approx(live.average(history.best_epoch, 0.6), rel=1e-6)
    else:
        assert trainer.weight == live.weights[-1]


def test_a_second_fit_averages_anew(trainer_of: Any, rows: Any, live_weights: Any) -> None:
    trainer = trainer_of(average=0.6)
    trainer.fit(*rows(), epochs=2)
    live = live_weights(trainer)
    trainer.fit(*rows(), epochs=1)
    assert trainer.weight == pytest.approx(live.average(3, 0.6), rel=1e-6)
