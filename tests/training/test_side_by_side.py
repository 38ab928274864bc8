"""Networks trained side by side: as if one after another, and ended together."""

from __future__ import annotations

import errno
import itertools
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files import array_files
from nnscratch.kernels.threads import get_threads, set_threads
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.batches import Augment
from nnscratch.training.side_by_side import Job, share_out, train_on_ranks, train_together
from tests.training.communicators import Aborted, ThreadCommunicator, on_ranks

pytestmark = pytest.mark.usefixtures("two_threads")

X = np.random.default_rng(0).normal(size=(70, 6)).astype(np.float32)
Y = (X[:, :2] * X[:, 2:4]).astype(np.float32)
MANY = 20_000  # epochs: they take half a minute, and no test waits for them


def noisy(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return x + rng.normal(0, 0.1, x.shape).astype(np.float32), y


def does(action: Callable[[], None]) -> Augment:
    """An augment that changes nothing, after the action."""

    def augment(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        action()
        return x, y

    return augment


def model_of(seed: int, rng: np.random.Generator | None = None) -> nn.Sequential:
    return nn.Sequential(
        nn.Dense(6, 16, rng=seed), nn.ReLU(), nn.Dropout(0.2, rng=seed if rng is None else rng),
        nn.Dense(16, 2, rng=seed + 100),
    )  # fmt: skip


def trainer_of(model: nn.Sequential, optimizer: nn.Adam | None = None, **settings: Any) -> nn.Trainer:
    optimizer = nn.Adam(model, lr=0.01) if optimizer is None else optimizer
    settings = {"loss": nn.MSELoss(), "seed": 0} | settings
    return nn.Trainer(
        model, optimizer=optimizer, batch_size=16, lr=nn.schedules.cosine(0.01, 0.0), average=0.9, progress=False,
        **settings,
    )  # fmt: skip


def job_of(trainer: nn.Trainer, rows: int = 70) -> Job:
    return trainer, X[:rows], Y[:rows], (X[:20], Y[:20])


def job(seed: int, augment: Augment | None = noisy, rows: int = 70) -> Job:
    return job_of(trainer_of(model_of(seed), seed=seed, augment=augment), rows)


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
        assert together[name][0].augment is augment


def test_as_many_at_a_time_as_there_are_threads() -> None:
    """Each batch waits for one of another network, and there are never three."""
    lock, running, most = threading.Lock(), 0, 0
    pairs = threading.Barrier(2)
    callers = set()

    def meet() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        callers.add(threading.current_thread())
        assert get_threads() == 1
        pairs.wait(timeout=60)
        with lock:
            running -= 1

    train_together(jobs(4, does(meet)), epochs=2)
    assert most == 2
    assert threading.current_thread() not in callers


def test_nothing_to_train() -> None:
    assert train_together({}, epochs=3) == {}


def test_no_rows_are_told_as_fit_tells_them() -> None:
    with pytest.raises(ValueError, match="rows"):
        train_together({"nobody": job(0, rows=0)}, epochs=1)


def test_the_time_limit_is_divided_by_rows_and_by_what_the_first_leave(clock: Any) -> None:
    """One thread, batches of 1 s: 70, 14 and 14 rows get 5/7, 1/7 and 1/7 of the time."""
    set_threads(1)

    def pass_a_second() -> None:
        clock.now += 1

    slow = does(pass_a_second)
    together = {"few": job(0, slow, rows=14), "many": job(1, slow), "also few": job(2, slow, rows=14)}
    histories = train_together(together, epochs=MANY, seconds=700)
    assert clock.now == pytest.approx(700, abs=3)
    assert {name: round(history.columns["seconds"][-1]) for name, history in histories.items()} == {
        "few": 100, "many": 500, "also few": 100,
    }  # fmt: skip
    for history in histories.values():
        assert history.outcome is nn.Outcome.TIME_LIMIT
        assert history.columns["lr"][-1] < 0.001  # the learning rate has come to its end, too


def test_time_that_a_network_leaves_is_for_the_others(clock: Any) -> None:
    set_threads(1)
    clock.tick, limits = 1e-6, []

    class Watched(nn.Trainer):
        def fit(self, *data: Any, **settings: Any) -> nn.History:
            limits.append(settings["time_limit"])
            clock.now += 10  # of the 350 that it might use
            return super().fit(*data, **settings)

    together = {}
    for k in range(2):
        model = model_of(k)
        together[str(k)] = job_of(Watched(model, nn.MSELoss(), nn.SGD(model, lr=0.01), progress=False))
    train_together(together, epochs=1, seconds=700)
    assert limits == pytest.approx([350, 690], abs=0.01)


def test_a_network_gets_a_second_even_if_there_is_none_left(clock: Any) -> None:
    def pass_a_second() -> None:
        clock.now += 1

    histories = train_together({"late": job(0, does(pass_a_second))}, epochs=MANY, seconds=1e-6)
    assert histories["late"].columns["images"] == [16]


@pytest.mark.parametrize(
    ("costs", "lists"),
    [
        ([1, 1, 1, 1, 4], [[4], [0, 1, 2, 3]]),  # no long training is left for the end
        ([1, 2, 3], [[2], [1, 0]]),
        ([1], [[0], []]),
        ([], [[], []]),
    ],
)
def test_the_longest_go_first_each_to_the_least_loaded_thread(costs: list[int], lists: list[list[int]]) -> None:
    shared = share_out({str(k): cost for k, cost in enumerate(costs)}, threads=2)
    assert shared == [[str(k) for k in names] for names in lists]


SHARED_MODEL, SHARED_LOSS, SHARED_RNG = model_of(0), nn.MSELoss(), np.random.default_rng(0)
SHARED_OPTIMIZER, SHARED_TRAINER = nn.Adam(SHARED_MODEL), trainer_of(model_of(0))


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_networks_and_all_get_all(ranks: int) -> None:
    alone = jobs(4)
    expected = train_together(alone, epochs=2)
    done: list[tuple[dict[str, Job], dict[str, nn.History]]]
    try:

        def train(communicator: ThreadCommunicator) -> tuple[dict[str, Job], dict[str, nn.History]]:
            own = jobs(4) if ranks == 2 else dict(list(jobs(4).items())[:2])  # more ranks than networks
            return own, train_on_ranks(Ranks(communicator), own, epochs=2)

        done = on_ranks(ranks, train)
    finally:
        set_threads(None)
    for own, histories in done:
        assert list(histories) == list(own)
        for name, history in histories.items():
            assert history.columns["loss"] == expected[name].columns["loss"]
            for w, v in zip(own[name][0].model.parameters(), alone[name][0].model.parameters(), strict=True):
                np.testing.assert_array_equal(w, v)


def test_a_rank_whose_network_fails_ends_all(capfd: pytest.CaptureFixture[str]) -> None:
    def train(communicator: ThreadCommunicator) -> object:
        own = jobs(2)
        if communicator.Get_rank():
            own = {name: (trainer, x[:0], y, validation) for name, (trainer, x, y, validation) in own.items()}
        return train_on_ranks(Ranks(communicator), own, epochs=1)

    try:
        assert all(isinstance(end, Aborted) for end in on_ranks(2, train))
    finally:
        set_threads(None)
    assert capfd.readouterr().err.startswith("rank 1 of 2: ValueError: fit: got x")


@pytest.mark.parametrize(
    ("what", "trainer"),
    [
        ("trainer", lambda: SHARED_TRAINER),
        ("optimizer", lambda: trainer_of(SHARED_MODEL, SHARED_OPTIMIZER)),
        ("model", lambda: trainer_of(SHARED_MODEL)),
        ("layer", lambda: trainer_of(nn.Sequential(*SHARED_MODEL.layers))),
        ("loss", lambda: trainer_of(model_of(0), loss=SHARED_LOSS)),
        ("loss", lambda: trainer_of(model_of(0), loss=nn.SumOfLosses((SHARED_LOSS, 1.0)))),
        ("rng", lambda: trainer_of(model_of(0), seed=SHARED_RNG)),
        ("rng", lambda: trainer_of(model_of(0, rng=SHARED_RNG))),
    ],
)
def test_refuses_jobs_that_would_write_into_the_same_object(what: str, trainer: Callable[[], nn.Trainer]) -> None:
    together = {"a": job_of(trainer()), "b": job(5), "c": job_of(trainer())}
    before = together["b"][0].model.copy_parameters()
    with pytest.raises(ValueError, match=f"train_together: got one {what} in the jobs 'a' and 'c', expected each to"):
        train_together(together, epochs=1)
    for w, kept in zip(together["b"][0].model.copy_parameters(), before, strict=True):
        np.testing.assert_array_equal(w, kept)
    assert get_threads() == 2


def test_an_rng_that_one_job_uses_twice_is_its_own() -> None:
    rng = np.random.default_rng(0)
    histories = train_together({"a": job_of(trainer_of(model_of(0, rng=rng), seed=rng)), "b": job(0)}, epochs=1)
    assert len(histories) == 2


class Broken(Exception):
    pass


class Quick(nn.Trainer):
    def fit(self, *data: Any, **settings: Any) -> nn.History:
        return super().fit(*data, **{**settings, "epochs": 1})


class Told(nn.Trainer):
    history: nn.History

    def fit(self, *data: Any, **settings: Any) -> nn.History:
        self.history = super().fit(*data, **settings)
        return self.history


@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_error_in_one_is_raised_and_ends_the_others(place: int) -> None:
    """Networks 0 and 2 share a thread, 1 and 3 the other."""

    def fail() -> None:
        raise Broken

    kinds = {0: Told, 1: Quick if place == 3 else Told, 2: Told, 3: Told}  # 3 begins when 1 is done
    together = {}
    for k, kind in kinds.items():
        model, augment = model_of(k), does(fail) if k == place else None
        trainer = kind(model, nn.MSELoss(), nn.SGD(model, lr=0.01), augment=augment, progress=False)
        together[f"network {k}"] = job_of(trainer)
    with pytest.raises(Broken):
        train_together(together, epochs=MANY)
    other = together["network 1" if place == 0 else "network 0"][0]
    assert isinstance(other, Told)
    assert other.history.outcome is nn.Outcome.INTERRUPTED
    assert get_threads() == 2
    assert not any(thread.name.startswith("nnscratch-network") for thread in threading.enumerate())


class SlowPool(ThreadPoolExecutor):
    """As on a machine with other work: its threads begin before the main thread gets on."""

    def submit(self, *arguments: Any, **more: Any) -> Future[Any]:
        future = super().submit(*arguments, **more)
        time.sleep(0.3)
        return future


@pytest.mark.parametrize("sleeper", [False, True])
@pytest.mark.parametrize("pool", [ThreadPoolExecutor, SlowPool])
def test_ctrl_c_ends_all_and_keeps_what_they_have_learnt(
    pool: type, sleeper: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks 0 and 1 begin. Once both have learnt, the main thread gets Ctrl-C's signal, or (the
    sleeper) another one does, which does not wake the main thread.
    """
    monkeypatch.setattr("nnscratch.training.side_by_side.ThreadPoolExecutor", pool)
    main, batches, other_has_learnt = threading.main_thread().ident, iter(range(1, 1_000_000)), threading.Event()
    assert main is not None

    def interrupt() -> None:
        if next(batches) == 12:  # in the third epoch
            assert other_has_learnt.wait(timeout=60)
            signal.pthread_kill(threading.get_ident() if sleeper else main, signal.SIGINT)

    seen = iter(range(1_000_000))

    def tell() -> None:
        if next(seen) == 3:
            other_has_learnt.set()

    together = jobs(4) | {"network 0": job(0, does(interrupt)), "network 1": job(1, does(tell))}
    before = {name: each[0].model.copy_parameters() for name, each in together.items()}
    histories = train_together(together, epochs=MANY)
    assert {histories[name].outcome for name in together} == {nn.Outcome.INTERRUPTED}
    assert len(histories["network 0"]) >= 2
    assert len(histories["network 3"]) == 0  # had not begun

    def has_learnt(name: str) -> bool:
        after = together[name][0].model.copy_parameters()
        return any((a != b).any() for a, b in zip(after, before[name], strict=True))

    assert {name: has_learnt(name) for name in together} == {
        "network 0": True, "network 1": True, "network 2": False, "network 3": False,
    }  # fmt: skip
    assert get_threads() == 2


class StopAfter:
    """Asks all trainings to end after so many questions of theirs together."""

    def __init__(self, questions: int) -> None:
        self.left = itertools.count(questions, -1)

    def is_set(self) -> bool:
        return next(self.left) <= 0


@pytest.mark.parametrize("questions", [1, 14, 30, 60])
def test_stopped_trainings_go_on_each_where_it_was(questions: int, tmp_path: Path) -> None:
    undisturbed, stopped, resumed = jobs(4), jobs(4), jobs(4)
    train_together(undisturbed, epochs=3)
    first = train_together(stopped, epochs=3, checkpoints=tmp_path, stop=StopAfter(questions))
    assert nn.Outcome.INTERRUPTED in {history.outcome for history in first.values()}
    histories = train_together(resumed, epochs=3, checkpoints=tmp_path)
    assert {history.outcome for history in histories.values()} == {nn.Outcome.ALL_EPOCHS}
    assert {path.stem.partition(".")[0] for path in tmp_path.iterdir()} == set(undisturbed)
    for name, (trainer, *_) in undisturbed.items():
        for w, again in zip(trainer.model.parameters(), resumed[name][0].model.parameters(), strict=True):
            assert w.tobytes() == again.tobytes()


def test_epochs_of_a_checkpoint_count_as_done(terminal: Any, tmp_path: Path) -> None:
    train_together(jobs(2), epochs=3, checkpoints=tmp_path)
    stderr = terminal()
    train_together(jobs(2), epochs=3, checkpoints=tmp_path)
    assert "2 of 2 networks, 6 of 6 epochs" in stderr.getvalue()


def test_a_checkpoint_that_cannot_be_written_is_told_for_every_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(array_files, "write", full)
    errors: list[OSError] = []
    histories = train_together(jobs(2), epochs=2, checkpoints=tmp_path, on_checkpoint_error=errors.append)
    assert {len(history) for history in histories.values()} == {2}
    assert len(errors) == 4


def test_a_terminal_shows_one_line_of_progress(terminal: Any) -> None:
    stderr = terminal()
    train_together(jobs(3), epochs=2, title="level 2")
    assert "level 2: 3 of 3 networks, 6 of 6 epochs" in stderr.getvalue()
    assert max(map(len, stderr.getvalue().replace("\n", "\r").split("\r"))) < 80


def test_epochs_that_a_network_did_not_need_count_as_done(terminal: Any, clock: Any) -> None:
    stderr = terminal()
    clock.tick = 1.0
    train_together(jobs(2), epochs=100, seconds=50, title="level 2")
    assert "level 2: 2 of 2 networks, 200 of 200 epochs" in stderr.getvalue()


def test_a_pipe_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    train_together(jobs(2), epochs=1)
    assert capsys.readouterr().err == ""
