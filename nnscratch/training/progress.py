"""How far a training has come, and the line on the terminal that says so."""

from __future__ import annotations

import math
import time
from shutil import get_terminal_size
from typing import NoReturn

from nnscratch.history import Metric


class Clock:
    """How far a fit has come: by the images or by the time, whichever is further.

    The first batch compiles kernels. Its seconds are of the limit, but bring the progress no further: a learning rate
    that should rise in the first minute would else be at its highest before the second step.
    """

    def __init__(self, total_images: int, time_limit: float | None) -> None:
        if time_limit is not None and not 0 < time_limit < math.inf:
            raise ValueError(f"got time_limit={time_limit!r}, expected seconds > 0; leave it out for no limit")
        self.total_images = total_images
        self.time_limit = time_limit
        self.images = 0
        self.first_batch = 0.0  # seconds until it was done
        self.began = time.perf_counter()

    def count(self, images: int) -> None:
        """A batch of so many images is done."""
        if self.images == 0:
            self.first_batch = self.seconds
        self.images += images

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def is_up(self) -> bool:
        return self.time_limit is not None and self.seconds >= self.time_limit

    @property
    def progress(self) -> float:
        if self.is_up:
            return 1.0
        time_share = 0.0
        if self.time_limit is not None and self.images:
            time_share = (self.seconds - self.first_batch) / (self.time_limit - self.first_batch)
        return min(1.0, max(self.images / self.total_images, time_share))


class ProgressBar:
    """One line on stderr for the whole fit: epoch, loss, last validation score, images a second, time left."""

    def __init__(self, progress: bool | None, epochs: int, metric: Metric | None) -> None:
        from tqdm import tqdm

        self.epochs = epochs
        self.metric = metric
        self.scores: dict[str, float] = {}
        # The bar counts progress, not images: with a time limit, the time may run out before the images do.
        self.bar: tqdm[NoReturn] = tqdm(
            total=1.0,
            disable=None if progress is None else not progress,  # None: unless stderr is a terminal
            ncols=min(80, get_terminal_size().columns) - 1,
            nrows=24,  # of one line: some pseudo-terminals say that they have 0 rows, and tqdm would show nothing
            bar_format="|{bar}| {desc}",
        )

    def show(self, epoch: int, loss: float, images_per_second: float, clock: Clock) -> None:
        if self.bar.disable:
            return
        progress = clock.progress
        left = self.bar.format_interval(clock.seconds * (1 - progress) / progress)
        text = f"epoch {epoch}/{self.epochs}, loss {loss:.3g}{self._validation()}"
        self.bar.set_description_str(f"{text}, {images_per_second:.0f} images/s, {left} left", refresh=False)
        self.bar.n = progress
        self.bar.update(0)  # draws, unless it did so less than 0.1 s ago

    def _validation(self) -> str:
        """The score of the epoch before; a unit says enough for the metric's name to be left out of 80 columns."""
        if self.metric is None or self.metric.name not in self.scores:
            return "".join(f", validation {loss:.3g}" for loss in self.scores.values())
        value = f"{self.scores[self.metric.name]:.3g}"
        return f", {value} {self.metric.unit}" if self.metric.unit else f", {self.metric.name} {value}"

    def close(self) -> None:
        self.bar.close()
