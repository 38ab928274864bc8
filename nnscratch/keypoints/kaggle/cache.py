"""Parsed arrays, kept in the user's cache folder: a second reading takes a tenth of a second.

The folder is the first of these that is set: $NNSCRATCH_CACHE; $XDG_CACHE_HOME/nnscratch;
~/Library/Caches/nnscratch on macOS, ~/.cache/nnscratch elsewhere. It may be deleted at any time. No
error here reaches the caller: if the cache is damaged, of another version or not writable, the
source is read instead.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import numpy as np

from nnscratch import array_files

# Raise it when the meaning of the arrays changes: entries of other versions are not read.
VERSION = 1


def folder() -> Path:
    """The cache folder, which may not exist yet.

    Raises
        RuntimeError : no variable is set and the user has no home folder
    """
    if chosen := os.environ.get("NNSCRATCH_CACHE"):
        return Path(chosen)
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "nnscratch"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "nnscratch"


class Entry:
    """The place in the cache of the arrays that are parsed from one file.

    An entry is valid for one resolved path, size, time of change (in nanoseconds) and `VERSION`.
    Make it before reading the file: if the file changes while it is read, its time changes too, and
    the old content is never taken for the new.
    """

    def __init__(self, source: Path) -> None:
        self.path: Path | None = None
        try:
            status = source.stat()
            key = hashlib.sha256(os.fsencode(source.resolve())).hexdigest()[:32]
            self.path = folder() / f"{key}.npz"
            self.stamp = np.array([VERSION, status.st_size, status.st_mtime_ns], np.int64)
        except (OSError, RuntimeError, ValueError):
            pass  # no such file, or no cache folder: nothing is kept

    def load(self) -> dict[str, np.ndarray] | None:
        """The stored arrays by name; None if there are none or they are outdated or damaged."""
        if self.path is None:
            return None
        try:
            arrays = array_files.read(self.path)
            stamp = arrays.pop("stamp")
        except (OSError, ValueError, KeyError):  # no entry, or damage: the answer is to read the source
            return None
        return arrays if np.array_equal(stamp, self.stamp) else None

    def store(self, arrays: dict[str, np.ndarray]) -> None:
        """Stores the arrays, whole or not at all; nothing if the folder cannot be written."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            array_files.write(self.path, {"stamp": self.stamp, **arrays})
        except OSError:
            pass
