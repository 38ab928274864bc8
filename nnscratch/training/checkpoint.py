"""The checkpoint of a training: one `.npz` file from which it goes on, bit for bit.

    NAME.npz           the last one
    NAME.previous.npz  the one before: read if the last one is damaged or missing

A state is made of dicts and lists; its leaves are arrays, text, whole numbers, floats, True, False
and None. Its arrays become the arrays of the file. The rest becomes one JSON text, in which
{"array": 3} stands for the array "3".
"""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.files import array_files, atomic, json_files
from nnscratch.files.json_files import Record
from nnscratch.messages import one_line, printable
from nnscratch.training.same_training import first_difference

if TYPE_CHECKING:
    from nnscratch.model import Sequential

_FORMAT = "nnscratch checkpoint 1"
_JSON = "state"  # the array that holds the text
EVERY = 60.0  # seconds: so much work is lost at most

OnError = Callable[[OSError], None]
State = dict[str, Any]


class Checkpoint:
    """Where one training keeps its state.

    path     : of the file, which need not exist; its folder must
    settings : name -> value, what a training must agree in to be the same one (same_training.py)
    most_bytes : that a file is read of
    on_error : takes the error of a checkpoint that could not be written, and the training goes on;
        None: a warning, once

    Raises
        OSError : the folder is missing, or `path` is a folder

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(Path(folder) / "mlp.npz", {"batch_size": "8"})
    ...     checkpoint.save({"epoch": 3, "weight": np.array([0.5])})
    ...     checkpoint.wait()
    ...     checkpoint.load()
    {'epoch': 3, 'weight': array([0.5])}
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: Mapping[str, str],
        on_error: OnError | None = None,
        *,
        most_bytes: int = array_files.MOST_BYTES,
    ) -> None:
        self.path = Path(path)
        self.settings = dict(settings)
        self.on_error = on_error
        self.most_bytes = most_bytes
        self._saved_at = time.perf_counter()
        self._warned = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nnscratch-checkpoint")
        self._writing: Future[None] | None = None
        if self.path.is_dir():
            raise IsADirectoryError(f"checkpoint: got the folder {path}, expected a file; give a name in it")
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"checkpoint: got {path} in a folder that does not exist, expected one; make it")

    @property
    def previous(self) -> Path:
        """The file with the checkpoint before the last one."""
        return self.path.with_name(f"{self.path.stem}.previous{self.path.suffix}")

    @property
    def is_due(self) -> bool:
        """Whether so much time has passed since the last one that the next is not to be put off."""
        return time.perf_counter() - self._saved_at >= EVERY

    def save(self, state: State) -> None:
        """Begins to write the state, whole or not at all; `wait` returns when it is on disk.

        A thread writes, because a disk may take as long as an epoch to be done; the state's arrays
        must stay as they are until then. An OSError goes to `on_error`, at the next `save` or
        `wait`.
        """
        self.wait()
        self._saved_at = time.perf_counter()
        self._writing = self._thread.submit(self._write, state)

    def wait(self) -> None:
        """Returns when the last state is on disk, or known not to be."""
        writing, self._writing = self._writing, None
        try:
            if writing is not None:
                writing.result()
        except OSError as error:
            self._complain(error)

    def _write(self, state: State) -> None:
        arrays: dict[str, np.ndarray] = {}
        text = json.dumps(
            {"format": _FORMAT, "settings": self.settings, "state": _without_arrays(state, arrays)}, allow_nan=False
        )
        # Named like what is unfinished until both renames are done, so that a kill leaves no third
        # file for good.
        coming = self.path.with_name(f"{atomic.UNFINISHED}{self.path.name}")
        array_files.write(coming, {_JSON: np.array(text), **arrays})
        if self.path.exists():
            self.path.replace(self.previous)
        atomic.replace(coming, self.path)

    def load(self) -> State | None:
        """The last state; None if there is no file.

        Raises
            ValueError : it is of another training, and the message names the difference; or both
                files are damaged
        """
        damage: list[ValueError] = []
        for path in (self.path, self.previous):
            try:
                state = self._read(path)
            except FileNotFoundError:
                continue
            except ValueError as error:
                if isinstance(error, _OtherTraining):
                    raise
                damage.append(error)
                continue
            if damage:
                warnings.warn(f"{damage[0]} (going on from {path.name}, the one before)", stacklevel=2)
            return state
        if damage:
            raise CheckpointError(str(damage[0])) from None
        return None

    def _read(self, path: Path) -> State:
        try:
            with array_files.opened(path, most_bytes=self.most_bytes) as arrays:
                content = Record(json_files.parse(arrays.text(_JSON)))
                content.text("format", among=[_FORMAT])
                settings = {name: str(value) for name, value in content.record("settings").fields.items()}
                # The arrays are not read before it is known that they are of this training.
                difference = first_difference(settings, self.settings)
                state = {} if difference else _with_arrays(content.record("state").fields, arrays)
        except ValueError as error:
            raise damaged(path, getattr(error, "reason", error)) from None
        if difference:
            message = f"{str(path)[-80:]}: got the checkpoint of another training, with {difference}"
            raise _OtherTraining(f"{printable(message)}; go on as it began, or remove it")
        return state

    def _complain(self, error: OSError) -> None:
        if self.on_error is not None:
            self.on_error(error)
        elif not self._warned:
            self._warned = True
            warnings.warn(f"{self.path}: the checkpoint could not be written ({error}); training goes on", stacklevel=4)


def largest_state(model: Sequential) -> int:
    """Bytes that a checkpoint of this model may have, with any of our optimizers."""
    copies = 5  # weights, two running means, averaged weights, the best ones
    return copies * sum(w.nbytes for w in model.parameters()) + (1 << 26)  # and the history


class CheckpointError(ValueError):
    """A checkpoint that no training can go on from: it is damaged, or of another training."""


class _OtherTraining(CheckpointError):
    """The checkpoint is whole, but of another training."""


def damaged(path: Path, why: object) -> CheckpointError:
    """The error for a file that no training wrote, or that was damaged later."""
    came, fix = f"a damaged checkpoint ({str(why)[:120]})", "remove it to begin anew"
    return CheckpointError(one_line(str(path), came, "what a training wrote", fix))


def _without_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The value for JSON; its arrays go into `arrays`."""
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = value
        return {"array": name}
    if isinstance(value, Mapping):
        return {key: _without_arrays(each, arrays) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(each, arrays) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(float(value))}  # JSON has no NaN and no infinity
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value: Any, arrays: array_files.Arrays) -> Any:
    if isinstance(value, list):
        return [_with_arrays(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["array"]:
        return arrays.read(str(value["array"]))
    if list(value) == ["float"]:
        return float(str(value["float"]))
    return {key: _with_arrays(each, arrays) for key, each in value.items()}
