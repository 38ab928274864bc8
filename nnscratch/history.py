"""History: what a training did, per epoch, and how it ended. Metric: a score for people."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.files import atomic
from nnscratch.files.stored_files import read_bytes, told
from nnscratch.messages import shown

if TYPE_CHECKING:
    import pandas

# What a file may hold at most, and what some columns may be.
_MOST_BYTES, _MOST_COLUMNS, _LONGEST_NUMBER, _LAST_EPOCH = 1 << 24, 100, 40, 10**9
_NEVER_NEGATIVE = {"lr", "seconds", "images", "images_per_second"}


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
        higher_is_better : then it is the highest finite value
        shuffled : whether every epoch took the rows in a new random order, as Trainer.fit does;
            None: not known

    Attributes
        shuffled : as given; None for a table from a file, which does not say
        warnings : what was certain before the first step, a line for each finding, if the Trainer
            had a diagnose_every; no file holds them
        outcome : how the training ended, for programs; None while it goes on
        stopped : the same for people, such as "all 60 epochs done"; empty while it goes on
        best_weights : a digest of the weights of the best epoch, if the fit has left these in its
            model; None otherwise, and in a table from a file

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

    def __init__(
        self, names: Sequence[str], *, score: str, higher_is_better: bool = False, shuffled: bool | None = None
    ) -> None:
        if "epoch" not in names[:1]:
            raise ValueError(f"History: got the columns {list(names)}, expected 'epoch' first; put it there")
        if score not in names:
            raise ValueError(f"History: got score={score!r}, expected one of {list(names)}; choose a column")
        self.names = list(names)
        self.score = score
        self.higher_is_better = higher_is_better
        self.shuffled = shuffled
        self.warnings: list[str] = []
        self.outcome: Outcome | None = None
        self.stopped = ""
        self.best_weights: str | None = None
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
        if math.isfinite(line[self.score]) and (self._best is None or self._is_better(line, self._best)):
            self._best = line
        self._lines.append(line)

    def begin_with(self, earlier: History) -> None:
        """Begins this empty table with the lines of an earlier one, which has the same columns."""
        for line in earlier._lines:
            self.append(dict(line))

    def _is_better(self, line: dict[str, float], best: dict[str, float]) -> bool:
        score, before = line[self.score], best[self.score]
        return score > before if self.higher_is_better else score < before

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
        """Makes this table the one that `state` gave.

        Raises
            ValueError : its columns are others, its epochs are not 1, 2, ..., or it is damaged
        """
        if state["names"] != self.names:
            raise ValueError(f"History: got the columns {state['names']!r}, expected {self.names}; fit as before")
        self._lines, self._best = [], None
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

    def frame(self) -> pandas.DataFrame:
        """The table for pandas: one row per epoch, a column for each of `names`, in a copy.

        epoch and images are int64, all others float64

        >>> history = History(["epoch", "loss"], score="loss")
        >>> history.append({"epoch": 1, "loss": 0.5})
        >>> history.frame()
           epoch  loss
        0      1   0.5
        """
        import pandas  # here: its import takes longer than that of all of nnscratch

        frame = pandas.DataFrame(self.columns, dtype=np.float64)
        whole = [name for name in ("epoch", "images") if name in self.names and (frame[name] % 1 == 0).all()]
        return frame.astype(dict.fromkeys(whole, np.int64))

    @property
    def best_epoch(self) -> int | None:
        """The number of the epoch with the best score, or None before there is one."""
        return None if self._best is None else int(self._best["epoch"])

    @property
    def best(self) -> dict[str, float]:
        """The line of the best epoch; empty before there is one."""
        return dict(self._best or {})

    def save_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the table with a heading, whole or not at all, with all digits of every number.

        Neither `score` nor how the training ended is written.

        Raises
            OSError : the folder is missing or cannot be written
        """
        with atomic.write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(self.names)
            table.writerows([repr(_plain(line[name])) for name in self.names] for line in self._lines)

    @classmethod
    def load_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        score: str = "loss",
        higher_is_better: bool = False,
        most_rows: int = 100_000,
    ) -> History:
        """The table that `save_csv` wrote. Its outcome is unknown, and whether rows were shuffled.

        score, higher_is_better : what judges the epochs, as in the constructor: the file does not
            say which column did. Without them it is the loss

        most_rows : epochs that it may have; its columns may be 100, its bytes 16 MiB

        Epochs are whole numbers from 1 that increase; lr, seconds, images and images_per_second are
        finite and not negative. Any other value is NaN or infinite where the training's was.

        Raises
            OSError : there is no such file
            ValueError : it is damaged, larger than that, or has no column `score`
        """
        expected, fix = "what a training wrote", "train again"
        with told(path, came="a damaged history", expected=expected, fix=fix):
            table = csv.reader(io.StringIO(read_bytes(path, _MOST_BYTES).decode(), newline=""), strict=True)
            try:
                lines = list(islice(table, most_rows + 2))
            except csv.Error as error:
                raise ValueError(str(error)) from None
            names, *rows = [line for line in lines if line] or [[]]
            if len(lines) > most_rows + 1 or len(names) > _MOST_COLUMNS or len(set(names)) < len(names):
                raise ValueError(f"it has over {most_rows:,} rows, over {_MOST_COLUMNS} columns, or a column twice")
            history = cls(names, score=score, higher_is_better=higher_is_better)
            for row in rows:
                if len(row) != len(names):
                    raise ValueError(f"row {len(history) + 1} has {len(row)} values, expected {len(names)}")
                line = {name: _value(name, text) for name, text in zip(names, row, strict=True)}
                if history and line["epoch"] <= history._lines[-1]["epoch"]:
                    raise ValueError(f"epoch {line['epoch']:g} comes after {history._lines[-1]['epoch']:g}")
                history.append(line)
        history.end(Outcome.UNKNOWN, "read from a file")
        return history

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f"<History of {len(self)} epochs, best {self.best_epoch}; {self.stopped or 'still running'}>"

    def _repr_html_(self) -> str:
        # Late: a page needs matplotlib, a training does not.
        from nnscratch.pages.curves import training_view

        return training_view(self.columns, score=self.score, best=self.best, stopped=self.stopped)


def _plain(value: float) -> float:
    """A NumPy number as Python's own, whose repr is the number alone."""
    return value.item() if isinstance(value, np.generic) else value


def _value(name: str, text: str) -> float:
    """A value of the column `name` in a file."""
    try:
        is_number = len(text) <= _LONGEST_NUMBER and "_" not in text
        value = float(text) if is_number else math.nan
    except ValueError:
        is_number, value = False, math.nan
    if name == "epoch":
        is_number = is_number and value.is_integer() and 1 <= value <= _LAST_EPOCH
    elif name in _NEVER_NEGATIVE:
        is_number = is_number and 0 <= value < math.inf
    if not is_number:
        raise ValueError(f"{shown(name)} is {shown(text)}")
    return value
