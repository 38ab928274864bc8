"""Trainer: which rows it trains on, what it writes down, and every way in which a training can end."""

from __future__ import annotations

import contextlib
import io
import math
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.optimizers import schedules

TIMES = ("seconds", "images_per_second")


class Recorder(nn.Layer):
    """y = x, and a list of (rows' first values, training) of every forward."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[list[float], bool]] = []

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.seen.append((x[:, 0].tolist(), training))
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy


def rows(count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """x = 1..count scaled into (0, 1], y = 2x."""
    x = np.arange(1, count + 1, dtype=np.float32)[:, np.newaxis] / count
    return x, 2 * x


def trainer_of(*, lr: Any = 0.1, seed: int = 0, batch_size: int = 8, **arguments: Any) -> nn.Trainer:
    """A trainer of y = weight * x + bias; lr is a number, or a schedule."""
    model = nn.Sequential(Recorder(), nn.Dense(1, 1, weight_init="he_normal", rng=3))
    optimizer = nn.SGD(model, lr=0.1 if callable(lr) else lr, momentum=0.5)
    schedule = lr if callable(lr) else None
    return nn.Trainer(model, nn.MSELoss(), optimizer, batch_size=batch_size, lr=schedule, seed=seed, **arguments)


def weight(trainer: nn.Trainer) -> float:
    return float(trainer.model.layers[1].params["weight"].item())


def seen_by(trainer: nn.Trainer) -> list[tuple[list[float], bool]]:
    (recorder,) = (layer for layer in trainer.model.layers if isinstance(layer, Recorder))
    return recorder.seen


def numbers(history: nn.History) -> dict[str, list[float]]:
    return {name: values for name, values in history.columns.items() if name not in TIMES}


def mean_error(prediction: np.ndarray, target: np.ndarray) -> float:
    return float(np.nanmean(np.abs(prediction - target)))


def test_each_epoch_sees_every_row_once_in_a_fresh_order_with_a_smaller_last_batch() -> None:
    trainer = trainer_of()
    x, y = rows(20)
    trainer.fit(x, y, epochs=3)
    seen = seen_by(trainer)
    assert [len(batch) for batch, _ in seen] == [8, 8, 4] * 3
    assert all(training for _, training in seen)
    epochs = [[row for batch, _ in seen[start : start + 3] for row in batch] for start in (0, 3, 6)]
    assert [sorted(epoch) for epoch in epochs] == [x[:, 0].tolist()] * 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0] != x[:, 0].tolist()


def test_rows_of_x_and_y_stay_together_also_if_strided() -> None:
    x, y = rows(40)
    trainer, strided = trainer_of(batch_size=3), trainer_of(batch_size=3)
    history = trainer.fit(x[:20].copy(), y[:20].copy(), epochs=40)
    assert history.columns["loss"][-1] < 1e-3  # impossible if the pairs were mixed
    wide_x, wide_y = np.repeat(x[:20], 2, axis=0), np.repeat(y[:20], 2, axis=0)
    assert numbers(strided.fit(wide_x[::2], wide_y[::2], epochs=40)) == numbers(history)


def test_one_epoch_is_the_loop_of_the_docstring() -> None:
    x, y = rows(10)
    trainer, by_hand = trainer_of(batch_size=4), trainer_of()
    history = trainer.fit(x, y, epochs=1)
    order, total = np.random.default_rng(0).permutation(10), 0.0
    for batch in (order[:4], order[4:8], order[8:]):
        loss = by_hand.loss.forward(by_hand.model.forward(x[batch], training=True), y[batch])
        by_hand.model.backward(by_hand.loss.backward())
        by_hand.optimizer.step()
        total += loss * len(batch)
    assert weight(trainer) == weight(by_hand)
    assert history.columns["loss"] == [pytest.approx(total / 10)]


def test_history_has_its_columns() -> None:
    x, y = rows()
    trainer = trainer_of(metric=nn.Metric("mean_error", "px", mean_error))
    history = trainer.fit(x, y, validation=(x[:5], y[:5]), epochs=3)
    assert list(history.columns) == [
        *["epoch", "loss", "validation_loss", "mean_error", "lr", "seconds", "images", "images_per_second"]
    ]
    assert history.columns["epoch"] == [1, 2, 3]
    assert history.columns["images"] == [20] * 3
    assert history.columns["lr"] == [0.1] * 3
    assert np.all(np.diff(history.columns["seconds"]) > 0)
    assert min(history.columns["images_per_second"]) > 0
    assert history.stopped == "all 3 epochs done"
    assert list(trainer_of().fit(x, y, epochs=1).columns)[:3] == ["epoch", "loss", "lr"]


def test_validation_is_scored_without_dropout_and_with_the_right_rows() -> None:
    x, y = rows()
    trainer = trainer_of(metric=nn.Metric("mean_error", "px", mean_error))
    history = trainer.fit(x, y, validation=(x[:5], y[:5]), epochs=1)
    assert seen_by(trainer)[-1] == (x[:5, 0].tolist(), False)
    prediction = trainer.model.predict(x[:5])
    assert history.best["mean_error"] == pytest.approx(mean_error(prediction, y[:5]))
    assert history.best["validation_loss"] == pytest.approx(np.square(prediction - y[:5]).mean())


def test_same_seed_same_numbers_other_seed_other_numbers() -> None:
    x, y = rows()
    histories = [numbers(trainer_of(seed=seed).fit(x, y, validation=(x, y), epochs=4)) for seed in (1, 1, 2)]
    assert histories[0] == histories[1] != histories[2]


def test_a_second_fit_continues() -> None:
    x, y = rows()
    once, twice = trainer_of(), trainer_of()
    whole = once.fit(x, y, epochs=5, keep_best=False)
    parts = [twice.fit(x, y, epochs=epochs, keep_best=False) for epochs in (2, 3)]
    assert parts[0].columns["loss"] + parts[1].columns["loss"] == whole.columns["loss"]
    assert weight(once) == weight(twice)


def test_missing_labels_do_not_hinder() -> None:
    x, y = rows()
    y[::2] = np.nan
    history = trainer_of(batch_size=1).fit(x, y, epochs=20)  # half of the batches have no label at all
    assert history.columns["loss"][-1] < 1e-3


def test_puts_the_best_epoch_back() -> None:
    x, y = rows()
    trainer, weights = trainer_of(), []

    def worsen(trainer: nn.Trainer, history: nn.History) -> None:
        weights.append(weight(trainer))
        if len(history) == 3:
            trainer.optimizer.lr = 0.0
            trainer.model.layers[1].params["weight"] += 5

    history = trainer.fit(x, y, validation=(x, y), epochs=6, callbacks=[worsen])
    assert history.best_epoch == 3
    assert weight(trainer) == weights[2] != weights[-1]


def test_leaves_the_last_epoch_if_asked() -> None:
    x, y = rows()
    trainer, weights = trainer_of(), []

    def worsen(trainer: nn.Trainer, history: nn.History) -> None:
        trainer.model.layers[1].params["weight"] += 5
        weights.append(weight(trainer))

    trainer.fit(x, y, validation=(x, y), epochs=3, callbacks=[worsen], keep_best=False)
    assert weight(trainer) == weights[-1]


def test_the_metric_decides_which_is_best() -> None:
    x, y = rows()
    scores = iter([3.0, 1.0, 2.0])
    trainer = trainer_of(metric=nn.Metric("given", "", lambda prediction, target: next(scores)))
    history = trainer.fit(x, y, validation=(x, y), epochs=3)
    assert history.best_epoch == 2
    assert np.argmin(history.columns["validation_loss"]) == 2


def test_patience_ends_a_training_that_gets_no_better() -> None:
    x, y = rows()
    scores = iter([3.0, 1.0, 2.0, 1.0, math.nan, 0.0])
    trainer = trainer_of(metric=nn.Metric("given", "", lambda prediction, target: next(scores)))
    history = trainer.fit(x, y, validation=(x, y), epochs=60, patience=3)
    assert history.stopped == "no better for 3 epochs"
    assert (len(history), history.best_epoch) == (5, 2)


def test_a_callback_can_end_it() -> None:
    x, y = rows()
    calls: list[int] = []

    def stop(trainer: nn.Trainer, history: nn.History) -> str | None:
        calls.append(len(history))
        return "that will do" if len(history) == 2 else None

    history = trainer_of().fit(x, y, epochs=60, callbacks=[stop, lambda trainer, history: None])
    assert history.stopped == "that will do"
    assert calls == [1, 2]


def test_time_limit_within_the_first_epoch_still_gives_a_line() -> None:
    x, y = rows()
    trainer = trainer_of()
    history = trainer.fit(x, y, validation=(x, y), epochs=60, time_limit=1e-9)
    assert history.stopped == "time limit of 1e-09 s reached"
    assert history.columns["images"] == [8]
    assert math.isfinite(history.best["validation_loss"])
    assert history.columns["images_per_second"][0] > 0


class SlowClock:
    """A clock on which one second passes whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1
        return self.now


def test_time_limit_is_told_in_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnscratch.training.progress.time", SlowClock())
    history = trainer_of().fit(*rows(), epochs=1000, time_limit=600)
    assert history.stopped == "time limit of 10 min reached"
    assert 600 <= history.columns["seconds"][-1] < 620


def test_schedules_go_by_the_share_of_the_time_if_it_is_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnscratch.training.progress.time", SlowClock())
    progress: list[float] = []

    def rate(share: float) -> float:
        progress.append(share)
        return 0.1 * (1 - share)

    trainer_of(lr=rate).fit(*rows(), epochs=1000, time_limit=100)  # time for some 10 epochs of 1000
    assert progress == sorted(progress)
    assert progress[0] < 0.1
    assert progress[-1] > 0.9


def test_schedules_go_by_the_share_of_the_epochs() -> None:
    x, y = rows(16)
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    optimizer = nn.SGD(model, lr=9.0, momentum=0.9)
    lr, momentum = schedules.linear(0.1, 0.0), schedules.linear(0.5, 0.9)
    trainer = nn.Trainer(model, nn.MSELoss(), optimizer, batch_size=8, lr=lr, momentum=momentum)
    history = trainer.fit(x, y, epochs=2)  # four batches, at progress 0, 1/4, 1/2, 3/4
    assert history.columns["lr"] == pytest.approx([0.075, 0.025])
    assert optimizer.momentum == pytest.approx(0.8)


def test_ctrl_c_ends_it_with_the_history_so_far_and_the_best_weights() -> None:
    x, y = rows()
    trainer, weights = trainer_of(), []

    def interrupt(trainer: nn.Trainer, history: nn.History) -> None:
        weights.append(weight(trainer))
        if len(history) == 2:
            trainer.model.layers[1].params["weight"] += 5
            raise KeyboardInterrupt

    history = trainer.fit(x, y, epochs=60, callbacks=[interrupt])
    assert history.stopped == "interrupted by the user"
    assert len(history) == 2
    assert weight(trainer) == weights[1]


def test_ctrl_c_in_the_first_epoch_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows()
    trainer = trainer_of()
    before, step = weight(trainer), trainer.optimizer.step

    def interrupt() -> None:
        step()
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer.optimizer, "step", interrupt)
    history = trainer.fit(x, y, epochs=60)
    assert (len(history), history.best_epoch, history.stopped) == (0, None, "interrupted by the user")
    assert weight(trainer) != before


def test_divergence_ends_it_with_the_best_weights_and_advice() -> None:
    x, y = rows()
    trainer, weights = trainer_of(), []

    def push(trainer: nn.Trainer, history: nn.History) -> None:
        weights.append(weight(trainer))
        if len(history) == 2:
            trainer.optimizer.lr = 1e30

    history = trainer.fit(x, y, validation=(x, y), epochs=60, callbacks=[push])
    assert history.stopped == ("diverged: the loss is not finite at epoch 3; lower the learning rate, which was 1e+30")
    assert len(history) == 2
    assert weight(trainer) == weights[history.best_epoch - 1]  # type: ignore[operator]


def test_divergence_in_the_first_epoch_puts_the_first_weights_back_and_can_be_repaired() -> None:
    x, y = rows()
    trainer = trainer_of(lr=1e15)  # the velocity gets as large before the loss is inf, and must be forgotten
    before = weight(trainer)
    history = trainer.fit(x, y, epochs=3)
    assert history.stopped.startswith("diverged: the loss is not finite at epoch 1; lower the learning rate")
    assert (len(history), weight(trainer)) == (0, before)
    trainer.optimizer.lr = 0.1
    losses = trainer.fit(x, y, epochs=40).columns["loss"]
    assert max(losses) < 10
    assert losses[-1] < 1e-3


def test_divergence_in_the_very_last_step_is_seen() -> None:
    x, y = rows(8)
    trainer = trainer_of(lr=1e39)  # one batch: its loss is measured before the step to infinity
    history = trainer.fit(x, y, epochs=1)
    assert history.stopped.startswith("diverged")
    assert math.isfinite(weight(trainer))


def test_an_error_of_a_callback_gets_out_and_the_best_weights_are_back() -> None:
    x, y = rows()
    trainer, weights = trainer_of(), []

    def fail(trainer: nn.Trainer, history: nn.History) -> None:
        weights.append(weight(trainer))
        trainer.model.layers[1].params["weight"] += 5
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        trainer.fit(x, y, epochs=2, callbacks=[fail])
    assert weight(trainer) == weights[0]


class LiveWeights:
    """The weight after each step of a trainer, from before the first one on."""

    def __init__(self, trainer: nn.Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.weights, step = [weight(trainer)], trainer.optimizer.step

        def recorded() -> None:
            step()
            self.weights.append(weight(trainer))

        monkeypatch.setattr(trainer.optimizer, "step", recorded)

    def average(self, steps: int, decay: float) -> float:
        """After so many steps."""
        mean = self.weights[0]
        for n in range(1, steps + 1):
            d = min(decay, (1 + n) / (10 + n))
            mean = d * mean + (1 - d) * self.weights[n]
        return mean


@pytest.mark.parametrize("keep_best", [True, False])
@pytest.mark.parametrize("validated", [True, False])
def test_a_training_with_average_ends_with_averaged_weights(
    keep_best: bool, validated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = rows()
    scores = iter([9.0, 3.0, 9.0, 1.0, 0.0, 2.0])  # live and averaged, epoch by epoch: the second one is the best
    metric = nn.Metric("given", "", lambda prediction, target: next(scores))
    trainer = trainer_of(average=0.6, metric=metric)
    live, seen = LiveWeights(trainer, monkeypatch), []
    history = trainer.fit(
        x, y, validation=(x, y) if validated else None, epochs=3, keep_best=keep_best,
        callbacks=[lambda trainer, history: seen.append(weight(trainer))],
    )  # fmt: skip
    assert history.best_epoch == 2  # by the training loss too
    assert history.score == ("average_given" if validated else "loss")
    steps = 3 * (history.best_epoch if keep_best else 3)  # type: ignore[operator]
    assert weight(trainer) == pytest.approx(live.average(steps, 0.6), rel=1e-6)
    assert abs(weight(trainer) - live.weights[steps]) > 1e-3
    assert seen == live.weights[3::3]  # between two epochs, the model is as it was trained
    plain = trainer_of()
    plain_live = LiveWeights(plain, monkeypatch)
    plain.fit(x, y, epochs=3)
    assert live.weights == plain_live.weights


def test_live_and_averaged_weights_are_validated() -> None:
    x, y = rows()
    trainer = trainer_of(metric=nn.Metric("mean_error", "px", mean_error), average=0.6)
    live: list[tuple[float, float]] = []

    def score(trainer: nn.Trainer, history: nn.History) -> None:
        prediction = trainer.model.predict(x[:5])
        live.append((float(np.square(prediction - y[:5]).mean()), mean_error(prediction, y[:5])))

    history = trainer.fit(x, y, validation=(x[:5], y[:5]), epochs=3, callbacks=[score], keep_best=False)
    assert list(history.columns) == [
        *["epoch", "loss", "validation_loss", "mean_error", "average_validation_loss", "average_mean_error"],
        *["lr", "seconds", "images", "images_per_second"],
    ]
    assert history.columns["validation_loss"] == pytest.approx([loss for loss, _ in live])
    assert history.columns["mean_error"] == pytest.approx([error for _, error in live])
    prediction = trainer.model.predict(x[:5])  # now of the averaged weights
    assert history.columns["average_mean_error"][-1] == pytest.approx(mean_error(prediction, y[:5]))
    assert history.columns["average_validation_loss"][-1] == pytest.approx(np.square(prediction - y[:5]).mean())
    assert history.columns["average_mean_error"][-1] != history.columns["mean_error"][-1]


def test_without_metric_the_averaged_validation_loss_decides_and_without_validation_the_training_loss() -> None:
    x, y = rows()
    assert trainer_of(average=0.9).fit(x, y, validation=(x, y), epochs=1).score == "average_validation_loss"
    history = trainer_of(average=0.9).fit(x, y, epochs=1)
    assert (history.score, list(history.columns)[:3]) == ("loss", ["epoch", "loss", "lr"])


def test_ctrl_c_in_the_first_epoch_leaves_the_average_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows()
    trainer = trainer_of(average=0.6)
    live, batches = LiveWeights(trainer, monkeypatch), iter([0, 0])
    forward = trainer.model.forward

    def interrupt(x: np.ndarray, training: bool = False) -> np.ndarray:
        if next(batches, None) is None:
            raise KeyboardInterrupt
        return forward(x, training)

    monkeypatch.setattr(trainer.model, "forward", interrupt)
    history = trainer.fit(x, y, epochs=60)
    assert (len(history), history.stopped) == (0, "interrupted by the user")
    assert weight(trainer) == pytest.approx(live.average(2, 0.6), rel=1e-6)


@pytest.mark.parametrize("keep_best", [True, False])
def test_an_average_of_a_training_that_diverged_is_not_kept(keep_best: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows(8)
    trainer = trainer_of(average=0.6)
    live = LiveWeights(trainer, monkeypatch)

    def push(trainer: nn.Trainer, history: nn.History) -> None:
        trainer.optimizer.lr = 1e30 if len(history) == 2 else 0.1

    history = trainer.fit(x, y, validation=(x, y), epochs=60, callbacks=[push], keep_best=keep_best)
    assert history.stopped.startswith("diverged: the loss is not finite at epoch 3")
    assert len(history) == 2
    if keep_best:
        assert weight(trainer) == pytest.approx(live.average(history.best_epoch, 0.6), rel=1e-6)  # type: ignore[arg-type]
    else:
        assert weight(trainer) == live.weights[-1]  # the last one, as without an average, which is finite too


def test_an_infinite_average_is_not_kept_after_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows(8)
    trainer = trainer_of(lr=1e39, average=0.6)  # one batch an epoch: infinite weights, which no loss has seen

    def interrupt(scoring: Any) -> None:
        trainer.model.layers[1].params["bias"][:] = 7
        raise KeyboardInterrupt

    monkeypatch.setattr("nnscratch.training.trainer.Scoring.scores", interrupt)
    history = trainer.fit(x, y, epochs=2)
    assert history.stopped == "interrupted by the user"
    assert trainer.model.layers[1].params["bias"].item() == 7  # as it was, and no part of the infinite average


def test_a_second_fit_averages_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows()
    trainer = trainer_of(average=0.6)
    trainer.fit(x, y, epochs=2)
    live = LiveWeights(trainer, monkeypatch)
    trainer.fit(x, y, epochs=1)
    assert weight(trainer) == pytest.approx(live.average(3, 0.6), rel=1e-6)


def test_clipping_is_done_between_backward_and_step() -> None:
    x, y = rows(8)
    trainer, by_hand = trainer_of(clip_norm=0.25), trainer_of()
    trainer.fit(x, y, epochs=1)
    order = np.random.default_rng(0).permutation(8)
    by_hand.loss.forward(by_hand.model.forward(x[order], training=True), y[order])
    by_hand.model.backward(by_hand.loss.backward())
    dense = by_hand.model.layers[1]
    norm = math.hypot(dense.grads["weight"].item(), dense.grads["bias"].item())
    assert norm > 0.5
    moved = dense.params["weight"].item() - 0.1 * dense.grads["weight"].item() * 0.25 / norm
    assert weight(trainer) == pytest.approx(moved, rel=1e-6)


def test_clipping_does_not_hide_a_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows(8)
    trainer = trainer_of(clip_norm=1.0)
    backward, before = trainer.model.backward, weight(trainer)

    def infinite(dy: np.ndarray) -> None:
        backward(dy)
        trainer.model.layers[1].grads["bias"][:] = np.inf

    monkeypatch.setattr(trainer.model, "backward", infinite)
    assert trainer.fit(x, y, epochs=3).stopped.startswith("diverged: the loss is not finite at epoch 1")
    assert weight(trainer) == before


class Jitter:
    """Noise on x, in a buffer that the next call overwrites; y = 2x still."""

    def __init__(self) -> None:
        self.x = np.empty((8, 1), np.float32)

    def __call__(self, x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        new = np.add(x, generator.standard_normal(x.shape, dtype=np.float32), out=self.x[: len(x)])
        return new, 2 * new


def augmented_training_by_hand(epochs: int) -> nn.Trainer:
    """The loop of the docstring, with every batch augmented in the foreground."""
    x, y = rows()
    trainer, augment, generator = trainer_of(), Jitter(), np.random.default_rng(0)
    for _ in range(epochs):
        order = generator.permutation(20)
        for batch in (order[:8], order[8:16], order[16:]):
            new_x, new_y = augment(x[batch], y[batch], generator)
            trainer.loss.forward(trainer.model.forward(new_x, training=True), new_y)
            trainer.model.backward(trainer.loss.backward())
            trainer.optimizer.step()
    return trainer


@pytest.fixture
def _threads() -> Iterator[None]:
    yield
    nn.set_threads(None)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_augmenting_in_the_background_gives_the_bits_of_the_foreground(threads: int) -> None:
    nn.set_threads(threads)
    trainer, by_hand = trainer_of(augment=Jitter()), augmented_training_by_hand(epochs=4)
    trainer.fit(*rows(), epochs=4, keep_best=False)
    assert seen_by(trainer) == seen_by(by_hand)
    assert weight(trainer) == weight(by_hand)


@pytest.mark.usefixtures("_threads")
def test_a_generator_shared_with_dropout_is_drawn_from_in_one_order() -> None:
    x, y = rows()
    results, threads_seen = [], set()

    class Watched(Jitter):
        def __call__(self, *batch: Any) -> tuple[np.ndarray, np.ndarray]:
            threads_seen.add(threading.current_thread())
            return super().__call__(*batch)

    for threads in (1, 2):
        nn.set_threads(threads)
        rng = np.random.default_rng(0)
        model = nn.Sequential(nn.Dense(1, 8, rng=rng), nn.Dropout(0.5, rng=rng), nn.Dense(8, 1, rng=rng))
        trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.01), batch_size=8, seed=rng, augment=Watched())
        results.append(trainer.fit(x, y, epochs=3).columns["loss"])
    assert results[0] == results[1]
    assert threads_seen == {threading.current_thread()}


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["augment", "step"])
def test_no_thread_is_left_when_an_augmented_training_ends_early(
    error: type[BaseException], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nn.set_threads(2)
    calls = iter(range(5))
    inner = Jitter()

    def fail(*_: Any) -> Any:
        if next(calls, None) is None:
            raise error("broken")
        return inner(*_) if place == "augment" else None

    trainer = trainer_of(augment=fail if place == "augment" else inner)
    if place == "step":
        monkeypatch.setattr(trainer.optimizer, "step", fail)
    if error is KeyboardInterrupt:
        assert trainer.fit(*rows(), epochs=60).stopped == "interrupted by the user"
    else:
        with pytest.raises(OSError, match="broken") as raised:
            trainer.fit(*rows(), epochs=60)
        assert [entry.name for entry in raised.traceback][-1] == "fail"
    assert not [thread for thread in threading.enumerate() if "augment" in thread.name]


@pytest.mark.usefixtures("_threads")
def test_a_time_limit_ends_an_augmented_epoch_in_the_middle() -> None:
    nn.set_threads(2)
    history = trainer_of(augment=Jitter()).fit(*rows(), epochs=60, time_limit=1e-9)
    assert history.stopped == "time limit of 1e-09 s reached"
    assert history.columns["images"] == [8]
    assert not [thread for thread in threading.enumerate() if "augment" in thread.name]


def test_augmented_rows_may_have_other_shapes_than_the_rows_given() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 6, 6, 1), dtype=np.float32), rng.random((20, 6), dtype=np.float32)
    model = nn.Sequential(nn.Flatten(), nn.Dense(9, 2, rng=0))
    trainer = nn.Trainer(
        model, nn.MSELoss(), nn.SGD(model, lr=0.1), batch_size=8,
        augment=lambda x, y, generator: (x[:, :3, :3].copy(), y[:, :2].copy()),
    )  # fmt: skip
    history = trainer.fit(x, y, validation=(x[:5, :3, :3].copy(), y[:5, :2].copy()), epochs=2)
    assert history.columns["images"] == [20, 20]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[:0], y[:0]), "without rows"),
        (lambda x, y: (x, y[:-1]), "expected one row of y for each of x"),
        (lambda x, y: (x.astype(np.float64), y), r"x of float64, expected the model's float32; use x.astype"),
        (lambda x, y: (x, y.astype(np.float64)), r"y of float64, expected the model's float32; use y.astype"),
        (lambda x, y: (np.where(x > 0.9, np.float32(np.nan), x), y), "x with 2 of 20 values NaN or infinite"),
        (lambda x, y: (np.where(x > 0.9, np.float32(np.inf), x), y), "x with 2 of 20 values NaN or infinite"),
        (lambda x, y: (x, y + np.float32(np.inf)), "y with infinite values"),
        (lambda x, y: (x, y * np.float32(np.nan)), "y of NaN only"),
        (lambda x, y: (x.tolist(), y), "expected NumPy arrays"),
    ],
)
@pytest.mark.parametrize("place", ["training", "validation"])
def test_refuses_data_before_it_trains(change: Any, message: str, place: str) -> None:
    x, y = rows()
    trainer = trainer_of()
    wrong = change(x, y)
    training, validation = (wrong, None) if place == "training" else ((x, y), wrong)
    with pytest.raises(ValueError, match=message):
        trainer.fit(*training, validation=validation, epochs=1)
    assert seen_by(trainer) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "got epochs=0"),
        ({"epochs": 1.5}, "got epochs=1.5"),
        ({"epochs": 1, "patience": 0}, "got patience=0"),
        ({"epochs": 1, "time_limit": 0}, "got time_limit=0, expected seconds > 0"),
        ({"epochs": 1, "time_limit": math.nan}, "got time_limit=nan"),
    ],
)
def test_refuses_numbers_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trainer_of().fit(*rows(), **arguments)


def test_refuses_wrong_parts() -> None:
    model, other = nn.Sequential(nn.Dense(1, 1, rng=0)), nn.Sequential(nn.Dense(1, 1, rng=0))
    optimizer, loss = nn.SGD(model, lr=0.1), nn.MSELoss()
    with pytest.raises(ValueError, match="got batch_size=0"):
        nn.Trainer(model, loss, optimizer, batch_size=0)
    with pytest.raises(ValueError, match=r"got lr=0.1, expected a schedule or None; try constant\(0.1\)"):
        nn.Trainer(model, loss, optimizer, lr=0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got an optimizer of another model"):
        nn.Trainer(other, loss, optimizer)
    with pytest.raises(ValueError, match="got a momentum schedule for Adam"):
        nn.Trainer(model, loss, nn.Adam(model), momentum=schedules.constant(0.9))
    for name in ("loss", "average_validation_loss"):
        with pytest.raises(ValueError, match=f"got a metric named '{name}'"):
            nn.Trainer(model, loss, optimizer, metric=nn.Metric(name, "", mean_error))
    for average in (0, 1.0, True):
        with pytest.raises(ValueError, match=f"Trainer: got average={average}, expected a finite number > 0 and < 1"):
            nn.Trainer(model, loss, optimizer, average=average)
    for clip_norm in (0, -1.0, math.inf):
        with pytest.raises(ValueError, match=f"got clip_norm={clip_norm}, expected a finite number"):
            nn.Trainer(model, loss, optimizer, clip_norm=clip_norm)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("file", "progress", "drawn"),
    [(io.StringIO, None, False), (Terminal, None, True), (Terminal, False, False), (io.StringIO, True, True)],
)
def test_progress_bar_only_on_a_terminal_unless_told(
    file: Any, progress: bool | None, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = file()
    monkeypatch.setattr(sys, "stderr", stderr)
    trainer_of(progress=progress).fit(*rows(), epochs=2)
    assert bool(stderr.getvalue()) == drawn


@pytest.mark.parametrize("time_limit", [None, 60.0])
def test_progress_bar_shows_what_it_should_in_80_columns(
    time_limit: float | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    trainer = trainer_of(metric=nn.Metric("mean_error", "px", lambda prediction, target: 2.3))
    x, y = rows()
    trainer.fit(x, y, validation=(x, y), epochs=12, time_limit=time_limit)
    lines = stderr.getvalue().replace("\r", "\n").splitlines()
    assert max(map(len, lines)) < 80
    last = next(line for line in reversed(lines) if line.strip())
    for part in ("epoch 12/12", "loss 0.", "2.3 px", "images/s", "00:00 left"):
        assert part in last
    assert stderr.getvalue().endswith("\n")
    assert capsys.readouterr().out == ""


def test_progress_bar_shows_the_averaged_score(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr, scores = Terminal(), iter([2.3, 4.5] * 3)  # live, averaged
    monkeypatch.setattr(sys, "stderr", stderr)
    trainer = trainer_of(metric=nn.Metric("mean_error", "px", lambda prediction, target: next(scores)), average=0.9)
    trainer.fit(*rows(), validation=rows(), epochs=3)
    assert ", 4.5 px, " in stderr.getvalue()
    assert "2.3 px" not in stderr.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_progress_bar_on_a_pseudo_terminal_that_says_it_has_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, stderr = os.openpty()
    with os.fdopen(stderr, "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        trainer_of().fit(*rows(), epochs=2)
        os.set_blocking(terminal, False)
        drawn = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(terminal, 4096):
                drawn += chunk
    os.close(terminal)
    assert b"epoch 2/2" in drawn


def test_copies_no_more_than_a_batch() -> None:
    x = np.ones((20_000, 100), np.float32)  # 8 MB
    model = nn.Sequential(nn.Dense(100, 1, rng=0))
    trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.001))
    trainer.fit(x[:128], x[:128, :1].copy(), epochs=1)
    tracemalloc.start()
    trainer.fit(x, x[:, :1].copy(), epochs=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


class SlowAtFirst(nn.Layer):
    """Takes 0.4 s for its first batch, as a layer does whose kernels are compiled, and 5 ms for the others."""

    batches = 0

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        time.sleep(0.005 if self.batches else 0.4)
        self.batches += 1
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy


def test_a_slow_first_batch_takes_nothing_from_the_schedule() -> None:
    """With a time limit, the learning rate would else have risen to its highest before the second step."""
    model = nn.Sequential(SlowAtFirst(), nn.Dense(1, 1, rng=0))
    x = np.ones((600, 1), np.float32)
    seen: list[float] = []

    def record(progress: float) -> float:
        seen.append(progress)
        return 0.001

    trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), batch_size=1, lr=record)
    history = trainer.fit(x, x, epochs=10, time_limit=0.8)
    assert seen[1] < 0.1
    assert max(seen) > 0.9
    assert 0.8 <= history.columns["seconds"][-1] < 2
