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
from nnscratch.prefetch import Augment
from nnscratch.training import Trainer

# A trainer, its x and y, and the x and y that it is validated on.
Job = tuple[Trainer, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]


def train_together(
    jobs: Mapping[str, Job], *, epochs: int, seconds: float | None = None, title: str = "training"
) -> dict[str, History]:
    """Trains each network on one core, as many at a time as kernels may use threads; the histories, by name.

    jobs    : name -> (trainer, x, y, validation); an `augment` of one is used by one thread at a time
    epochs  : of each
    seconds : for all of them; None: no limit
    title   : begins the line of progress, which is there if stderr is a terminal

    Ctrl-C ends them all; what they have learnt so far stays in them, and in their histories.
    """
    threads = get_threads()
    deadline = None if seconds is None else time.perf_counter() + seconds
    waiting, stop = len(jobs), threading.Event()
    lock = threading.Lock()
    progress = _Progress(title, len(jobs), epochs)

    def train(job: Job) -> History:
        nonlocal waiting
        trainer, x, y, validation = job
        trainer.augment = _until(stop, trainer.augment)
        with lock:  # the time that is left is shared among the rounds that are left
            limit = None if deadline is None else (deadline - time.perf_counter()) / math.ceil(waiting / threads)
            waiting -= 1
        history = trainer.fit(
            x, y, validation=validation, epochs=epochs, keep_best=False, callbacks=[progress.epoch_done],
            time_limit=None if limit is None else max(1.0, limit),
        )  # fmt: skip
        progress.network_done(epochs - len(history))
        return history

    set_threads(1)
    try:
        with ThreadPoolExecutor(max(1, min(threads, len(jobs))), thread_name_prefix="nnscratch-network") as pool:
            futures = {name: pool.submit(train, job) for name, job in jobs.items()}
            try:
                return {name: future.result() for name, future in futures.items()}
            except BaseException as error:
                stop.set()
                if not isinstance(error, KeyboardInterrupt):
                    raise
                return {name: future.result() for name, future in futures.items()}
    finally:
        set_threads(threads)
        progress.close()


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
