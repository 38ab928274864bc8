"""The checkpoints of a run: OUT/checkpoints/, from its beginning until it is finished.

run.json                        the options, and the time used so far: without it there is no
                                unfinished run, whatever else lies there
NAME.npz, NAME.previous.npz     the state of a training (training/checkpoint.py)
level_2/REGION.npz, ...         the same of each network of a cascade's level
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nnscratch.files import atomic, json_files
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.run_files import names_in

_FILE = "run.json"
_LARGEST = 1 << 20  # bytes
_LEVEL = re.compile(r"level_\d+")
# These may differ: they do not steer the training.
_FREE = {"out", "resume", "overwrite", "threads", "test", "lookup", "every", "distributed", "quiet"}


def steering(options: TrainingOptions) -> dict[str, Any]:
    """The options that two runs must have in common to be one, ready for JSON."""
    values = dataclasses.asdict(options)
    return {name: value for name, value in values.items() if name not in _FREE}


def difference(before: Mapping[str, Any], now: Mapping[str, Any], *, same_file: bool) -> str | None:
    """The first option that differs, as it is written on the command line; None if none does.

    same_file : whether --data must name the same file. A checkpoint need not ask for that: it
        compares the faces themselves

    >>> difference({"seed": 1, "epochs": None}, {"seed": 1, "epochs": 5}, same_file=True)
    'without --epochs, now --epochs 5'
    """
    for name in [*now, *(name for name in before if name not in now)]:
        old, new = before.get(name), now.get(name)
        if name == "data" and old is not None and new is not None:
            if not same_file or _same_file(str(old), str(new)):
                continue
        elif old == new:
            continue
        return f"{_written(name, old)}, now {_written(name, new)}"
    return None


def _written(name: str, value: object) -> str:
    option = f"--{name.replace('_', '-')}"
    return f"without {option}" if value is None else f"{option} {str(value)[:60]}"


def _same_file(old: str, new: str) -> bool:
    with suppress(OSError, ValueError):
        return Path(old).samefile(new)
    return Path(old).absolute() == Path(new).absolute()


class RunCheckpoints:
    """The checkpoints of one run.

    folder : need not exist

    Attributes
        seconds : of training before this process, reading data included
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 0.0
        self._content: dict[str, Any] = {}

    @property
    def are_there(self) -> bool:
        """Whether the folder holds an unfinished run."""
        return os.path.lexists(self.folder / _FILE)

    @property
    def have_state(self) -> bool:
        """Whether a training of it has a checkpoint to go on from."""
        return bool(self._states())

    def read(self) -> dict[str, Any]:
        """The options of the unfinished run; from now on `seconds` counts its time.

        Raises
            DataError : run.json is damaged
        """
        path = self.folder / _FILE
        try:
            content = json_files.read(path, at_most=_LARGEST)
            options, limits = content["options"], content["limits"]
            seconds, began = float(content["seconds"]), float(content["began"])
            if not (isinstance(options, dict) and isinstance(limits, dict) and 0 <= seconds < 1e9):
                raise ValueError("a field is of another kind")
            self._content = {"limits": {str(name): float(limit) for name, limit in limits.items()}}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError.at(
                str(path),
                came=f"a damaged file ({str(getattr(error, 'reason', error))[:80]})",
                expected="what a training wrote",
                fix="train anew with --overwrite",
            ) from None
        # The last sign of life: a killed process could not write how long it ran.
        last = max((file.stat().st_mtime for file in self._states()), default=began)
        self.seconds = seconds + max(0.0, last - began)
        return options

    def begin(self, options: TrainingOptions) -> None:
        """Makes the folder, and writes the options down; the clock runs from now on.

        Raises
            OSError : the folder cannot be written
        """
        self.folder.mkdir(exist_ok=True)
        self._content = {
            "options": steering(options),
            "limits": self._content.get("limits", {}),
            "seconds": self.seconds,
            "began": time.time(),
        }
        self._write()

    def limit(self, name: str, value: float) -> float:
        """A limit of a training, in seconds or networks: `value`, or what it was at first."""
        limits = self._content.setdefault("limits", {})
        if name not in limits:
            limits[name] = value
            with suppress(OSError):  # then it is computed anew after an interruption: a little longer
                self._write()
        return float(limits[name])

    def remove(self) -> None:
        """Removes what the program wrote there, and the folder if nothing else is in it."""
        with suppress(OSError):
            (self.folder / _FILE).unlink(missing_ok=True)  # first: half a set of states is none
            for file in self._states():
                file.unlink(missing_ok=True)
            self.remove_leftovers()
            for place in [*self._levels(), self.folder]:
                if not names_in(place):
                    place.rmdir()

    def remove_leftovers(self) -> None:
        """Removes what a killed process left half written."""
        for place in [self.folder, *self._levels()]:
            atomic.remove_leftovers(place)

    def _write(self) -> None:
        if "options" in self._content:
            atomic.write_text(self.folder / _FILE, json.dumps(self._content, indent=1) + "\n")

    def _levels(self) -> list[Path]:
        return [
            self.folder / name
            for name in names_in(self.folder)
            if _LEVEL.fullmatch(name) and (self.folder / name).is_dir() and not (self.folder / name).is_symlink()
        ]

    def _states(self) -> list[Path]:
        """All checkpoints of trainings. (`network` is what the scripts call their first one.)"""
        own = [self.folder / name for name in ("network.npz", "network.previous.npz")]
        levels = [level / name for level in self._levels() for name in names_in(level) if name.endswith(".npz")]
        return [path for path in [*own, *levels] if path.is_file() and not path.name.startswith(atomic.UNFINISHED)]
