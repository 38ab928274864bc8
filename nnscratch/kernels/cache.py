"""The machine code of kernels on disk: never that of other sources, and never a reason to fail.

Numba's own cache compiles a function again when its file has changed. But the code also holds what
the file imports: intrinsics, other kernels, constants. And a file of the cache that is torn, a full
disk, or folders that cannot be written to end Numba with an exception. Here

- an entry belongs to the sources of all of nnscratch/kernels, to the versions of Numba, llvmlite
  and NumPy, and to the options that Numba's own key leaves out (`_stamp`). The processor and the
  arguments' types are in Numba's key;
- an entry begins with a hash of all that and of what follows. An entry that does not fit its hash
  is as none: it was torn, changed, or written by other sources;
- an entry that cannot be read or written costs the time to compile, and one line in the log.

Where it lies is left to Numba: in NUMBA_CACHE_DIR, else in __pycache__ beside the sources, else in
the user's cache directory. The entries are pickles, as trustworthy as the .pyc files beside them:
who can write there can have any code run.

A network's first step compiles for some seconds: a terminal shows one line that says so, and
`python -m nnscratch compile` fills the cache beforehand, in several processes.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import pickle
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, NullCache

_KERNELS = Path(__file__).resolve().parent
_SEAL = hashlib.sha256().digest_size  # bytes in front of an entry


@dataclass
class Counts:
    """Signatures of kernels since this process began.

    found    : their code came from the cache
    compiled : it was made
    kept     : so many of those were written to the cache
    """

    found: int = 0
    compiled: int = 0
    kept: int = 0


counts = Counts()
_COMPILING = "nnscratch: compiling kernels, once; the first step takes some seconds longer"


def cache_of(function: Any, checked: bool) -> Any:
    """The cache of a function of nnscratch/kernels, for its dispatcher; an empty one if no place is.

    checked : the code checks its bounds (compiled.py); it has entries of its own
    """
    try:
        return _KernelCache(function, checked)
    except Exception as error:  # Numba: RuntimeError, no locator available
        _say_once(error)
        return NullCache()


def folder() -> Path | None:
    """Where the code of this folder's kernels is kept, with those of others beside it; None: nowhere.

    It can be written to: Numba tries before it chooses it.

    >>> folder() is None or folder().is_dir()
    True
    """
    path = getattr(cache_of(cache_of, False), "cache_path", None)
    return None if path is None else Path(path)


@functools.cache
def stamp() -> bytes:
    """A hash of what the code of a kernel depends on, besides its arguments and the processor."""
    parts = [numba.__version__, llvmlite.__version__, np.__version__]
    parts += [config.OPT, config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE]
    files = sorted(_KERNELS.rglob("*.py")) or sorted(_KERNELS.rglob("*.pyc"))
    if not files:
        raise RuntimeError(f"no sources in {_KERNELS} that a cache could belong to")
    total = hashlib.sha256(repr([str(part) for part in parts]).encode())
    for file in files:
        total.update(file.relative_to(_KERNELS).as_posix().encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.digest()


_said: list[str] = []  # in this process


def _say_once(error: Exception) -> None:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if not _said:
        logging.getLogger("nnscratch").warning(
            "kernels: cannot keep compiled code (%s); it is made again in each process, unless NUMBA_CACHE_DIR names "
            "a folder that can be written to",
            reason,
        )
    _said.append(reason)


def _say_that_it_compiles() -> None:
    """One line per process, on a terminal: in place of a line of progress, which is drawn again."""
    with suppress(Exception):  # whatever somebody has put in the place of stderr
        if not counts.compiled and sys.stderr.isatty():
            width = max(shutil.get_terminal_size().columns - 1, len(_COMPILING))
            sys.stderr.write(f"\r{_COMPILING:<{width}}\n")
            sys.stderr.flush()


class _Place(CompileResultCacheImpl):  # type: ignore[misc]
    """Where the entries of a function lie, and their names."""

    suffix = ""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        # Without the line, which Numba has in it: an edit would leave the old file for ever.
        return f"{fullname}{self.suffix}.py{sys.version_info[0]}{sys.version_info[1]}{abiflags}"


class _CheckedPlace(_Place):
    suffix = "-checked"


class _Entries(IndexDataCacheFile):  # type: ignore[misc]
    """The files of one function: an index and an entry per signature, each behind its seal."""

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        # Two processes that write at once may give one file name to two signatures.
        found = super().load(key)
        return found[1] if isinstance(found, tuple) and found[0] == key else None

    def _load_index(self) -> dict[Any, str]:
        index = self._read(self._index_path)
        return index if isinstance(index, dict) else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, overloads)

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> Any:
        try:
            content = Path(path).read_bytes()
        except OSError:
            return None
        data = content[_SEAL:]
        return pickle.loads(data) if content[:_SEAL] == self._seal(data) else None

    def _write(self, path: str, value: Any) -> None:
        data = self._dump(value)
        with self._open_for_write(path) as file:
            file.write(self._seal(data) + data)

    def _seal(self, data: bytes) -> bytes:
        return hashlib.sha256(self._source_stamp + data).digest()


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache of a function, with our entries; no error leaves it."""

    def __init__(self, function: Any, checked: bool) -> None:
        self._impl_class = _CheckedPlace if checked else _Place
        super().__init__(function)
        self._cache_file = _Entries(self._cache_path, self._impl.filename_base, stamp())

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        found = None
        try:
            found = super().load_overload(signature, target_context)
        except Exception:  # a pickle of other classes, say: compiled again, and overwritten
            logging.getLogger("nnscratch").debug("kernels: an entry of the cache could not be used", exc_info=True)
        if found is None:
            _say_that_it_compiles()
        else:
            counts.found += 1
        return found

    def save_overload(self, signature: Any, data: Any) -> None:
        counts.compiled += 1
        try:
            super().save_overload(signature, data)
            counts.kept += 1
        except Exception as error:
            _say_once(error)
