"""Makes Numba's disk cache notice changes in the files that a kernel imports.

Numba compiles a kernel again when its own file has changed. But the compiled code also holds what
the file imports: intrinsics, other kernels, constants. Without this module, a change there would
have no effect until the caller's file is touched or its cache is deleted.

Numba asks a "locator" for the place of a function's cache, and for a stamp: if the stamp differs
from the one in the cache, it compiles. Here the stamp of a file in nnscratch/kernels also covers
the files of nnscratch/kernels that it imports, directly or not. Everything else is left to Numba's
own locators: other packages' functions, and where the cache lies (NUMBA_CACHE_DIR, __pycache__, or
the user's cache directory if the installation cannot be written to).
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path
from typing import Any

from numba.core.caching import CacheImpl

_KERNELS = Path(__file__).resolve().parent
_IMPORT = re.compile(rf"^from {_KERNELS.parent.name}\.{_KERNELS.name}([\w.]*) import (.*)$", re.MULTILINE)


@functools.cache
def _read(file: Path) -> tuple[bytes, list[Path]]:
    """A file's hash, and the files of nnscratch/kernels that it imports."""
    text = file.read_text(encoding="utf-8")
    imported = []
    for module, names in _IMPORT.findall(text):
        place = _KERNELS.joinpath(*module.split(".")[1:])
        if place.is_dir():
            imported += [place / f"{name.strip()}.py" for name in names.split(",")]
        else:
            imported.append(place.with_suffix(".py"))
    return hashlib.sha256(text.encode()).digest(), [file for file in imported if file.is_file()]


def files_behind(file: Path) -> set[Path]:
    """The file, and all files of nnscratch/kernels that it imports, directly or not.

    >>> sorted(path.name for path in files_behind(_KERNELS / "values.py"))
    ['values.py']
    >>> sorted(path.name for path in files_behind(_KERNELS / "writer.py"))
    ['values.py', 'writer.py']
    """
    found: set[Path] = set()
    left = [file]
    while left:
        now = left.pop()
        if now not in found:
            found.add(now)
            left += _read(now)[1]
    return found


@functools.cache
def _stamp(file: Path) -> bytes:
    """Changes when one of the files behind this one does."""
    return hashlib.sha256(b"".join(_read(each)[0] for each in sorted(files_behind(file)))).digest()


@functools.cache
def _resolved(source: str) -> Path:
    return Path(source).resolve()


class _LocatorThatFollowsImports:
    """For a function of nnscratch/kernels, Numba's own locator with another stamp; None for others."""

    @classmethod
    def from_function(cls, function: Any, source: str) -> Any:
        file = _resolved(source)
        if not file.is_relative_to(_KERNELS) or not file.is_file():
            return None
        for other in CacheImpl._locator_classes:
            locator = None if other is cls else other.from_function(function, source)
            if locator is not None:
                locator.get_source_stamp = functools.partial(_stamp, file)
                return locator
        return None


def follow_imports() -> None:
    """From now on, the cache of a function of nnscratch/kernels has the stamp of all files behind it."""
    # Not a public name of Numba: without it, the cache works as it always did.
    locators = getattr(CacheImpl, "_locator_classes", None)
    if isinstance(locators, list) and _LocatorThatFollowsImports not in locators:
        CacheImpl._locator_classes = [_LocatorThatFollowsImports, *locators]
