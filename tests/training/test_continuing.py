"""Continuing: what a second fit, another trainer and a callback see of the first fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def test_the_best_of_the_first_fit_stays_the_best(trainer_of: Any, rows: Any, given_scores: Any) -> None:
    trainer = trainer_of(metric=given_scores(3.0, 1.0, 2.0, 5.0, 4.0))
    first = trainer.fit(*rows(), validation=rows(), epochs=3)
    best = trainer.weight
    second = trainer.fit(*rows(), validation=rows(), epochs=2, continue_from=first)
    assert second.columns["epoch"] == [1, 2, 3, 4, 5]
    assert second.columns["given"] == [3, 1, 2, 5, 4]
    assert (second.best_epoch, len(first)) == (2, 3)
    assert trainer.weight == best  # and not that of epoch 5
    assert second.stopped == "all 2 epochs done"


def test_a_better_epoch_of_the_second_fit_is_kept(trainer_of: Any, rows: Any, given_scores: Any) -> None:
    trainer, weights = trainer_of(metric=given_scores(3.0, 2.0, 1.0, 4.0)), []
    first = trainer.fit(*rows(), validation=rows(), epochs=2)
    keep = [lambda trainer, history: weights.append(trainer.weight)]
    second = trainer.fit(*rows(), validation=rows(), epochs=2, continue_from=first, callbacks=keep)
    assert second.best_epoch == 3
    assert trainer.weight == weights[0]


def test_patience_counts_over_both(trainer_of: Any, rows: Any, given_scores: Any) -> None:
    trainer = trainer_of(metric=given_scores(1.0, 2.0, 3.0, 4.0, 5.0))
    first = trainer.fit(*rows(), validation=rows(), epochs=3)
    second = trainer.fit(*rows(), validation=rows(), epochs=9, patience=4, continue_from=first)
    assert (len(second), second.outcome) == (5, nn.Outcome.NO_BETTER)


def test_diverging_later_leaves_the_first_fits_best(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of()
    first = trainer.fit(*rows(), epochs=3)
    best = trainer.weight
    trainer.optimizer.lr = 1e30
    second = trainer.fit(*rows(), epochs=3, continue_from=first)
    assert second.outcome is nn.Outcome.DIVERGED
    assert trainer.weight == best
    trainer.optimizer.lr = 0.1
    assert len(trainer.fit(*rows(), epochs=1, continue_from=second)) == len(second) + 1


def test_from_a_file_in_another_session(trainer_of: Any, rows: Any, tmp_path: Path) -> None:
    trainer = trainer_of()
    trainer.fit(*rows(), epochs=2).save_csv(tmp_path / "history.csv")
    again = trainer_of()
    again.model.put_back(trainer.model.copy_parameters())
    earlier = nn.History.load_csv(tmp_path / "history.csv")
    assert len(again.fit(*rows(), epochs=1, continue_from=earlier)) == 3


def test_with_a_checkpoint_it_goes_on_bit_for_bit(trainer_of: Any, rows: Any, tmp_path: Path, numbers: Any) -> None:
    def twice(path: Path | None, stop: bool) -> Any:
        trainer = trainer_of(average=0.9)
        first = trainer.fit(*rows(20), epochs=2)

        def interrupt(trainer: nn.Trainer, history: nn.History) -> None:
            if stop and len(history) == 4:
                raise KeyboardInterrupt

        second = trainer.fit(*rows(20), epochs=3, continue_from=first, checkpoint=path, callbacks=[interrupt])
        return numbers(second), second.outcome, trainer.weight

    path = tmp_path / "run.npz"
    assert twice(path, True)[1] is nn.Outcome.INTERRUPTED
    assert twice(path, False) == twice(None, False)
    with pytest.raises(ValueError, match="the checkpoint of another training, with continue_from"):
        trainer_of(average=0.9).fit(*rows(20), epochs=3, checkpoint=path)


@pytest.mark.parametrize("earlier", [3, "history.csv", True, nn.History(["epoch", "loss"], score="loss")])
def test_what_is_no_history_of_an_earlier_fit(earlier: Any, trainer_of: Any, rows: Any) -> None:
    with pytest.raises(ValueError, match="fit: got continue_from=.*, expected the History of an earlier fit"):
        trainer_of().fit(*rows(), epochs=1, continue_from=earlier)


def test_another_kind_of_history(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of()
    first = trainer.fit(*rows(), epochs=1)
    with pytest.raises(ValueError, match="fit: got a history of epoch, loss, .*judged by loss, expected .*validation"):
        trainer.fit(*rows(), epochs=1, validation=rows(), continue_from=first)


def test_a_model_without_the_best_weights_is_refused(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of()
    last = trainer.fit(*rows(), epochs=2, keep_best=False)
    with pytest.raises(ValueError, match="fit: got a model with other weights than those of the best epoch, 2"):
        trainer.fit(*rows(), epochs=1, continue_from=last)
    assert len(trainer.fit(*rows(), epochs=1, continue_from=last, keep_best=False)) == 3
    best = trainer.fit(*rows(), epochs=2)
    trainer.dense.params["weight"] += 1
    with pytest.raises(ValueError, match="expected the weights that a fit with keep_best left; put them back"):
        trainer.fit(*rows(), epochs=1, continue_from=best)


# The rate of another trainer


@pytest.mark.parametrize("ends", ["all", "diverged", "error", "interrupted"])
def test_what_schedules_set_is_put_back(ends: str, trainer_of: Any, rows: Any) -> None:
    rate = nn.schedules.linear(1e30, 1e30) if ends == "diverged" else nn.schedules.linear(0.05, 1e-6)
    trainer = trainer_of(lr=rate, momentum=nn.schedules.linear(0.1, 0.9))

    def breaks(trainer: nn.Trainer, history: nn.History) -> None:
        if ends in ("error", "interrupted"):
            raise OSError("disk") if ends == "error" else KeyboardInterrupt

    if ends == "error":
        with pytest.raises(OSError, match="disk"):
            trainer.fit(*rows(), epochs=2, callbacks=[breaks])
    else:
        trainer.fit(*rows(), epochs=2, callbacks=[breaks])
    assert (trainer.optimizer.lr, trainer.optimizer.momentum) == (0.1, 0.5)


def test_another_trainer_begins_with_the_optimizers_own_rate(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of(lr=nn.schedules.linear(0.05, 1e-6))
    assert trainer.fit(*rows(), epochs=2).columns["lr"][-1] == pytest.approx(1e-6)
    other = nn.Trainer(trainer.model, nn.MSELoss(), trainer.optimizer, batch_size=8)
    assert other.fit(*rows(), epochs=1).columns["lr"] == [0.1]


def test_what_a_callback_sets_stays(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of()
    trainer.fit(*rows(), epochs=1, callbacks=[lambda trainer, history: setattr(trainer.optimizer, "lr", 0.01)])
    assert trainer.optimizer.lr == 0.01


# The weights that are judged


@pytest.mark.parametrize("average", [None, 0.9])
def test_a_callback_saves_what_is_judged_best(
    average: float | None, trainer_of: Any, rows: Any, tmp_path: Path
) -> None:
    x, y = rows(20)
    path = tmp_path / "best.npz"

    def save_best(trainer: Any, history: nn.History) -> None:
        live = trainer.weight
        with trainer.judged_weights():
            loss = nn.MSELoss().forward(trainer.model.predict(x), y)
            assert loss == history.columns[history.score][-1]
            if history.best_epoch == len(history):
                np.savez(path, weight=trainer.weight)
        assert trainer.weight == live

    trainer = trainer_of(average=average)
    trainer.fit(x, y, epochs=4, validation=(x, y), callbacks=[save_best])
    assert float(np.load(path)["weight"]) == trainer.weight


def test_judged_weights_after_each_step_at_the_end_and_outside(trainer_of: Any, rows: Any, live_weights: Any) -> None:
    trainer = trainer_of(average=0.9)
    live, seen = live_weights(trainer), []

    class Watch(nn.Callback):
        def after_step(self, trainer: Any, history: nn.History, step: Any) -> None:
            with trainer.judged_weights():
                seen.append(trainer.weight)

        def end(self, trainer: Any, history: nn.History) -> None:
            before = trainer.weight
            with trainer.judged_weights():
                assert trainer.weight == before

    trainer.fit(*rows(20), epochs=1, callbacks=[Watch()])
    assert seen == pytest.approx([live.average(k, 0.9) for k in (1, 2, 3)])
    before = trainer.weight
    with trainer.judged_weights():
        assert trainer.weight == before
