"""Parsed faces, kept in the user's cache folder: a second reading takes a fraction of a second.

The folder is the first of these that is set: $NNSCRATCH_CACHE; $XDG_CACHE_HOME/nnscratch;
~/Library/Caches/nnscratch on macOS, ~/.cache/nnscratch elsewhere. It may be deleted at any time. No
error here reaches the caller: if the cache is damaged, of another version or not writable, the
source is read instead.

Entries take 1 GiB at most: beyond that the oldest are removed. Only files with names of entries
are, for the folder may hold others.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

import numpy as np

from nnscratch.files import array_files
from nnscratch.files.array_files import Form
from nnscratch.keypoints.faces import POINTS, SIDE, Faces
from nnscratch.keypoints.kaggle import archives
from nnscratch.keypoints.kaggle.files import Limits

# Raise it when the meaning of the arrays changes, or when files are refused that were not before:
# entries of other versions are not read.
VERSION = 3
MOST_BYTES = 1 << 30
# Labels far outside a picture are mistakes: the readers of files and of entries refuse them.
LOWEST, HIGHEST = -SIDE, 2 * SIDE

_ENTRY = re.compile(r"[0-9a-f]{32}\.npz")
_LEFTOVER = re.compile(r"\.(unfinished-)?[0-9a-f]{32}-.*")  # of a program that was killed while it wrote
_LEFTOVER_AGE = 3600.0  # seconds; a younger one may be being written now


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
    """The place in the cache of the faces that are parsed from one file.

    wanted : which table of several in the file

    An entry is valid for one resolved path, size, time of change (in nanoseconds), limits, table
    and `VERSION`. Make it before reading the file: if the file changes while it is read, its time
    changes too, and the old content is never taken for the new.
    """

    def __init__(self, source: Path, limits: Limits, wanted: str = archives.TRAINING) -> None:
        self.path: Path | None = None
        try:
            status = source.stat()
            resolved = os.fsencode(source.resolve()) + (b"" if wanted == archives.TRAINING else b"\0" + wanted.encode())
            self.path = folder() / f"{hashlib.sha256(resolved).hexdigest()[:32]}.npz"
            stamp = VERSION, status.st_size, status.st_mtime_ns, *astuple(limits)
            self.stamp = repr(stamp).encode() + resolved
        except (OSError, RuntimeError, ValueError):
            pass  # no such file, or no cache folder: nothing is kept

    def load(self) -> Faces | None:
        """The stored faces; None if there are none or they are outdated or damaged."""
        if self.path is None:
            return None
        try:
            with array_files.opened(self.path) as arrays:
                forms = arrays.forms
                array_files.check_forms(forms, _forms(*forms["image_ids"].shape[:1] or (0,)))
                checksum = arrays.read("checksum")
                faces = Faces(*(arrays.read(name) for name in ("images", "points", "image_ids")))
        except (OSError, ValueError):  # no entry, or damage: the answer is to read the source
            return None
        is_whole = np.array_equal(checksum, self._checksum(faces)) and _is_plausible(faces)
        return faces if is_whole else None

    def store(self, faces: Faces) -> None:
        """Stores the faces, whole or not at all; nothing if the folder cannot be written."""
        if self.path is None or sum(array.nbytes for array in vars(faces).values()) > MOST_BYTES:
            return
        with suppress(OSError, ValueError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            array_files.write(self.path, {"checksum": self._checksum(faces), **vars(faces)})
            _evict(self.path.parent)

    def _checksum(self, faces: Faces) -> np.ndarray:
        """(32,) uint8: SHA-256 of what the entry is valid for, and of what it holds."""
        digest = hashlib.sha256(self.stamp)
        for array in vars(faces).values():
            digest.update(np.ascontiguousarray(array).data)
        return np.frombuffer(digest.digest(), np.uint8)


def _forms(count: int) -> dict[str, Form]:
    """What an entry with so many faces holds."""
    return {
        "checksum": Form(np.dtype(np.uint8), (32,)),
        "images": Form(np.dtype(np.uint8), (count, SIDE, SIDE)),
        "points": Form(np.dtype(np.float32), (count, len(POINTS), 2)),
        "image_ids": Form(np.dtype(np.int64), (count,)),
    }


def _is_plausible(faces: Faces) -> bool:
    """Whether a file could hold these faces: at least one, labels in range, each id once."""
    labels = faces.points[~np.isnan(faces.points)]
    ids = faces.image_ids
    return bool(
        len(ids)
        and (labels >= LOWEST).all()
        and (labels <= HIGHEST).all()
        and (ids >= 0).all()
        and len(np.unique(ids)) == len(ids)
    )


def _evict(cache: Path) -> None:
    """Removes the oldest entries until the others take `MOST_BYTES` at most, and what is left over
    from killed programs.
    """
    entries: list[tuple[float, int, Path]] = []
    for path in cache.iterdir():
        with suppress(OSError):  # another program may have removed it
            status = path.lstat()
            if _ENTRY.fullmatch(path.name):
                entries.append((status.st_mtime, status.st_size, path))
            elif _LEFTOVER.fullmatch(path.name) and time.time() - status.st_mtime > _LEFTOVER_AGE:
                path.unlink()
    kept = 0
    for _, size, path in sorted(entries, reverse=True):
        kept += size
        if kept > MOST_BYTES:
            with suppress(OSError):
                path.unlink()
