"""Following: schedules of progress, of the epoch and of the step; the wrong kind is noticed."""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest

import nnscratch as nn
from nnscratch.optimizers import schedules


def rates(trainer: Any, data: Any, **arguments: Any) -> list[float]:
    """The learning rate of every step."""
    step, seen = trainer.optimizer.step, []

    def recorded() -> None:
        seen.append(trainer.optimizer.lr)
        step()

    trainer.optimizer.step = recorded
    trainer.fit(*data, **arguments)
    return seen


def tenths(number: int) -> float:
    return 0.1 / (1 + number)


def test_by_epoch_and_by_step_are_exact(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of(lr=schedules.by_epoch(tenths))
    assert rates(trainer, rows(20), epochs=3) == [tenths(0)] * 3 + [tenths(1)] * 3 + [tenths(2)] * 3
    trainer = trainer_of(lr=schedules.by_step(tenths))
    assert rates(trainer, rows(20), epochs=2) == [tenths(k) for k in range(6)]


def test_a_time_limit_hurries_neither(trainer_of: Any, rows: Any, clock: Any) -> None:
    clock.tick = 1.0
    for schedule, steps in ((schedules.by_epoch(tenths), 3), (schedules.by_step(tenths), 1)):
        seen = rates(trainer_of(lr=schedule), rows(20), epochs=1000, time_limit=200)
        assert 6 < len(seen) < 100
        assert seen == [tenths(k // steps) for k in range(len(seen))]


def test_each_fit_counts_anew(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of(lr=schedules.by_epoch(tenths))
    assert rates(trainer, rows(8), epochs=2) == [tenths(0), tenths(1)]
    assert rates(trainer, rows(8), epochs=2) == [tenths(0), tenths(1)]


def test_on_a_stream_too(trainer_of: Any, rows: Any) -> None:
    x, y = rows(8)
    stream = nn.Stream([(x[:4], y[:4]), (x[4:], y[4:])])
    assert rates(trainer_of(lr=schedules.by_epoch(tenths)), [stream], epochs=2) == [0.1, 0.1, 0.05, 0.05]
    assert rates(trainer_of(lr=schedules.by_step(tenths)), [stream], epochs=2) == [tenths(k) for k in range(4)]


def test_momentum_too(trainer_of: Any, rows: Any) -> None:
    seen: list[float] = []
    trainer = trainer_of(momentum=schedules.by_epoch(lambda epoch: [0.1, 0.9][epoch]))
    trainer.fit(*rows(8), epochs=2, callbacks=[lambda trainer, history: seen.append(trainer.optimizer.momentum)])
    assert seen == [0.1, 0.9]


def test_a_checkpoint_goes_on_in_the_right_epoch(trainer_of: Any, rows: Any, tmp_path: Any, numbers: Any) -> None:
    def fit(**arguments: Any) -> nn.History:
        history: nn.History = trainer_of(lr=schedules.by_epoch(tenths)).fit(*rows(20), epochs=3, **arguments)
        return history

    def stop(trainer: Any, history: nn.History) -> None:
        if len(history) == 2:
            raise KeyboardInterrupt

    path = tmp_path / "run.npz"
    assert fit(checkpoint=path, callbacks=[stop]).outcome is nn.Outcome.INTERRUPTED
    assert numbers(fit(checkpoint=path)) == numbers(fit())


def keras_like(epoch: int, lr: float) -> float:
    return lr * 0.9


def halved(e: float) -> float:
    return 0.1 * 0.5 ** (e // 10)


class Warmup:
    def __call__(self, step: int) -> float:
        return 0.1

    def of(self, current_epoch: int) -> float:
        return 0.1


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (lambda epoch: 0.1 * 0.95**epoch, r"got lr=<lambda>\(epoch\), expected a function of the progress.*by_epoch"),
        (lambda step: 0.1, r"expected a function of the progress.*write schedules.by_step\(...\)"),
        (lambda epochs_done: 0.1, "by_epoch"),
        (lambda global_step: 0.1, "by_step"),
        (lambda epoch, decay=0.9: 0.1 * decay**epoch, "by_epoch"),
        (Warmup(), r"got lr=Warmup\(step.*by_step"),
        (Warmup().of, r"by_epoch"),
        (functools.partial(lambda rate, epoch: rate, 0.1), "by_epoch"),
        (keras_like, r"got lr=keras_like\(epoch.*, expected a function of one number, .*by_epoch"),
        (lambda: 0.1, "expected a function of one number"),
        (lambda *, progress: 0.1, "expected a function of one number"),
        (halved, "which compares e with 10, expected a function of the progress"),
        (lambda e: 0.1 if e < 5 else 0.01, "compares e with 5"),
        (lambda t: 0.1 if t % 2 == 0 else 0.01, "compares t with 2"),
        (lambda e: 0.1 * 0.95**e, r"falls as 0.95 \*\* e, by next to nothing from 0 to 1, expected"),
        (schedules.by_epoch(keras_like), "got lr=keras_like.*, expected a function of one number; write"),
        (schedules.linear, "got the class linear as lr, expected an object of it"),
        ([0.1, 0.01], r"got lr=\[0.1, 0.01\], expected a schedule or None; write schedules.by_epoch"),
        ({0: 0.1}, "write schedules.by_epoch"),
        (0.1, r"got lr=0.1, expected a schedule or None; try constant\(0.1\)"),
    ],
)
def test_a_function_that_counts_is_told_where_to_go(schedule: Any, message: str) -> None:
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    with pytest.raises(ValueError, match=f"^Trainer: .*{message}"):
        nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), lr=schedule)


@pytest.mark.parametrize(
    "schedule",
    [
        lambda progress: 0.1 * (1 - progress),
        lambda p: 0.1 if p < 0.5 else 0.01,
        lambda p: 0.1 if p <= 1 else 0.0,
        lambda share, *rest: 0.1 * 2 ** -(share * 10 // 2),
        lambda p: 0.1 * 0.01**p,
        math.cos,
        schedules.cosine(0.1, 0.01),
        functools.partial(max, 0.01),
    ],
)
def test_functions_of_progress_are_fine(schedule: Any) -> None:
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), lr=schedule)


def test_no_schedule_is_called_before_the_training() -> None:
    def never(progress: float) -> float:
        raise AssertionError

    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), lr=never)


@pytest.mark.parametrize("value", [math.nan, -1.0, None, "0.1"])
def test_a_value_that_is_no_rate_is_an_error(value: Any, trainer_of: Any, rows: Any) -> None:
    with pytest.raises(ValueError, match="SGD: got lr="):
        trainer_of(lr=schedules.by_epoch(lambda epoch: value)).fit(*rows(), epochs=1)
