"""Callbacks: the four moments, what answers mean, and what an error in each of them does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn


class Told(nn.Callback):
    """Writes down what it was told, and answers as it was told to.

    answers : moment -> what to return, or an error to raise
    """

    def __init__(self, name: str = "", said: list[Any] | None = None, **answers: Any) -> None:
        self.name, self.answers = name, answers
        self.said: list[Any] = [] if said is None else said

    def _say(self, moment: str, *what: Any) -> Any:
        self.said.append((self.name + moment, *what))
        answer = self.answers.get(moment)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def begin(self, trainer: nn.Trainer, history: nn.History) -> None:
        self._say("begin", len(history))

    def after_step(self, trainer: nn.Trainer, history: nn.History, step: Any) -> Any:
        return self._say("step", step.number, step.epoch, step.rows)

    def after_epoch(self, trainer: nn.Trainer, history: nn.History) -> Any:
        return self._say("epoch", len(history))

    def end(self, trainer: nn.Trainer, history: nn.History) -> None:
        self._say("end", history.outcome)


def test_the_moments_of_a_training(trainer_of: Any, rows: Any) -> None:
    told = Told()
    trainer_of().fit(*rows(20), epochs=2, callbacks=[told])
    assert told.said == [
        ("begin", 0),
        ("step", 1, 1, 8), ("step", 2, 1, 8), ("step", 3, 1, 4), ("epoch", 1),
        ("step", 4, 2, 8), ("step", 5, 2, 8), ("step", 6, 2, 4), ("epoch", 2),
        ("end", nn.Outcome.ALL_EPOCHS),
    ]  # fmt: skip


def test_a_step_is_told_with_its_numbers(trainer_of: Any, rows: Any) -> None:
    class Steps(nn.Callback):
        seen: list[Any] = []  # noqa: RUF012

        def after_step(self, trainer: nn.Trainer, history: nn.History, step: Any) -> None:
            self.seen.append((step, trainer.optimizer.lr, trainer.optimizer.steps))

    x, y = rows(20)
    y[:10] = np.nan
    history = trainer_of(lr=nn.schedules.linear(0.2, 0.1)).fit(x, y, epochs=1, callbacks=[Steps()])
    assert [step.lr for step, _, _ in Steps.seen] == [lr for _, lr, _ in Steps.seen]
    assert [steps for _, _, steps in Steps.seen] == [1, 2, 3]
    assert sum(step.labels for step, _, _ in Steps.seen) == 10
    mean = sum(step.loss * step.labels for step, _, _ in Steps.seen) / 10
    assert history.columns["loss"] == [pytest.approx(mean)]


def test_all_are_called_in_their_order(trainer_of: Any, rows: Any) -> None:
    said: list[Any] = []
    callbacks = [Told("a ", said), lambda trainer, history: said.append("function"), Told("b ", said)]
    trainer_of().fit(*rows(8), epochs=1, callbacks=callbacks)
    assert [entry if isinstance(entry, str) else entry[0] for entry in said] == [
        *["a begin", "b begin", "a step", "b step", "a epoch", "function", "b epoch"],
        *["a end", "b end"],
    ]


class Stop(nn.Callback):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def after_epoch(self, trainer: nn.Trainer, history: nn.History) -> Any:
        return self.answer if len(history) == 2 else None


@pytest.mark.parametrize(("answer", "reason"), [(True, None), (np.True_, None), ("that will do", "that will do")])
def test_a_reason_to_stop(answer: Any, reason: str | None, trainer_of: Any, rows: Any) -> None:
    def enough(trainer: nn.Trainer, history: nn.History) -> Any:
        return Stop(answer).after_epoch(trainer, history)

    for callback, name in ((Stop(answer), "Stop"), (enough, "enough")):
        history = trainer_of().fit(*rows(), epochs=9, callbacks=[callback])
        assert (len(history), history.outcome) == (2, nn.Outcome.ASKED)
        assert history.stopped == (reason or f"stopped by {name}")


@pytest.mark.parametrize("answer", [None, False, np.False_, ""])
def test_no_reason_to_stop(answer: Any, trainer_of: Any, rows: Any) -> None:
    assert trainer_of().fit(*rows(), epochs=3, callbacks=[Stop(answer)]).stopped == "all 3 epochs done"


@pytest.mark.parametrize("answer", [1, 0, 0.5, [], ["why"], nn.Outcome.ASKED, np.float32(1)])
def test_anything_else_is_an_error(answer: Any, trainer_of: Any, rows: Any) -> None:
    with pytest.raises(ValueError, match="^fit: got .* from the callback Stop, expected a reason to stop as text"):
        trainer_of().fit(*rows(), epochs=3, callbacks=[Stop(answer)])


def test_a_step_ends_its_epoch_which_is_scored(trainer_of: Any, rows: Any) -> None:
    told = Told(step="enough")
    history = trainer_of().fit(*rows(20), epochs=9, validation=rows(20), callbacks=[told])
    assert (history.outcome, history.stopped) == (nn.Outcome.ASKED, "enough")
    assert history.columns["images"] == [8]
    assert np.isfinite(history.columns["validation_loss"]).all()
    assert [entry[0] for entry in told.said] == ["begin", "step", "epoch", "end"]


@pytest.mark.parametrize("moment", ["begin", "step", "epoch", "end"])
@pytest.mark.parametrize("error", [OSError("disk"), nn.NotFiniteError("of the callback's own")], ids=["os", "nan"])
def test_an_error_is_raised_when_all_that_began_have_ended(
    moment: str, error: Exception, trainer_of: Any, rows: Any, tmp_path: Path
) -> None:
    said: list[Any] = []
    callbacks = [Told("a ", said), Told("b ", said, **{moment: error}), Told("c ", said)]
    trainer = trainer_of()
    optimizer_reset = trainer.optimizer.reset
    trainer.optimizer.reset = lambda: said.append("reset") or optimizer_reset()
    with pytest.raises(type(error)) as raised:
        trainer.fit(*rows(8), epochs=2, callbacks=callbacks)
    assert raised.value is error
    assert "reset" not in said
    ended = [entry for entry in said if entry[0].endswith("end")]
    outcome = nn.Outcome.ALL_EPOCHS if moment == "end" else None
    names = ["a", "b"] if moment == "begin" else ["a", "b", "c"]
    assert ended == [(f"{name} end", outcome) for name in names]


def test_after_an_error_the_best_weights_are_put_back_and_the_checkpoint_goes_on(
    trainer_of: Any, rows: Any, tmp_path: Path, numbers: Any
) -> None:
    x, y = rows(20)

    def breaks(trainer: nn.Trainer, history: nn.History) -> None:
        if len(history) == 3:
            raise OSError("disk")

    path, trainer, kept = tmp_path / "run.npz", trainer_of(), []
    watched = [lambda trainer, history: kept.append((history.best_epoch, trainer.weight)) and None, breaks]
    with pytest.raises(OSError, match="disk"):
        trainer.fit(x, y, epochs=5, checkpoint=path, callbacks=watched)
    assert trainer.weight == next(weight for epoch, (best, weight) in enumerate(kept, 1) if epoch == kept[-1][0])
    assert numbers(trainer_of().fit(x, y, epochs=5, checkpoint=path)) == numbers(trainer_of().fit(x, y, epochs=5))


def test_ctrl_c_in_a_callback_is_ctrl_c(trainer_of: Any, rows: Any) -> None:
    for moment in ("begin", "step", "epoch"):
        told = Told(**{moment: KeyboardInterrupt()})
        assert trainer_of().fit(*rows(8), epochs=2, callbacks=[told]).outcome is nn.Outcome.INTERRUPTED
        assert told.said[-1] == ("end", nn.Outcome.INTERRUPTED)


def test_the_end_sees_what_the_fit_leaves(trainer_of: Any, rows: Any) -> None:
    class Last(nn.Callback):
        weight = 0.0

        def end(self, trainer: Any, history: nn.History) -> None:
            Last.weight = trainer.weight

    trainer = trainer_of(average=0.9)
    trainer.fit(*rows(20), epochs=3, callbacks=[Last()])
    assert Last.weight == trainer.weight


def test_it_begins_where_a_checkpoint_left(trainer_of: Any, rows: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    stopped = Told(step=None)
    calls = iter(range(2))

    def twice(trainer: nn.Trainer, history: nn.History) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    trainer_of().fit(*rows(8), epochs=4, checkpoint=path, callbacks=[twice])
    trainer_of().fit(*rows(8), epochs=4, checkpoint=path, callbacks=[stopped])
    assert stopped.said[:2] == [("begin", 2), ("step", 3, 3, 8)]


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([Stop], r"got the class Stop in callbacks, expected an object of it; write callbacks=\[Stop\(...\)\]"),
        (Stop(None), r"got callbacks=<.*, expected a list of callbacks and functions; write callbacks=\[Stop\]"),
        ([object()], "got callbacks=.*; leave it out for none; others derive from nn.Callback"),
        (3, "got callbacks=3, expected a list"),
        ([lambda history: None], r"got the callback <lambda>\(history\), expected a function \(trainer, history\)"),
        ([lambda: None], "got the callback <lambda>"),
    ],
)
def test_what_is_no_list_of_callbacks(callbacks: Any, message: str, trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of()
    with pytest.raises(ValueError, match=f"^fit: {message}"):
        trainer.fit(*rows(), epochs=1, callbacks=callbacks)
    assert trainer.seen == []
