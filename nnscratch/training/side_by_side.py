"""Several small networks trained side by side, one on each core, with one line of progress for all of them.

A small network leaves the second core little to do: its steps are short, and each ends with a wait for both. Two
networks on a core each do not wait for one another.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from shutil import get_terminal_size
from typing import NoReturn

import numpy as np

from nnscratch.history import History
from nnscratch.kernels.threads import get_threads, set_threads
from nnscratch.training.prefetch import Augment
from nnscratch.training.trainer import Trainer

# A trainer, its x and y, and the x and y that it is validated on.
Job = tuple[Trainer, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]


def train_together(
    jobs: Mapping[str, Job], *, epochs: int, seconds: float | None = None, title: str = "training"
) -> dict[str, History]:
    """Trains each network on one core, as many at a time as kernels may use threads; the histories, by name.

    The dearest networks are trained first (by their rows, and the values of an input), so that no long training is left
    over for one core alone at the end. Each core has its own list, and gives each of it its part of the time.

    jobs    : name -> (trainer, x, y, validation); an `augment` of one is used by one thread at a time
    epochs  : of each
    seconds : for all of them; None: no limit
    title   : begins the line of progress, which is there if stderr is a terminal

    Ctrl-C ends them all; what they have learnt so far stays in them, and in their histories.
    """
    threads = get_threads()
    deadline = None if seconds is None else time.perf_counter() + seconds
    stop = threading.Event()
    progress = _Progress(title, len(jobs), epochs)

    def train(job: Job, share: float) -> History:
        trainer, x, y, validation = job
        trainer.augment = _until(stop, trainer.augment)
        limit = None if deadline is None else (deadline - time.perf_counter()) * share
        history = trainer.fit(
            x, y, validation=validation, epochs=epochs, keep_best=False, callbacks=[progress.epoch_done],
            time_limit=None if limit is None else max(1.0, limit),
        )  # fmt: skip
        progress.network_done(epochs - len(history))
        return history

    def train_all(names: list[str]) -> dict[str, History]:
        left = [_cost(jobs[name]) for name in names]
        return {name: train(jobs[name], left[k] / sum(left[k:])) for k, name in enumerate(names)}

    set_threads(1)
    try:
        with ThreadPoolExecutor(max(1, threads), thread_name_prefix="nnscratch-network") as pool:
            futures = [pool.submit(train_all, names) for names in _lists(jobs, threads)]
            try:
                done = [future.result() for future in futures]
            except BaseException as error:
                stop.set()
                if not isinstance(error, KeyboardInterrupt):
                    raise
                done = [future.result() for future in futures]
        return {name: next(histories[name] for histories in done if name in histories) for name in jobs}
    finally:
        set_threads(threads)
        progress.close()


def _cost(job: Job) -> int:
    """Of an epoch, in no unit: the rows, times the values that the network sees of one (`augment` may crop `x`)."""
    _, x, _, (seen, _) = job
    return max(1, len(x)) * math.prod(seen.shape[1:])  # without rows, fit() will say what is wrong


def _lists(jobs: Mapping[str, Job], threads: int) -> list[list[str]]:
    """What each thread trains: one after another, the dearest first, each goes to the one that has least to do."""
    lists: list[list[str]] = [[] for _ in range(max(1, threads))]
    loads = [0] * len(lists)
    for name in sorted(jobs, key=lambda name: _cost(jobs[name]), reverse=True):
        thread = loads.index(min(loads))
        lists[thread].append(name)
        loads[thread] += _cost(jobs[name])
    return lists


def _until(stop: threading.Event, augment: Augment | None) -> Augment:
    """`augment`, which ends its training as Ctrl-C would once `stop` is set: only the main thread gets a real one."""

    def unless_stopped(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if stop.is_set():
            raise KeyboardInterrupt
        return (x, y) if augment is None else augment(x, y, rng)

    return unless_stopped


class _Progress:
    """One line on stderr, if it is a terminal: networks and epochs done, of all."""

    def __init__(self, title: str, networks: int, epochs: int) -> None:
        from tqdm import tqdm

        self.title, self.networks, self.done = title, networks, 0
        self.bar: tqdm[NoReturn] = tqdm(
            total=networks * epochs,
            disable=None,
            ncols=min(80, get_terminal_size().columns) - 1,
            bar_format="|{bar}| {desc}, {n} of {total} epochs, {remaining} left",
        )
        self._describe()

    def epoch_done(self, trainer: Trainer, history: History) -> None:
        with suppress(AttributeError):  # the bar may have been closed by another thread's error
            self.bar.update(1)

    def network_done(self, epochs_left: int) -> None:
        self.done += 1
        self.bar.update(max(0, epochs_left))
        self._describe()

    def _describe(self) -> None:
        self.bar.set_description_str(f"{self.title}: {self.done} of {self.networks} networks", refresh=False)

    def close(self) -> None:
        self.bar.close()
