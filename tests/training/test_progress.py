"""Progress: the clock of a fit, and the line on the terminal."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import os
import re
import subprocess
import sys
import threading
from typing import Any

import pytest

import nnscratch as nn
from nnscratch.optimizers import schedules
from nnscratch.training.progress import Clock, ProgressBar, StreamClock, progress_line


def test_progress_is_the_share_of_the_images() -> None:
    clock = Clock(40, 1, 10, time_limit=None)
    assert (clock.progress, clock.is_up) == (0, False)
    clock.count(10)
    assert clock.progress == 0.25
    clock.count(40)
    assert (clock.progress, clock.is_up) == (1, False)  # never more


@pytest.mark.parametrize(("rows", "epochs", "batch_size"), [(8, 1, 8), (5, 1, 8), (20, 3, 8), (16, 2, 8), (7, 2, 1)])
def test_steps_go_from_0_to_1_and_images_from_0_to_1(rows: int, epochs: int, batch_size: int) -> None:
    clock, seen = Clock(rows, epochs, batch_size, None), []
    for _ in range(epochs):
        for start in range(0, rows, batch_size):
            seen.append((clock.progress_of_step, clock.progress))
            clock.count(min(batch_size, rows - start))
    last = max(1, len(seen) - 1)
    assert [step for step, _ in seen] == [k / last for k in range(len(seen))]
    assert [progress for _, progress in seen] == sorted({progress for _, progress in seen})
    assert (clock.progress, clock.progress_of_step) == (1, 1)


@pytest.mark.parametrize(("per_epoch", "joined", "steps"), [(3, 1, 3), (3, 2, 2), (None, 1, 3)])
def test_the_clock_of_a_stream_counts_steps_and_epochs(per_epoch: int | None, joined: int, steps: int) -> None:
    clock, seen = StreamClock(per_epoch, 2, joined, None), []
    for epoch in range(2):
        for _ in range(steps):
            seen.append((clock.epoch, clock.step, clock.progress))
            clock.count(5)
        assert not clock.is_over
        clock.end_epoch()
        assert clock.progress == (epoch + 1) / 2
    assert clock.is_over
    assert [epoch for epoch, _, _ in seen] == [0] * steps + [1] * steps
    assert [step for _, step, _ in seen] == list(range(2 * steps))
    if per_epoch:
        assert [progress for _, _, progress in seen] == pytest.approx([k / (2 * steps) for k in range(2 * steps)])


def test_the_first_step_is_at_0_even_if_the_time_is_up(clock: Any) -> None:
    watch = Clock(20, 1, 8, time_limit=1)
    clock.now = 2
    assert (watch.is_up, watch.progress_of_step) == (True, 0)
    watch.count(8)
    assert watch.progress_of_step == 1


def test_progress_is_the_share_of_the_time_if_that_is_larger(clock: Any) -> None:
    watch = Clock(1000, 1, 1, time_limit=10)
    watch.count(1)
    clock.now = 2.5
    assert watch.progress == 0.25
    watch.count(499)
    assert watch.progress == 0.5
    clock.now = 10
    assert (watch.progress, watch.is_up, watch.seconds) == (1, True, 10)


def test_the_first_batch_counts_towards_the_limit_but_not_towards_progress(clock: Any) -> None:
    watch = Clock(1000, 1, 1, time_limit=10)
    clock.now = 8  # kernels are compiled
    assert watch.progress == 0
    watch.count(1)
    assert watch.progress == 0.001
    clock.now = 9
    assert watch.progress == 0.5
    clock.now = 10
    assert watch.is_up


@pytest.mark.parametrize("time_limit", [0, -1.0, math.nan, math.inf, "10", True, [5]])
def test_refuses_a_time_limit_out_of_its_range(time_limit: Any) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"fit: got time_limit={time_limit!r}, expected a finite number > 0; give seconds")
    ):
        Clock(10, 1, 1, time_limit)


def test_schedules_go_by_the_share_of_the_time_if_it_is_larger(trainer_of: Any, rows: Any, clock: Any) -> None:
    clock.tick = 1.0
    progress: list[float] = []

    def rate(share: float) -> float:
        progress.append(share)
        return 0.1 * (1 - share)

    trainer_of(lr=rate).fit(*rows(), epochs=1000, time_limit=100)  # time for some 10 epochs of 1000
    assert progress == sorted(progress)
    assert progress[0] < 0.1
    assert progress[-1] > 0.9


SCHEDULES = {  # and the values of the first and the last step
    schedules.constant(0.3): (0.3, 0.3),
    schedules.linear(0.3, 0.01): (0.3, 0.01),
    schedules.cosine(0.3, 0.01): (0.3, 0.01),
    schedules.cosine(0.3, 0.0, warmup=0.2): (0.003, 0.0),
    schedules.step(0.4, 0.5, 0.25): (0.4, 0.05),
}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize(("count", "epochs"), [(8, 1), (5, 1), (16, 1), (9, 1), (8, 5), (20, 4)])
def test_the_first_and_the_last_step_have_the_values_of_the_schedule(
    schedule: Any, count: int, epochs: int, trainer_of: Any, rows: Any
) -> None:
    """One batch in all, two, several epochs, epochs that end with a smaller batch."""
    trainer = trainer_of(lr=schedule, momentum=schedules.linear(0.5, 0.9))
    step, seen = trainer.optimizer.step, []
    weights = [trainer.weight]

    def recorded() -> None:
        seen.append((trainer.optimizer.lr, trainer.optimizer.momentum))
        step()
        weights.append(trainer.weight)

    trainer.optimizer.step = recorded
    trainer.fit(*rows(count), epochs=epochs)
    steps = epochs * math.ceil(count / 8)
    places = [k / max(1, steps - 1) for k in range(steps)]
    assert seen == [(schedule(place), schedules.linear(0.5, 0.9)(place)) for place in places]
    assert seen[0] == (SCHEDULES[schedule][0], 0.5)
    assert all(before != after for before, after in itertools.pairwise(weights[:-1]))  # each step moves
    assert weights[0] != weights[1]  # also the only one
    if steps > 1:
        assert seen[-1] == pytest.approx((SCHEDULES[schedule][1], 0.9))


def test_a_slow_first_batch_takes_nothing_from_the_schedule(trainer_of: Any, rows: Any, clock: Any) -> None:
    """Otherwise a warm-up of the learning rate would be over before the second step."""
    seen: list[float] = []
    trainer = trainer_of(batch_size=1, lr=lambda progress: seen.append(progress) or 0.001)
    step = trainer.optimizer.step

    def slow_at_first() -> None:
        clock.now += 0.005 if len(seen) > 1 else 0.4  # as a layer whose kernels are compiled
        step()

    trainer.optimizer.step = slow_at_first
    history = trainer.fit(*rows(), epochs=100, time_limit=0.8)
    assert seen[:2] == [0, 1 / 1999]
    assert max(seen) > 0.9
    assert history.columns["seconds"][-1] == pytest.approx(0.8, abs=0.006)


@pytest.mark.parametrize(("on_terminal", "show", "drawn"), [(False, None, False), (True, None, True),
                                                            (True, False, False), (False, True, True)])  # fmt: skip
def test_a_line_only_on_a_terminal_unless_told(
    on_terminal: bool, show: bool | None, drawn: bool, terminal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = terminal() if on_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress_line(8, "level 2", unit="faces", show=show) as line:
        line.update(3)
        line.refresh()
    assert ("level 2, 3 of 8 faces, " in stderr.getvalue()) == drawn == bool(stderr.getvalue())


FITS = """
import os, sys, threading
import numpy as np
import nnscratch as nn
from nnscratch.training.side_by_side import train_together

def trainer(seed, show):
    model = nn.Sequential(nn.Dense(1, 1, rng=seed))
    return nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), progress=show)

def fit(show):
    print(len(trainer(0, show).fit(x, x, epochs=3)), flush=True)

x = np.ones((9, 1), np.float32)
SPOIL
fit(None), fit(True)
thread = threading.Thread(target=fit, args=[None], daemon=True)
thread.start()
thread.join(60)
histories = train_together({name: (trainer(seed, None), x, x, (x, x)) for seed, name in enumerate("ab")}, epochs=2)
print([len(history) for history in histories.values()], flush=True)
os._exit(thread.is_alive())
"""


@pytest.mark.parametrize("gone", ["2>&-", "None"])
def test_without_stderr_there_is_no_bar_and_no_fit_hangs(gone: str) -> None:
    """In the main thread, in another one afterwards, and side by side."""
    code = FITS.replace("SPOIL", "sys.stderr = None" if gone == "None" else "")
    shell = f'exec "$@" {gone if gone != "None" else ""}'
    command = ["sh", "-c", shell, "sh", sys.executable, "-c", code]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.split("\n")) == (0, ["3", "3", "3", "[2, 2]", ""])


class Gone(io.StringIO):
    """A terminal that is no longer there; it was, when somebody looked."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def _closed() -> io.StringIO:
    file = io.StringIO()
    file.close()
    return file


@pytest.mark.parametrize("stderr", [None, object(), _closed(), Gone()], ids=["None", "object", "closed", "gone"])
@pytest.mark.parametrize("show", [None, True, False])
def test_a_stderr_that_fails_does_not_disturb(
    stderr: Any, show: bool | None, trainer_of: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    lengths = []

    def fit() -> None:
        lengths.append(len(trainer_of(progress=show).fit(*rows(), epochs=3)))

    fit()
    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    thread.join(10)
    assert lengths == [3, 3]


def test_a_line_is_never_wider_than_79_columns(terminal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = terminal()
    monkeypatch.setenv("COLUMNS", "200")
    with progress_line(8, "a title" * 30, unit="faces") as line:
        line.update(8)
    assert "a title" in stderr.getvalue()
    assert max(map(len, stderr.getvalue().replace("\n", "\r").split("\r"))) < 80


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_line_on_a_pseudo_terminal_that_reports_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, stderr = os.openpty()
    with os.fdopen(stderr, "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        with progress_line(2, "level 2", unit="faces") as line:
            line.update(2)
            line.refresh()
        os.set_blocking(terminal, False)
        drawn = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(terminal, 4096):
                drawn += chunk
    os.close(terminal)
    assert b"level 2, 2 of 2 faces" in drawn


@pytest.mark.parametrize(
    ("metric", "scores", "words"),
    [
        (None, {}, "loss 0.5, 100 images/s"),
        (None, {"validation_loss": 0.25}, "loss 0.5, validation 0.25, 100 images/s"),
        (("rmse", "px"), {"validation_loss": 0.25, "rmse": 2.3456}, "loss 0.5, 2.35 px, 100 images/s"),
        (("score", ""), {"validation_loss": 0.25, "score": 7.0}, "loss 0.5, score 7, 100 images/s"),
    ],
)
def test_the_line_of_a_fit(
    metric: tuple[str, str] | None, scores: dict[str, float], words: str, terminal: Any, clock: Any
) -> None:
    stderr = terminal()
    bar = ProgressBar(None, 12, None if metric is None else nn.Metric(*metric, lambda y, target: 0.0))
    bar.scores = scores
    watch = Clock(40, 1, 10, time_limit=None)
    watch.count(10)
    clock.now = 20.0
    bar.bar.mininterval = 0  # draws each time
    bar.show(3, 0.5, 100.0, watch)
    bar.close()
    assert f"epoch 3/12, {words}, 01:00 left" in stderr.getvalue()


@pytest.mark.parametrize("time_limit", [None, 3600.0])
def test_the_line_of_a_training_in_80_columns(
    time_limit: float | None, trainer_of: Any, rows: Any, terminal: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stderr, (x, y) = terminal(), rows()
    trainer = trainer_of(metric=nn.Metric("mean_error", "px", lambda prediction, target: 2.3))
    trainer.fit(x, y, validation=(x, y), epochs=12, time_limit=time_limit)
    lines = stderr.getvalue().replace("\r", "\n").splitlines()
    assert max(map(len, lines)) < 80
    last = next(line for line in reversed(lines) if line.strip())
    for part in ("epoch 12/12", "loss 0.", "2.3 px", "images/s", "00:00 left"):
        assert part in last
    assert stderr.getvalue().endswith("\n")
    assert capsys.readouterr().out == ""


def test_the_line_of_a_training_shows_the_averaged_score(trainer_of: Any, rows: Any, terminal: Any) -> None:
    stderr, scores = terminal(), iter([2.3, 4.5] * 3)  # live, averaged
    metric = nn.Metric("mean_error", "px", lambda prediction, target: next(scores))
    trainer_of(metric=metric, average=0.9).fit(*rows(), validation=rows(), epochs=3)
    assert ", 4.5 px, " in stderr.getvalue()
    assert "2.3 px" not in stderr.getvalue()


@pytest.mark.parametrize("progress", [False, None])
def test_a_training_in_a_pipe_shows_nothing(
    progress: bool | None, trainer_of: Any, rows: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer_of(progress=progress).fit(*rows(), epochs=2)
    assert capsys.readouterr().err == ""


def test_a_training_shows_its_line_if_told(trainer_of: Any, rows: Any, capsys: pytest.CaptureFixture[str]) -> None:
    trainer_of(progress=True).fit(*rows(), epochs=2)
    assert "epoch 2/2" in capsys.readouterr().err


def test_a_stderr_that_was_closed_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress_line(3, show=True) as line:
        assert line.disable
        line.update(3)
