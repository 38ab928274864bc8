"""A lock on a run's folder: two runs never write into one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from nnscratch.keypoints.kaggle.files import DataError


def _module(name: str) -> Any:
    """A module of Python's, if this system has it."""
    with suppress(ImportError):
        return import_module(name)
    return None


# The system's locks: fcntl is everywhere but on Windows, msvcrt there alone. Without either,
# nothing is locked.
fcntl, msvcrt = _module("fcntl"), _module("msvcrt")
_NAME = ".lock"
_LOCKED_BYTE = 1 << 20  # far behind the process id: Windows lets nobody read what is locked


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder while the block runs. A process that dies leaves it free.

    The lock is the operating system's, on the file `.lock`, which says the holder's process id.

    Raises
        DataError : another process holds it
        OSError : the folder cannot be written

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name, locked(Path(name)):
    ...     print([file.name for file in Path(name).iterdir()])
    ['.lock']
    """
    path = folder / _NAME
    descriptor = _take(path)
    try:
        with suppress(OSError):  # who holds it is for people; the lock holds without
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is still held: nobody else can have locked this file
        os.close(descriptor)


def _take(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            with suppress(_Unsupported):
                _lock(descriptor)
            if _is_still(path, descriptor):
                return descriptor
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            by = f"process {holder} trains" if holder.isdigit() else "another process trains"
            raise DataError.at(
                str(path.parent),
                came=f"a folder into which {by} now",
                expected="one that is free",
                fix="wait for its end, or give another --out",
            ) from None
        os.close(descriptor)  # its holder removed it between our two steps


class _Unsupported(Exception):
    """A file system without locks."""


def _lock(descriptor: int) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            _lock_byte(descriptor)
    except BlockingIOError:
        raise
    except OSError as error:
        raise _Unsupported from error


def _lock_byte(descriptor: int) -> None:
    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError as error:  # what Windows calls a lock that somebody holds
        raise BlockingIOError(*error.args) from None
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the path still names the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
