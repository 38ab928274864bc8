"""Scoring: which rows are scored, with which weights, and which score decides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.averaging import WeightAverage
from nnscratch.training.scoring import Scoring


def mean_error(prediction: np.ndarray, target: np.ndarray) -> float:
    return float(np.nanmean(np.abs(prediction - target)))


METRIC = nn.Metric("mean_error", "px", mean_error)


def model_of(weight: float) -> nn.Sequential:
    return nn.Sequential(nn.Dense(1, 1, weight_init=f"constant({weight})", rng=0))


@pytest.mark.parametrize(
    ("metric", "validated", "averaged", "names"),
    [
        (None, False, False, []),
        (METRIC, False, True, []),
        (None, True, False, ["validation_loss"]),
        (METRIC, True, False, ["validation_loss", "mean_error"]),
        (None, True, True, ["validation_loss", "average_validation_loss"]),
        (METRIC, True, True, ["validation_loss", "mean_error", "average_validation_loss", "average_mean_error"]),
    ],
)
def test_the_last_column_decides_and_without_validation_the_training_loss(
    metric: nn.Metric | None, validated: bool, averaged: bool, names: list[str]
) -> None:
    model, x = model_of(2), np.ones((4, 1), np.float32)
    average = WeightAverage(model, 0.9) if averaged else None
    scoring = Scoring(model, nn.MSELoss(), metric, (x, x) if validated else None, average)
    assert scoring.names == list(scoring.scores()) == names
    history = scoring.new_history()
    assert history.names == ["epoch", "loss", *names, "lr", "seconds", "images", "images_per_second"]
    assert history.score == (names[-1] if names else "loss")


def test_live_and_averaged_scores_and_the_averaged_ones_are_shown() -> None:
    model, x = model_of(2), np.ones((4, 1), np.float32)
    scoring = Scoring(model, nn.MSELoss(), METRIC, (x, 3 * x), WeightAverage(model, 0.9))
    model.layers[0].params["weight"][:] = 5  # the average, without an update, is 2
    assert scoring.scores() == {
        "validation_loss": 4.0, "mean_error": 2.0, "average_validation_loss": 1.0, "average_mean_error": 1.0,
    }  # fmt: skip
    assert scoring.shown == {"validation_loss": 1.0, "mean_error": 1.0}
    assert model.layers[0].params["weight"].item() == 5


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize("place", ["live", "averaged"])
def test_stops_weights_that_are_not_finite(place: str, validated: bool) -> None:
    model, x = model_of(2), np.ones((4, 1), np.float32)
    average = WeightAverage(model, 0.9)
    scoring = Scoring(model, nn.MSELoss(), None, (x, x) if validated else None, average)
    broken = model.layers[0].params["weight"] if place == "live" else average.parameters[0]
    broken[:] = np.inf
    with pytest.raises(nn.NotFiniteError), np.errstate(invalid="ignore"):
        scoring.scores()


def test_stops_a_loss_that_overflows() -> None:
    model, x = model_of(1e38), np.full((4, 1), 100, np.float32)
    scoring = Scoring(model, nn.MSELoss(), None, (x, x), None)
    with pytest.raises(nn.NotFiniteError), np.errstate(over="ignore"):
        scoring.scores()


def test_a_training_scores_the_validation_rows_without_dropout(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    trainer = trainer_of(metric=METRIC)
    history = trainer.fit(x, y, validation=(x[:5], y[:5]), epochs=1)
    assert trainer.seen[-1] == (x[:5, 0].tolist(), False)
    prediction = trainer.model.predict(x[:5])
    assert history.best["mean_error"] == pytest.approx(mean_error(prediction, y[:5]))
    assert history.best["validation_loss"] == pytest.approx(np.square(prediction - y[:5]).mean())


def test_a_training_with_average_scores_live_and_averaged_weights(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    trainer = trainer_of(metric=METRIC, average=0.6)
    live: list[tuple[float, float]] = []

    def score(trainer: Any, history: nn.History) -> None:
        prediction = trainer.model.predict(x[:5])
        live.append((float(np.square(prediction - y[:5]).mean()), mean_error(prediction, y[:5])))

    history = trainer.fit(x, y, validation=(x[:5], y[:5]), epochs=3, callbacks=[score], keep_best=False)
    assert history.columns["validation_loss"] == pytest.approx([loss for loss, _ in live])
    assert history.columns["mean_error"] == pytest.approx([error for _, error in live])
    prediction = trainer.model.predict(x[:5])  # now by the averaged weights
    assert history.columns["average_mean_error"][-1] == pytest.approx(mean_error(prediction, y[:5]))
    assert history.columns["average_validation_loss"][-1] == pytest.approx(np.square(prediction - y[:5]).mean())
    assert history.columns["average_mean_error"][-1] != history.columns["mean_error"][-1]


def test_the_metric_decides_which_epoch_is_best(trainer_of: Any, rows: Any, given_scores: Any) -> None:
    x, y = rows()
    history = trainer_of(metric=given_scores(3.0, 1.0, 2.0)).fit(x, y, validation=(x, y), epochs=3)
    assert history.best_epoch == 2
    assert np.argmin(history.columns["validation_loss"]) == 2


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8, 20])
@pytest.mark.parametrize("labelled", [slice(None, None, 2), slice(0, 1), slice(7, None)])
def test_errors_of_1_are_a_loss_of_1_whatever_is_labelled(
    batch_size: int, labelled: slice, trainer_of: Any, rows: Any
) -> None:
    """At rate 0 all epochs are alike, and the first one is the best."""
    trainer = trainer_of(lr=0.0, batch_size=batch_size)
    trainer.dense.params["weight"][:] = 0
    x, y = rows()[0], np.full((20, 1), np.nan, np.float32)
    y[labelled] = 1
    history = trainer.fit(x, y, validation=(x, y), epochs=4)
    assert history.columns["loss"] == history.columns["validation_loss"] == [1.0] * 4
    assert history.best_epoch == 1


def test_a_loss_that_does_not_say_its_labels_counts_rows(trainer_of: Any, rows: Any) -> None:
    class SumOfErrors:
        def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
            return float(len(target))

        def backward(self) -> np.ndarray:
            return np.zeros((8, 1), np.float32)

    trainer = trainer_of(batch_size=8)
    trainer.loss = SumOfErrors()
    assert trainer.fit(*rows(24), epochs=1).columns["loss"] == [8.0]


def test_an_epoch_without_any_label_has_no_loss(trainer_of: Any, rows: Any) -> None:
    epochs = iter([np.nan, np.nan, 0.0, 0.0, np.nan, np.nan])
    trainer = trainer_of(batch_size=10, augment=lambda x, y, rng: (x, y + np.float32(next(epochs))))
    history = trainer.fit(*rows(), epochs=3)
    assert [math.isnan(loss) for loss in history.columns["loss"]] == [True, False, True]
    assert (history.best_epoch, history.outcome) == (2, nn.Outcome.ALL_EPOCHS)


@pytest.mark.parametrize("averaged", [None, 0.5])
def test_a_metric_that_is_better_when_higher(averaged: float | None, trainer_of: Any, rows: Any) -> None:
    given = [0.1, 0.5, 0.9, 0.9, 0.2, 0.3, 0.4]
    scores = iter(np.repeat(given, 1 if averaged is None else 2).tolist())
    metric = nn.Metric("R2", "", lambda prediction, target: next(scores), higher_is_better=True)
    trainer, weights = trainer_of(metric=metric, average=averaged), list[float]()

    def note(trainer: Any, history: nn.History) -> None:
        weights.append(trainer.weight)

    x, y = rows()
    history = trainer.fit(x, y, validation=(x, y), epochs=7, patience=3, callbacks=[note])
    assert history.stopped == "no better for 3 epochs"
    assert (history.best_epoch, history.best["R2"], len(history)) == (3, 0.9, 6)
    if averaged is None:
        assert trainer.weight == weights[2]
