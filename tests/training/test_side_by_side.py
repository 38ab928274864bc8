"""Networks trained side by side: as if one after another, ended together, and the machine left as it was."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.history import Outcome
from nnscratch.kernels.threads import get_threads, set_threads
from nnscratch.training.prefetch import Augment
from nnscratch.training.side_by_side import Job, train_together

X = np.random.default_rng(0).normal(size=(70, 6)).astype(np.float32)
Y = (X[:, :2] * X[:, 2:4]).astype(np.float32)


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    set_threads(2)
    yield
    set_threads(None)


def noisy(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return x + rng.normal(0, 0.1, x.shape).astype(np.float32), y


def job(seed: int, augment: Augment | None = noisy) -> Job:
    model = nn.Sequential(
        nn.Dense(6, 16, rng=seed), nn.ReLU(), nn.Dropout(0.2, rng=seed), nn.Dense(16, 2, rng=seed + 100)
    )
    trainer = nn.Trainer(
        model, nn.MSELoss(), nn.Adam(model, lr=0.01), batch_size=16, lr=nn.schedules.cosine(0.01, 0.0), seed=seed,
        augment=augment, average=0.9, progress=False,
    )  # fmt: skip
    return trainer, X, Y, (X[:20], Y[:20])


def jobs(count: int, augment: Augment | None = noisy) -> dict[str, Job]:
    return {f"network {k}": job(k, augment) for k in range(count)}


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("augment", [noisy, None])
def test_the_same_as_one_after_another(threads: int, augment: Augment | None) -> None:
    """Bit for bit, on any number of threads."""
    set_threads(threads)
    together = jobs(5, augment)
    histories = train_together(together, epochs=3)
    assert list(histories) == list(together)
    assert get_threads() == threads
    set_threads(1)
    for name, (trainer, x, y, validation) in jobs(5, augment).items():
        history = trainer.fit(x, y, validation=validation, epochs=3, keep_best=False)
        assert histories[name].columns["loss"] == history.columns["loss"]
        assert histories[name].columns["average_validation_loss"] == history.columns["average_validation_loss"]
        assert histories[name].stopped == "all 3 epochs done"
        for one, other in zip(together[name][0].model.copy_parameters(), trainer.model.copy_parameters(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_as_many_at_a_time_as_there_are_threads() -> None:
    lock, running, most = threading.Lock(), set(), []

    def watched(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        with lock:
            running.add(threading.get_ident())
        time.sleep(0.002)
        assert get_threads() == 1
        with lock:
            most.append(len(running))
        return x, y

    train_together(jobs(5, watched), epochs=2)
    assert max(most) == len(running) == 2
    assert threading.get_ident() not in running


def test_nothing_to_train() -> None:
    assert train_together({}, epochs=3) == {}


def test_no_rows_are_told_as_fit_tells_them() -> None:
    trainer, x, y, validation = job(0)
    with pytest.raises(ValueError, match="rows"):
        train_together({"nobody": (trainer, x[:0], y[:0], validation)}, epochs=1)


def slow(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    time.sleep(0.01)
    return x, y


def test_the_time_limit_ends_all() -> None:
    """Three networks on two threads: two have one thread to themselves, one half of the time after the other."""
    began = time.perf_counter()
    histories = train_together(jobs(3, slow), epochs=100_000, seconds=2.4)
    assert time.perf_counter() - began < 4
    for history in histories.values():
        assert "time limit" in history.stopped
        assert history.columns["lr"][-1] < 0.001  # the learning rate has come to its end, too
    seconds = sorted(history.columns["seconds"][-1] for history in histories.values())
    assert seconds == pytest.approx([1.2, 1.2, 2.4], abs=0.4)


def test_each_gets_time_by_its_rows_and_inputs_and_what_the_first_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one thread: 70 rows first, then 14 rows, which get a sixth of the time and what the others have left."""
    set_threads(1)
    few, many = job(0, slow), job(1, slow)
    few = few[0], X[:14], Y[:14], few[3]
    limits = []
    fit = nn.Trainer.fit

    def watched(self: nn.Trainer, x: np.ndarray, y: np.ndarray, **settings: Any) -> nn.History:
        limits.append((len(x), settings["time_limit"]))
        return fit(self, x, y, **settings)

    monkeypatch.setattr(nn.Trainer, "fit", watched)
    train_together({"few": few, "many": many}, epochs=2, seconds=60)
    assert [rows for rows, _ in limits] == [70, 14]
    assert limits[0][1] == pytest.approx(50, abs=1)
    assert limits[1][1] > 58


def test_no_long_training_is_left_for_the_end() -> None:
    """Two threads: the dearest alone on one as long as the four others take on the other."""
    together = jobs(5)
    trainer, x, y, validation = together["network 4"]
    together["network 4"] = trainer, np.concatenate([x] * 4), np.concatenate([y] * 4), validation
    began: dict[int, list[str]] = {}
    for name, each in together.items():

        def note(
            x: np.ndarray, y: np.ndarray, rng: np.random.Generator, name: str = name
        ) -> tuple[np.ndarray, np.ndarray]:
            names = began.setdefault(threading.get_ident(), [])
            names += [name] if name not in names else []
            return x, y

        each[0].augment = note
    train_together(together, epochs=1)
    assert sorted(map(sorted, began.values())) == [[f"network {k}" for k in range(4)], ["network 4"]]


class Broken(Exception):
    pass


def broken(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    raise Broken


@pytest.mark.parametrize("place", [0, 3])
def test_an_error_in_one_is_raised_and_ends_the_others(place: int) -> None:
    """Which would take hours."""
    together = jobs(4, slow)
    name = f"network {place}"
    together[name] = job(place, broken)
    if place == 3:  # waits for a thread, until one of the others is done
        first = together["network 0"]
        together["network 0"] = first[0], X[:8], Y[:8], first[3]
    began = time.perf_counter()
    with pytest.raises(Broken):
        train_together(together, epochs=20 if place == 3 else 100_000, seconds=60)
    assert time.perf_counter() - began < 20
    assert get_threads() == 2
    assert not any(thread.name.startswith("nnscratch-network") for thread in threading.enumerate())


def interrupts_after(batches: int) -> Augment:
    """Once so many batches are done, the main thread gets the signal that Ctrl-C sends."""
    count = iter(range(1_000_000))
    main = threading.main_thread().ident
    assert main is not None

    def augment(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        time.sleep(0.002)
        if next(count) == batches:
            signal.pthread_kill(main, signal.SIGINT)
        return x, y

    return augment


def test_ctrl_c_ends_all_and_keeps_what_they_have_learnt() -> None:
    together = jobs(4, slow)
    together["network 0"] = job(0, interrupts_after(12))
    before = {name: each[0].model.copy_parameters() for name, each in together.items()}
    began = time.perf_counter()
    histories = train_together(together, epochs=100_000, seconds=60)
    assert time.perf_counter() - began < 20
    assert {histories[name].outcome for name in together} == {Outcome.INTERRUPTED}
    assert len(histories["network 0"]) >= 2
    assert len(histories["network 3"]) == 0  # had not begun

    def has_learnt(name: str) -> bool:
        after = together[name][0].model.copy_parameters()
        return any((a != b).any() for a, b in zip(after, before[name], strict=True))

    assert {name: has_learnt(name) for name in together} == {
        "network 0": True, "network 1": True, "network 2": False, "network 3": False,
    }  # fmt: skip
    assert get_threads() == 2


def test_a_terminal_shows_one_line_of_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    train_together(jobs(3), epochs=2, title="level 2")
    shown = capsys.readouterr().err
    assert "level 2: 3 of 3 networks, 6 of 6 epochs" in shown
    assert max(map(len, shown.replace("\n", "\r").split("\r"))) < 80


def test_a_pipe_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    train_together(jobs(2), epochs=1)
    assert capsys.readouterr().err == ""
