"""What a training script works on: faces to learn from, faces that judge, and the time it has."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from nnscratch.diagnosis.watch import warnings_before_training
from nnscratch.kernels.threads import set_threads
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle import archives
from nnscratch.keypoints.kaggle.files import DataError, table_file
from nnscratch.keypoints.kaggle.submission import Lookup, check_images, read_lookup
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.scripts.command_line import muted, tell
from nnscratch.keypoints.scripts.distributed import ranks_of
from nnscratch.keypoints.scripts.interruption import say
from nnscratch.keypoints.scripts.kept_epochs import EPOCHS, KeptEpochs
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.training_run import TrainingRun
from nnscratch.keypoints.splits import split_apart, split_random
from nnscratch.model import Sequential
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.communicator import Communicator
from nnscratch.training.trainer import Trainer

_FACES_LOOKED_AT = 256  # or up to twice as many, before the first step


@dataclass(frozen=True)
class TrainingTask:
    """What a training script works on.

    options    : what the command line says
    train      : the faces to learn from
    validation : held-out faces, which judge the result; in a file, no face of `train` looks like
        one of them
    deadline   : time.perf_counter() at which training should be over; None: no limit
    test       : faces without labels, whose points are wanted; None: there are none
    lookup     : which of their values are wanted, for Kaggle's submission; None: all
    began      : time.perf_counter() when the program began; earlier by the time that a resumed run
        took before
    run        : its folder, checkpoints and signals; None: nothing is kept, and nothing interrupts
    ranks      : the processes that train together; rank 0 alone writes into the folder
    """

    options: TrainingOptions
    train: Faces
    validation: Faces
    deadline: float | None = None
    test: Faces | None = None
    lookup: Lookup | None = None
    began: float = field(default_factory=time.perf_counter)
    run: TrainingRun | None = None
    ranks: Ranks = field(default_factory=lambda: Ranks(None))

    def seconds_left(self, share: float = 1.0) -> float | None:
        """`share` of the time that is left, at least a second; None if there is no limit."""
        return None if self.deadline is None else max(1.0, share * (self.deadline - time.perf_counter()))

    def time_limit(self, share: float = 1.0) -> float | None:
        """Seconds for the first network: `share` of those left when its training first began."""
        seconds = self.seconds_left(share)
        return None if seconds is None else self.kept("network", seconds)

    def kept(self, name: str, value: float) -> float:
        """`value`, or the one that this run had under `name` before --resume."""
        return value if self.run is None else self.run.checkpoints.limit(name, value)

    def warn(self, trainer: Trainer) -> None:
        """Says on stderr, a line for each finding, what will keep it from learning the faces.

        That is what is certain before its first step (watch.py); `python -m nnscratch diagnose`
        tells more about the run later.
        """
        if not self.ranks.is_first:
            return
        few = self.train.select(slice(None, None, max(1, len(self.train) // _FACES_LOOKED_AT)))
        for line in warnings_before_training(few.x, few.y, trainer.loss, trainer.optimizer):
            say(f"warning: {line}")

    def keep_epochs(self, network: Sequential) -> list[KeptEpochs]:
        """What `Trainer.fit` is to call so that networks of epochs are kept, if --every asks so."""
        if self.run is None or self.options.every is None or not self.ranks.is_first:
            return []
        return [KeptEpochs(self.run.out / EPOCHS, network, self.options.every, self.checkpoint_failed)]

    @property
    def communicator(self) -> Communicator | None:
        """What the processes that train together speak through; None: this one is alone."""
        return self.ranks.communicator

    @property
    def checkpoint(self) -> Path | None:
        """The file with the state of the first network's training."""
        return None if self.checkpoints is None else self.checkpoints / "network.npz"

    @property
    def checkpoints(self) -> Path | None:
        """The folder for the states of all trainings."""
        if self.run is None or not (self.ranks.is_first or self.run.checkpoints.folder.is_dir()):
            return None  # another machine than rank 0's may not see its folder
        return self.run.checkpoints.folder

    @property
    def stop(self) -> threading.Event | None:
        """Set once a signal asks the trainings to end after their batch."""
        return None if self.run is None else self.run.interruption.stop

    @property
    def checkpoint_failed(self) -> Callable[[OSError], None] | None:
        """What is to be called if a checkpoint cannot be written."""
        return None if self.run is None else self.run.checkpoint_failed


@contextmanager
def training_task(options: TrainingOptions, *, drawn: int = 4000) -> Iterator[TrainingTask]:
    """The task of a script that leaves a run in options.out, from its beginning to its end.

    Before the faces are read, it sees to it that the folder is the run's alone and can be written.
    While the block runs, signals let the trainings finish their batch (interruption.py). Behind the
    block, the program ends with their status if they did. Nothing is printed but warnings and
    errors if options.quiet.

    With --distributed, rank 0 reads or draws the faces and sends them to the others.

    drawn : as of `start_task`

    Raises
        DataError : as of `start_task` and `TrainingRun.opened`
        OSError : the folder cannot be written
        SystemExit : --resume found a finished run, or a signal came
    """
    ranks = ranks_of(options.distributed)
    with muted(options), ExitStack() as stack:

        def first() -> TrainingTask | SystemExit:
            try:
                return stack.enter_context(_task_of_run(options, drawn))
            except SystemExit as end:
                return end

        task = first() if not ranks.are_several else _shared(ranks, first, options, stack)
        if isinstance(task, SystemExit):
            raise task
        yield replace(task, ranks=ranks)


@contextmanager
def _task_of_run(options: TrainingOptions, drawn: int) -> Iterator[TrainingTask]:
    with TrainingRun.opened(options) as run:
        task = start_task(options, drawn=drawn)
        run.begin(options)
        before = run.checkpoints.seconds
        deadline = None if task.deadline is None else task.deadline - before
        yield replace(task, run=run, began=task.began - before, deadline=deadline)


def _shared(
    ranks: Ranks, first: Callable[[], TrainingTask | SystemExit], options: TrainingOptions, stack: ExitStack
) -> TrainingTask | SystemExit:
    """The task of rank 0 on all ranks: the others have its faces, and write nothing."""
    own: list[TrainingTask | SystemExit] = []

    def to_send() -> tuple[Faces, Faces] | SystemExit:
        own.append(task := first())
        return task if isinstance(task, SystemExit) else (task.train, task.validation)

    sent = ranks.from_first(to_send)
    if ranks.is_first:
        return own[0]
    if isinstance(sent, SystemExit):
        return sent
    set_threads(options.threads)
    run = TrainingRun(options.out)
    stack.enter_context(run.interruption)
    run.interruption.finish_first()
    return TrainingTask(options, *sent, run=run)


def start_task(options: TrainingOptions, *, drawn: int = 4000) -> TrainingTask:
    """Sets the threads, reads or draws the faces, splits them, and prints how many there are.

    drawn : how many faces are drawn if the options name no file

    Raises
        DataError : a file cannot be used, or no row is left
    """
    began = time.perf_counter()
    set_threads(options.threads)
    lookup = read_lookup(options.lookup) if options.lookup else None
    test = load_faces(options.test, wanted=archives.TEST) if options.test else None
    if lookup is not None and test is not None:
        check_images(lookup, test.image_ids)
    name = str(table_file(options.data, archives.TRAINING)) if options.data else "drawn faces"
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"reading {name} ..." if options.data else f"drawing {drawn:,} faces ...", file=sys.stderr)
    faces = load_faces(options.data) if options.data else draw_faces(drawn, seed=options.seed)
    faces = usable_rows(faces, options.rows, name)
    split = split_apart if options.data else split_random  # no face is drawn twice, so none looks like another
    train, validation = split(faces, options.held_out, seed=options.seed)
    source = f"{Path(name).name}, {options.rows} rows"
    tell(f"faces: {len(train):,} to learn from, {len(validation):,} to validate on ({source})")
    deadline = None if options.time_limit is None else began + 60 * options.time_limit
    return TrainingTask(options, train, validation, deadline, test, lookup, began)


def usable_rows(faces: Faces, rows: str, name: str) -> Faces:
    """The faces with a label, or with all 15 points if `rows` is "complete".

    name : the file, for the message

    Raises
        DataError : fewer than two such rows
    """
    labelled = ~np.isnan(faces.points).all(axis=(1, 2))
    wanted = faces.complete if rows == "complete" else labelled
    if wanted.sum() < 2:
        what = "with all 15 points" if rows == "complete" else "with a label"
        fix = "use --rows all" if rows == "complete" and labelled.any() else "is it the training file?"
        raise DataError.at(name, came=f"{wanted.sum()} of {len(faces)} rows {what}", expected="at least two", fix=fix)
    return faces.select(wanted)
