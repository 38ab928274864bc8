"""Progress: how far a training has come, and the line on the terminal that shows it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm

    from nnscratch.history import Metric


class Clock:
    """How far a fit has come: its share of the images or of the time, whichever is larger.

    total_images : of all epochs
    time_limit : seconds; None: no limit

    Raises
        ValueError : time_limit is not a finite number above 0

    The first batch compiles kernels. Compile time counts towards the time limit but not towards
    progress; otherwise a warm-up of the learning rate would be over before the second step.
    """

    def __init__(self, total_images: int, time_limit: float | None) -> None:
        if time_limit is not None and not 0 < time_limit < math.inf:
            raise ValueError(f"fit: got time_limit={time_limit!r}, expected seconds > 0; leave it out for no limit")
        self.total_images = total_images
        self.time_limit = time_limit
        self.images = 0
        self.first_batch = 0.0  # seconds until it was done
        self.began = time.perf_counter()

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
        self.images, self.first_batch, self.began = images, first_batch, time.perf_counter() - seconds

    @property
    def seconds(self) -> float:
        """Seconds since the fit began."""
        return time.perf_counter() - self.began

    @property
    def is_up(self) -> bool:
        """Whether the time limit is reached."""
        return self.time_limit is not None and self.seconds >= self.time_limit

    @property
    def progress(self) -> float:
        """From 0 to 1, which is the end."""
        if self.is_up:
            return 1.0
        time_share = 0.0
        if self.time_limit is not None and self.images:
            time_share = (self.seconds - self.first_batch) / (self.time_limit - self.first_batch)
        return min(1.0, max(self.images / self.total_images, time_share))


def progress_line(total: float, title: str = "", *, unit: str = "", show: bool | None = None) -> tqdm[NoReturn]:
    """One line on stderr, under 80 columns: "|bar| title", then ", 3 of 8 faces, 00:05 left".

    total : the bar is full when so much is done; `.update(n)` adds n
    title : the words beside the bar; `.set_description_str` changes them
    unit : what is counted, in the plural; "": the line shows no numbers of its own
    show : True or False; None: only if stderr is a terminal

    >>> with progress_line(8, "level 2", unit="networks", show=False) as line:
    ...     line.update(3)
    """
    from tqdm import tqdm  # here: it takes time to import, and most programs show no progress

    counts = f", {{n}} of {{total}} {unit}, {{remaining}} left" if unit else ""
    return tqdm(
        total=total,
        desc=title,
        disable=None if show is None else not show,  # None: unless stderr is a terminal
        ncols=min(80, get_terminal_size().columns) - 1,
        nrows=24,  # some pseudo-terminals report 0 rows, and tqdm would show nothing
        bar_format="|{bar}| {desc}" + counts,
    )


class ProgressBar:
    """The line of one fit: epoch, loss, last validation score, images per second, time left.

    progress : True or False: shown or not; None: shown if stderr is a terminal
    epochs : as given to `fit`
    metric : the score to show; None: the validation loss

    Attributes
        scores : of the last epoch, by name; they are shown during the next one
    """

    def __init__(self, progress: bool | None, epochs: int, metric: Metric | None) -> None:
        self.epochs = epochs
        self.metric = metric
        self.scores: dict[str, float] = {}
        # The bar counts progress, not images: with a time limit, the time may run out before the
        # images do.
        self.bar = progress_line(1.0, show=progress)

    def show(self, epoch: int, loss: float, images_per_second: float, clock: Clock) -> None:
        """Draws the line, unless it was drawn less than 0.1 s ago."""
        if self.bar.disable:
            return
        progress = clock.progress
        left = self.bar.format_interval(clock.seconds * (1 - progress) / progress)
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
