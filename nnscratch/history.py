"""History: what a training did, per epoch, and how it ended. Metric: a score for people."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch import atomic


@dataclass(frozen=True)
class Metric:
    """A number for people beside the loss, such as an error in pixels; lower is better.

    Arguments
        name : heading of its column in the history
        unit : shown after the number; "" if there is none
        function : (prediction, target), two arrays of N rows -> float

    >>> def mean_error(prediction, target):
    ...     return float(np.nanmean(np.abs(prediction - target)))
    >>> error = Metric("mean_error", "px", mean_error)
    >>> error.function(np.array([1.0, 5.0]), np.array([2.0, np.nan]))
    1.0
    """

    name: str
    unit: str
    function: Callable[[np.ndarray, np.ndarray], float]


class Outcome(Enum):
    """How a training ended."""

    ALL_EPOCHS = "all epochs done"
    TIME_LIMIT = "time limit reached"
    NO_BETTER = "no better for some epochs"
    ASKED = "a callback or the doctor asked for it"
    INTERRUPTED = "interrupted by the user"
    DIVERGED = "the loss or a weight is not finite"
    UNKNOWN = "read from a file that does not say"


class History:
    """A table with one line per epoch, the number of the best epoch, and why the training stopped.

    Arguments
        names : the columns, in order; the first is "epoch", counted from 1
        score : the column that decides which epoch is the best: the lowest finite value, the first
            of equal ones

    Attributes
        outcome : how the training ended, for programs; None while it goes on
        stopped : the same for people, such as "all 60 epochs done"; empty while it goes on

    Raises
        ValueError : `names` does not begin with "epoch", or `score` is not one of them

    >>> history = History(["epoch", "loss"], score="loss")
    >>> for epoch, loss in [(1, 0.5), (2, 0.25), (3, 0.75)]:
    ...     history.append({"epoch": epoch, "loss": loss})
    >>> history.columns["loss"]
    [0.5, 0.25, 0.75]
    >>> history.best_epoch, history.best
    (2, {'epoch': 2, 'loss': 0.25})
    """

    def __init__(self, names: Sequence[str], *, score: str) -> None:
        if "epoch" not in names[:1]:
            raise ValueError(f"History: got the columns {list(names)}, expected 'epoch' first; put it there")
        if score not in names:
            raise ValueError(f"History: got score={score!r}, expected one of {list(names)}; choose a column")
        self.names = list(names)
        self.score = score
        self.outcome: Outcome | None = None
        self.stopped = ""
        self._lines: list[dict[str, float]] = []
        self._best: dict[str, float] | None = None

    def append(self, line: dict[str, float]) -> None:
        """Adds an epoch.

        line : column -> value, every column of `names`, in their order

        Raises
            ValueError : the line's columns are not the table's
        """
        if list(line) != self.names:
            raise ValueError(
                f"History: got a line with {list(line)}, expected {self.names}; give every column, in order"
            )
        score = line[self.score]
        if math.isfinite(score) and (self._best is None or score < self._best[self.score]):
            self._best = line
        self._lines.append(line)

    def end(self, outcome: Outcome, stopped: str) -> None:
        """Says how the training ended, and why in a sentence."""
        self.outcome, self.stopped = outcome, stopped

    def state(self) -> dict[str, Any]:
        """All lines and how the training ended, for a checkpoint: numbers as text, all digits."""
        return {
            "names": self.names,
            "lines": [[repr(_plain(value)) for value in line.values()] for line in self._lines],
            "outcome": None if self.outcome is None else self.outcome.name,
            "stopped": self.stopped,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Makes this empty table the one that `state` gave.

        Raises
            ValueError : its columns are others, its epochs are not 1, 2, ..., or it is damaged
        """
        if state["names"] != self.names:
            raise ValueError(f"History: got the columns {state['names']!r}, expected {self.names}; fit as before")
        for number, line in enumerate(state["lines"], 1):
            values = [int(text) if text.isdigit() else float(text) for text in line]
            if len(values) != len(self.names) or values[0] != number:
                raise ValueError(f"History: got the line {line!r}, expected epoch {number}; the file is damaged")
            self.append(dict(zip(self.names, values, strict=True)))
        if state["outcome"] is not None:
            self.end(Outcome[state["outcome"]], str(state["stopped"]))

    @property
    def columns(self) -> dict[str, list[float]]:
        """Each column's values, epoch after epoch."""
        return {name: [line[name] for line in self._lines] for name in self.names}

    @property
    def best_epoch(self) -> int | None:
        """The number of the epoch with the lowest score, or None before there is one."""
        return None if self._best is None else int(self._best["epoch"])

    @property
    def best(self) -> dict[str, float]:
        """The line of the best epoch; empty before there is one."""
        return dict(self._best or {})

    def save_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the table with a heading, whole or not at all, with all digits of every number.

        Raises
            OSError : the folder is missing or cannot be written
        """
        with atomic.write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(self.names)
            table.writerows([repr(_plain(line[name])) for name in self.names] for line in self._lines)

    @classmethod
    def load_csv(cls, path: str | os.PathLike[str]) -> History:
        """The table that `save_csv` wrote. Its outcome is unknown, and its score is the loss.

        Raises
            OSError : there is no such file
            ValueError : it is damaged
        """
        try:
            with Path(path).open(newline="", encoding="utf-8") as file:
                table = csv.DictReader(file)
                names = list(table.fieldnames or [])
                history = cls(names, score="loss")
                for row in table:
                    history.append({name: float(row[name]) for name in names})
        except (ValueError, TypeError, csv.Error) as error:
            raise ValueError(
                f"{path}: got a damaged history ({error}), expected what a training wrote; train again"
            ) from None
        history.end(Outcome.UNKNOWN, "read from a file")
        return history

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f"<History of {len(self)} epochs, best {self.best_epoch}; {self.stopped or 'still running'}>"


def _plain(value: float) -> float:
    """A NumPy number as Python's own, whose repr is the number alone."""
    return value.item() if isinstance(value, np.generic) else value
