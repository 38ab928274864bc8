"""Side by side: several small networks trained at a time, one per core, with one line of progress.

A small network leaves the second core little to do: its steps are short, and each ends with a wait
for both cores. Two networks with a core each do not wait for one another.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nnscratch.history import History
from nnscratch.kernels.threads import get_threads, set_threads, single_threaded_blas
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.checkpoint import OnError
from nnscratch.training.progress import progress_line
from nnscratch.training.stopping import AnyOf, Stop
from nnscratch.training.trainer import Trainer

# A trainer, its x and y, and the x and y that it is validated on.
Job = tuple[Trainer, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]

_Name = TypeVar("_Name", bound=Hashable)
_SECONDS_ASLEEP = 0.1  # at a time, while the trainings run


def train_together(
    jobs: Mapping[str, Job],
    *,
    epochs: int,
    seconds: float | None = None,
    costs: Mapping[str, float] | None = None,
    title: str = "training",
    checkpoints: Path | None = None,
    on_checkpoint_error: OnError | None = None,
    stop: Stop | None = None,
) -> dict[str, History]:
    """Trains each network on one core, as many at a time as kernels may use threads.

    The most expensive networks go first, so that no core is left alone with a long training at the
    end. Each core has its own list, and divides its time among the
    list's networks in proportion to their cost.

    Arguments
        jobs : name -> (trainer, x, y, validation). What a step writes into must be each job's own:
            trainer, optimizer, model, loss, every `rng`. An `augment` may be shared if it keeps
            nothing from one call to the next
        epochs : of each network
        seconds : for all of them together; None: no limit
        costs : name -> what an epoch of it costs, > 0, such as its seconds. None: rows times input
            values
        title : begins the line of progress, which is shown if stderr is a terminal
        checkpoints : folder where each training has its checkpoint, NAME.npz, from which it goes on
            (`Trainer.fit`); None: none
        on_checkpoint_error, stop : as for `Trainer.fit`, of every training

    Returns
        The histories, by name, in the order of the jobs. Each network ends with its last weights,
        as with `fit(keep_best=False)`: the same bits as if they were trained one after another.

    Until it returns, kernels use one thread, in the whole process. Ctrl-C ends all trainings; what
    they have learnt so far stays in the networks and in the histories. An error in one ends the
    others, too, and is raised.

    Raises
        ValueError : two jobs share an object that a step writes into, or `fit` raises it
    """
    check_apart(jobs)
    threads = get_threads()
    deadline = None if seconds is None else time.perf_counter() + seconds
    begin, no_more = threading.Event(), threading.Event()
    costs = {name: _cost(job) for name, job in jobs.items()} if costs is None else costs
    line = _Line(title, len(jobs), epochs)

    def train(name: str, share: float) -> History:
        trainer, x, y, validation = jobs[name]
        limit = None if deadline is None else max(1.0, (deadline - time.perf_counter()) * share)
        history = trainer.fit(
            x, y, validation=validation, epochs=epochs, time_limit=limit, keep_best=False,
            stop=AnyOf(no_more, stop), callbacks=[line.count_epoch],
            checkpoint=None if checkpoints is None else checkpoints / f"{name}.npz",
            on_checkpoint_error=on_checkpoint_error,
        )  # fmt: skip
        line.count_network(trainer, epochs)
        return history

    def train_all(names: Sequence[str]) -> dict[str, History]:
        begin.wait()
        left = [costs[name] for name in names]
        return {name: train(name, left[k] / sum(left[k:])) for k, name in enumerate(names)}

    set_threads(1)
    try:
        with single_threaded_blas(), ThreadPoolExecutor(threads, thread_name_prefix="nnscratch-network") as pool:
            lists = share_out({name: costs[name] for name in jobs}, threads)
            futures: list[Future[dict[str, History]]] = []
            try:
                futures += [pool.submit(train_all, names) for names in lists]
                begin.set()  # not before all are in the list: Ctrl-C may come at any moment
                _wait_for_all(futures)
            except KeyboardInterrupt:
                if not futures:
                    raise
            finally:
                no_more.set()  # after an error or Ctrl-C, the others need not go on
                begin.set()
            done = [future.result() for future in futures]  # raises what one of them has raised
        return {name: next(histories[name] for histories in done if name in histories) for name in jobs}
    finally:
        set_threads(threads)
        line.close()


def train_on_ranks(
    ranks: Ranks, jobs: Mapping[str, Job], *, costs: Mapping[str, float] | None = None, **how: Any
) -> dict[str, History]:
    """`train_together` with the networks shared out among ranks; all have all of them at the end.

    ranks : each makes the same jobs, and trains some of them on its share of the cores
    jobs, costs, how : the arguments of `train_together`; costs are the same on every rank

    Returns
        The histories of all jobs, on every rank. A network is the same whoever has trained it.
    """
    if not ranks.are_several:
        return train_together(jobs, costs=costs, **how)
    costs = {name: _cost(job) for name, job in jobs.items()} if costs is None else costs
    names, threads = share_out({name: costs[name] for name in jobs}, ranks.size)[ranks.rank], get_threads()
    with ranks.together():
        ranks.have_begun = True
        try:
            own = train_together({name: jobs[name] for name in names}, costs=costs, **how) if names else {}
        finally:
            set_threads(threads)  # not this rank's share of them, which counts inside alone
        ranks.wait()
        done = {name: (history, jobs[name][0].model.copy_parameters()) for name, history in own.items()}
        trained = {name: each for part in ranks.gathered(done) for name, each in part.items()}
    for name, (_, parameters) in trained.items():
        jobs[name][0].model.put_back(parameters)
    return {name: trained[name][0] for name in jobs}


def _wait_for_all(futures: Sequence[Future[dict[str, History]]]) -> None:
    """Returns when all are done, or one has raised; handlers of signals run meanwhile.

    Python runs them in the main thread. A signal that another thread took, or that came just before
    this one fell asleep, does not wake it: without a timeout its handler would wait for the end.
    """
    while (still := wait(futures, _SECONDS_ASLEEP, return_when=FIRST_EXCEPTION)).not_done:
        if any(future.exception() for future in still.done):
            return


def share_out(costs: Mapping[_Name, float], threads: int) -> list[list[_Name]]:
    """The names that each thread trains: longest first, each goes to the least loaded thread.

    >>> share_out({"a": 1, "b": 1, "c": 3, "d": 2}, threads=2)
    [['c', 'b'], ['d', 'a']]
    """
    lists: list[list[_Name]] = [[] for _ in range(threads)]
    loads = [0.0] * threads
    for name in sorted(costs, key=lambda name: costs[name], reverse=True):
        thread = loads.index(min(loads))
        lists[thread].append(name)
        loads[thread] += costs[name]
    return lists


def check_apart(jobs: Mapping[str, Job]) -> None:
    """Stops jobs that would write into the same object at the same time.

    Raises
        ValueError : names the object and two jobs that share it
    """
    owners: dict[int, str] = {}
    for name, (trainer, *_) in jobs.items():
        for what, part in _parts(trainer):
            owner = owners.setdefault(id(part), name)
            if owner != name:
                raise ValueError(
                    f"train_together: got one {what} in the jobs {owner!r} and {name!r}, expected each to have its "
                    "own; make another one"
                )


def _parts(trainer: Trainer) -> Iterator[tuple[str, object]]:
    """What a step of this trainer writes into, the largest first: the first one shared is named."""
    yield "trainer", trainer
    yield "optimizer", trainer.optimizer
    yield "model", trainer.model
    yield from (("layer", layer) for layer in trainer.model.layers)
    yield from (("loss", each) for each in _losses(trainer.loss))
    rngs = [trainer.rng, *(getattr(layer, "rng", None) for layer in trainer.model.layers)]
    yield from (("rng", each.bit_generator) for each in rngs if isinstance(each, np.random.Generator))


def _losses(loss: object) -> Iterator[object]:
    """A loss, and those that it is a sum of."""
    yield loss
    for each in getattr(loss, "losses", ()):
        yield from _losses(each)


def _cost(job: Job) -> int:
    """The cost of an epoch, without a unit: rows times the input values per row (augmented)."""
    _, x, _, (seen, _) = job
    return max(1, len(x)) * math.prod(seen.shape[1:])  # without rows, fit() will say what is wrong


class _Line:
    """The line of progress of all jobs: networks and epochs done; their threads take turns."""

    def __init__(self, title: str, networks: int, epochs: int) -> None:
        self.title, self.networks, self.done = title, networks, 0
        self.lock = threading.Lock()
        self.epochs_shown: dict[Trainer, int] = {}
        self.bar = progress_line(networks * epochs, self._text(), unit="epochs")

    def count_epoch(self, trainer: Trainer, history: History) -> None:
        """A callback of a Trainer."""
        with self.lock:
            self.epochs_shown[trainer] = self.epochs_shown.get(trainer, 0) + 1
            self.bar.update(1)

    def count_network(self, trainer: Trainer, epochs: int) -> None:
        """A network is done: epochs that it left out, or had in its checkpoint, count as done."""
        with self.lock:
            self.done += 1
            self.bar.set_description_str(self._text(), refresh=False)
            self.bar.update(epochs - self.epochs_shown.get(trainer, 0))

    def close(self) -> None:
        with self.lock:
            self.bar.close()

    def _text(self) -> str:
        return f"{self.title}: {self.done} of {self.networks} networks"
