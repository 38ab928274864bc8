"""Progress: how far a training has come, and the line on the terminal that shows it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, NoReturn

from nnscratch.checks import positive
from nnscratch.training.notebooks import bar_class, in_notebook

if TYPE_CHECKING:
    from tqdm import tqdm

    from nnscratch.metric import Metric


class Clock:
    """How far a fit has come: its share of the images or of the time, whichever is larger.

    rows : trained on in an epoch
    epochs, batch_size : as given to `fit` and its Trainer
    time_limit : seconds; None: no limit
    now : what gives the time; None: time.perf_counter

    Raises
        ValueError : time_limit is not a finite number above 0

    The first batch compiles kernels. Compile time counts towards the time limit but not towards
    progress; otherwise a warm-up of the learning rate would be over before the second step.

    >>> clock = Clock(rows=20, epochs=2, batch_size=8, time_limit=None)
    >>> for images in (8, 8, 4, 8, 8):  # five steps; a sixth is to come
    ...     clock.count(images)
    >>> clock.progress, clock.progress_of_step
    (0.9, 1.0)
    """

    def __init__(
        self,
        rows: int,
        epochs: int,
        batch_size: int,
        time_limit: float | None,
        now: Callable[[], float] | None = None,
    ) -> None:
        if time_limit is not None:
            time_limit = positive("fit", "time_limit", time_limit, fix="give seconds, or leave it out for no limit")
        self.rows = rows
        self.batch_size = batch_size
        self.total_images = rows * epochs
        self.total_steps = self._steps(self.total_images)
        self.time_limit = time_limit
        self.images = 0
        self.first_batch = 0.0  # seconds until it was done
        self.now = now or (lambda: time.perf_counter())
        self.began = self.now()

    def count(self, images: int) -> None:
        """Adds the images of a batch that is done."""
        if self.images == 0:
            self.first_batch = self.seconds
        self.images += images

    def state(self) -> dict[str, float]:
        """How far the fit has come, for a checkpoint."""
        return {"images": self.images, "seconds": self.seconds, "first_batch": self.first_batch}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` gave: the seconds until then count, those since then do not.

        Raises
            ValueError : a number is out of its range
        """
        images, seconds, first_batch = state["images"], float(state["seconds"]), float(state["first_batch"])
        if not isinstance(images, int) or not 0 <= images <= self.total_images or not 0 <= first_batch <= seconds:
            raise ValueError(
                f"fit: got a clock at {images!r} images and {first_batch} of {seconds} s, expected up to "
                f"{self.total_images}; fit as before"
            )
        self.images, self.first_batch, self.began = images, first_batch, self.now() - seconds

    @property
    def seconds(self) -> float:
        """Seconds since the fit began."""
        return self.now() - self.began

    @property
    def is_up(self) -> bool:
        """Whether the time limit is reached."""
        return self.time_limit is not None and self.seconds >= self.time_limit

    @property
    def step(self) -> int:
        """Steps that are done."""
        return self._steps(self.images)

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return self.images // self.rows

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done."""
        return self.images >= self.total_images

    def end_epoch(self) -> None:
        """Tells that the data of an epoch are at their end; here the images tell."""

    @property
    def share(self) -> float:
        """The share of the work that is done, whatever the time."""
        return self.images / self.total_images

    @property
    def progress(self) -> float:
        """The share that is done, from 0 to 1, which is the end."""
        if self.is_up:
            return 1.0
        return min(1.0, max(self.share, self._time_share))

    @property
    def progress_of_step(self) -> float:
        """Where a schedule is in the step to come, from 0 in the first to 1 in the last.

        Step k = 0, ..., n-1 of all n is at k / (n - 1), and at 0 if it is the only one. With a time
        limit, a later step than the first is at the share of the time if that is larger.
        """
        step = self.step
        if step == 0:
            return 0.0
        if self.is_up:
            return 1.0
        return min(1.0, max(step / max(1, self.total_steps - 1), self._time_share))

    @property
    def _time_share(self) -> float:
        if self.time_limit is None or not self.images:
            return 0.0
        return (self.seconds - self.first_batch) / (self.time_limit - self.first_batch)

    def _steps(self, images: int) -> int:
        """How many batches so many images are: whole epochs, and the batches of one more."""
        epochs, more = divmod(images, self.rows)
        return epochs * -(-self.rows // self.batch_size) + -(-more // self.batch_size)


class StreamClock(Clock):
    """The clock of a fit on a Stream, which does not say how many images are to come.

    per_epoch : batches that make an epoch; None: not known
    epochs, time_limit : as for a Clock
    joined : batches per step

    >>> clock = StreamClock(per_epoch=3, epochs=2, joined=2, time_limit=None)
    >>> for images in (8, 4):
    ...     clock.count(images)
    >>> clock.end_epoch()
    >>> clock.step, clock.epoch, clock.progress, round(clock.progress_of_step, 2), clock.is_over
    (2, 1, 0.5, 0.67, False)
    """

    def __init__(self, per_epoch: int | None, epochs: int, joined: int, time_limit: float | None) -> None:
        super().__init__(-(-(per_epoch or 1) // joined), epochs, 1, time_limit)
        self.epochs = epochs
        self.knows_steps = per_epoch is not None
        self._steps_done = self._epochs_done = 0

    def count(self, images: int) -> None:
        super().count(images)
        self._steps_done += 1

    def end_epoch(self) -> None:
        """Tells that the data of an epoch are at their end."""
        self._epochs_done += 1

    @property
    def step(self) -> int:
        return self._steps_done

    @property
    def epoch(self) -> int:
        return self._epochs_done

    @property
    def is_over(self) -> bool:
        return self._epochs_done >= self.epochs

    @property
    def share(self) -> float:
        return self._steps_done / self.total_steps if self.knows_steps else self._epochs_done / self.epochs


def progress_line(total: float, title: str = "", *, unit: str = "", show: bool | None = None) -> tqdm[NoReturn]:
    """One line on stderr, under 80 columns: "|bar| title", then ", 3 of 8 faces, 00:05 left".

    In a notebook it stands below the cell, as a widget if ipywidgets is installed.

    total : the bar is full when so much is done; `.update(n)` adds n
    title : the words beside the bar; `.set_description_str` changes them
    unit : what is counted, in the plural; "": the line shows no numbers of its own
    show : True or False; None: only on a terminal or in a notebook

    Without stderr, as in a service, nothing is shown, and a stderr that is closed later, or whose
    terminal goes away, does not disturb the work.

    >>> with progress_line(8, "level 2", unit="networks", show=False) as line:
    ...     line.update(3)
    """
    bar, is_widget = bar_class()
    stderr = _Stderr(sys.stderr)
    counts = f", {{n}} of {{total}} {unit}, {{remaining}} left" if unit else ""
    shown = stderr.is_terminal or in_notebook() if show is None else show and stderr.is_open
    line: tqdm[NoReturn] = bar(
        total=total,
        desc=title,
        file=stderr,
        disable=not shown,
        ncols=None if is_widget else min(80, get_terminal_size().columns) - 1,
        nrows=24,  # some pseudo-terminals report 0 rows, and tqdm would show nothing
        bar_format="|{bar}| {desc}" + counts,
    )
    return line


class _Stderr:
    """A stderr that never raises: tqdm would keep a lock that all threads' bars wait for."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.encoding = getattr(file, "encoding", None)  # of the bar's characters

    @property
    def is_open(self) -> bool:
        return self.file is not None and not getattr(self.file, "closed", False)

    @property
    def is_terminal(self) -> bool:
        with suppress(Exception):  # whatever somebody has put there
            return self.is_open and bool(self.file.isatty())
        return False

    def write(self, text: str) -> None:
        with suppress(Exception):
            self.file.write(text)

    def flush(self) -> None:
        with suppress(Exception):
            self.file.flush()


class ProgressBar:
    """The line of one fit: epoch, loss, last validation score, images per second, time left.

    progress : True or False: shown or not; None: shown on a terminal and in a notebook
    epochs : as given to `fit`
    metric : the score to show; None: the validation loss
    warnings : lines to say above it, if it is shown

    Attributes
        scores : of the last epoch, by name; they are shown during the next one
    """

    def __init__(self, progress: bool | None, epochs: int, metric: Metric | None, warnings: Sequence[str] = ()) -> None:
        self.epochs = epochs
        self.metric = metric
        self.scores: dict[str, float] = {}
        # The bar counts progress, not images: with a time limit, the time may run out before the
        # images do.
        self.bar = progress_line(1.0, show=progress)
        for line in () if self.bar.disable else warnings:
            self.bar.write(f"warning: {line}", file=self.bar.fp)

    def show(self, epoch: int, loss: float, images_per_second: float, clock: Clock) -> None:
        """Draws the line, unless it was drawn less than 0.1 s ago."""
        if self.bar.disable:
            return
        progress = clock.progress
        left = self.bar.format_interval(clock.seconds * (1 - progress) / progress) if progress else "?"
        text = f"epoch {epoch}/{self.epochs}, loss {loss:.3g}{self._validation()}"
        self.bar.set_description_str(f"{text}, {images_per_second:.0f} images/s, {left} left", refresh=False)
        self.bar.n = progress
        self.bar.update(0)

    def _validation(self) -> str:
        """The last epoch's score. A metric with a unit needs no name, which saves columns."""
        if self.metric is None or self.metric.name not in self.scores:
            return "".join(f", validation {loss:.3g}" for loss in self.scores.values())
        value = f"{self.scores[self.metric.name]:.3g}"
        return f", {value} {self.metric.unit}" if self.metric.unit else f", {self.metric.name} {value}"

    def close(self) -> None:
        """Leaves the line on the terminal as it is."""
        self.bar.close()
