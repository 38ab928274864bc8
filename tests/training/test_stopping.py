"""Stopping: every way in which a training ends, and its sentence."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.progress import Clock
from nnscratch.training.stopping import end_if_over


def history_of(*losses: float) -> nn.History:
    history = nn.History(["epoch", "loss"], score="loss")
    for epoch, loss in enumerate(losses, start=1):
        history.append({"epoch": epoch, "loss": loss})
    return history


def ended(
    history: nn.History, *, epochs: int = 60, images: int = 10, seconds: float = 0, time_limit: float | None = 600,
    patience: int | None = None, reasons: tuple[str | None, ...] = (), clock: Any,
) -> tuple[nn.Outcome | None, str]:  # fmt: skip
    """How the history ends after `images` of 20 and so many seconds."""
    watch = Clock(20, 1, 8, time_limit)
    watch.count(images)
    clock.now += seconds
    end_if_over(history, epochs, watch, patience, reasons)
    return history.outcome, history.stopped


def test_it_goes_on(clock: Any) -> None:
    assert ended(history_of(3, 2, 1), patience=1, reasons=(None, ""), clock=clock) == (None, "")
    assert ended(history_of(1, 2), patience=2, time_limit=None, seconds=1e9, clock=clock) == (None, "")


def test_all_epochs(clock: Any) -> None:
    assert ended(history_of(1), images=20, clock=clock) == (nn.Outcome.ALL_EPOCHS, "all 60 epochs done")
    assert ended(history_of(1), epochs=1, images=20, clock=clock)[1] == "the one epoch done"


@pytest.mark.parametrize(("limit", "words"), [(600, "10 min"), (90, "1.5 min"), (59, "59 s"), (0.5, "0.5 s")])
def test_the_time_limit(limit: float, words: str, clock: Any) -> None:
    assert ended(history_of(1), time_limit=limit, seconds=limit, clock=clock) == (
        nn.Outcome.TIME_LIMIT, f"time limit of {words} reached",
    )  # fmt: skip


def test_patience(clock: Any) -> None:
    assert ended(history_of(3, 1, 2, 1, math.nan), patience=3, clock=clock) == (
        nn.Outcome.NO_BETTER, "no better for 3 epochs",
    )  # fmt: skip
    assert ended(history_of(1, 1), patience=1, clock=clock)[1] == "no better for 1 epoch"
    assert ended(history_of(math.nan), patience=1, clock=clock)[0] is nn.Outcome.NO_BETTER


def test_the_first_reason(clock: Any) -> None:
    assert ended(history_of(1), reasons=(None, "that will do", "me too"), clock=clock) == (
        nn.Outcome.ASKED, "that will do",
    )  # fmt: skip


def test_patience_ends_a_training(trainer_of: Any, rows: Any, given_scores: Any) -> None:
    x, y = rows()
    trainer = trainer_of(metric=given_scores(3.0, 1.0, 2.0, 1.0, math.nan, 0.0))
    history = trainer.fit(x, y, validation=(x, y), epochs=60, patience=3)
    assert history.outcome is nn.Outcome.NO_BETTER
    assert (len(history), history.best_epoch) == (5, 2)


def test_a_callback_ends_a_training(trainer_of: Any, rows: Any) -> None:
    calls: list[int] = []

    def stop(trainer: nn.Trainer, history: nn.History) -> str | None:
        calls.append(len(history))
        return "that will do" if len(history) == 2 else None

    history = trainer_of().fit(*rows(), epochs=60, callbacks=[stop, lambda trainer, history: None])
    assert (history.outcome, history.stopped, calls) == (nn.Outcome.ASKED, "that will do", [1, 2])


def test_a_time_limit_within_the_first_epoch_still_gives_a_line(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    history = trainer_of().fit(x, y, validation=(x, y), epochs=60, time_limit=1e-9)
    assert history.stopped == "time limit of 1e-09 s reached"
    assert history.columns["images"] == [8]
    assert math.isfinite(history.best["validation_loss"])
    assert history.columns["images_per_second"][0] > 0


def test_a_time_limit_ends_a_training_within_a_batch(trainer_of: Any, rows: Any, clock: Any) -> None:
    clock.tick = 1.0
    history = trainer_of().fit(*rows(), epochs=1000, time_limit=600)
    assert history.stopped == "time limit of 10 min reached"
    assert 595 <= history.columns["seconds"][-1] < 620


@pytest.mark.parametrize("batches", [0, 1, 5])
def test_another_thread_ends_a_training_before_its_next_batch(batches: int, trainer_of: Any, rows: Any) -> None:
    trainer, stop = trainer_of(), threading.Event()
    before, step, done = trainer.weight, trainer.optimizer.step, []

    def counted() -> None:
        step()
        done.append(trainer.weight)
        if len(done) == batches:
            stop.set()

    trainer.optimizer.step = counted
    if batches == 0:
        stop.set()
    history = trainer.fit(*rows(), epochs=60, keep_best=False, stop=stop)
    assert (history.outcome, history.stopped) == (nn.Outcome.INTERRUPTED, "interrupted by the user")
    assert (len(done), len(history)) == (batches, batches // 3)
    assert trainer.weight == (done[-1] if done else before)
    trainer.optimizer.step = step
    assert trainer.fit(*rows(), epochs=1, stop=threading.Event()).outcome is nn.Outcome.ALL_EPOCHS


def test_divergence_ends_a_training_with_the_best_weights_and_advice(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    trainer, weights = trainer_of(), []

    def push(trainer: Any, history: nn.History) -> None:
        weights.append(trainer.weight)
        if len(history) == 2:
            trainer.optimizer.lr = 1e30

    history = trainer.fit(x, y, validation=(x, y), epochs=60, callbacks=[push])
    assert history.stopped.startswith("diverged: the loss is inf in batch ")
    assert history.stopped.endswith(" of epoch 3; lower the learning rate, which was 1e+30")
    assert (history.outcome, len(history)) == (nn.Outcome.DIVERGED, 2)
    assert trainer.weight == weights[history.best_epoch - 1]


def test_divergence_in_the_first_epoch_puts_the_first_weights_back_and_can_be_repaired(
    trainer_of: Any, rows: Any
) -> None:
    x, y = rows()
    trainer = trainer_of(lr=1e15)  # the velocity gets as large before the loss is inf, and must be forgotten
    before = trainer.weight
    history = trainer.fit(x, y, epochs=3)
    assert history.stopped.startswith("diverged: the loss is inf in batch 3 of epoch 1; lower the learning rate")
    assert (len(history), trainer.weight) == (0, before)
    trainer.optimizer.lr = 0.1
    losses = trainer.fit(x, y, epochs=40).columns["loss"]
    assert max(losses) < 10
    assert losses[-1] < 1e-3


def test_divergence_in_the_very_last_step_is_seen(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of(lr=1e39)  # one batch: its loss is measured before the step to infinity
    history = trainer.fit(*rows(8), epochs=1)
    assert history.outcome is nn.Outcome.DIVERGED
    assert math.isfinite(trainer.weight)


def test_clipping_does_not_hide_a_divergence(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of(clip_norm=1.0)
    backward, before = trainer.model.backward, trainer.weight

    def infinite(dy: np.ndarray) -> None:
        backward(dy)
        trainer.dense.grads["bias"][:] = np.inf

    trainer.model.backward = infinite
    assert "'bias' in layer 1" in trainer.fit(*rows(8), epochs=3).stopped
    assert trainer.weight == before


@pytest.mark.parametrize(("seconds", "words"), [(59.9, "59.9 s"), (60.0, "1 min"), (90.0, "1.5 min")])
def test_a_time_limit_is_told_in_its_own_unit(clock: Any, seconds: float, words: str) -> None:
    history, watch = nn.History(["epoch", "loss"], score="loss"), Clock(8, 2, 8, seconds)
    history.append({"epoch": 1, "loss": 0.5})
    clock.now = 100.0
    end_if_over(history, 2, watch, None, [])
    assert history.stopped == f"time limit of {words} reached"
