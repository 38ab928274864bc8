"""What a program wrote earlier, read again: opened safely, its damage told in one line.

A file may come from somebody else. Those who read one (json_files.py, array_files.py) know a bound
for everything before they take memory for it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Self

from nnscratch.messages import one_line


class DamagedError(ValueError):
    """A file that cannot be what it should be; the message is one line, `reason` what is wrong.

    >>> print(DamagedError.at("a.json", "it is empty", expected="JSON", fix="write it again"))
    a.json: got a damaged file (it is empty), expected JSON; write it again
    """

    path: str = ""
    reason: str = ""

    @classmethod
    def at(
        cls, path: str | os.PathLike[str], reason: str, *, came: str = "a damaged file", expected: str, fix: str
    ) -> Self:
        """The error for the file at `path`; came, expected, fix : parts of the message."""
        short = reason if len(reason) <= 160 else f"{reason[:157]}..."
        error = cls(one_line(os.fspath(path), f"{came} ({short})", expected, fix))
        error.path, error.reason = os.fspath(path), reason
        return error


@contextmanager
def told(path: str | os.PathLike[str], *, came: str = "a damaged file", expected: str, fix: str) -> Iterator[None]:
    """Makes one DamagedError of whatever the content of the file at `path` makes the block raise.

    came, expected, fix : parts of the message. An OSError stays what it is. If the damage is in
        another file that this one belongs to, the message names both.

    >>> with told("a.json", expected="a list", fix="write it again"):
    ...     {}["layers"]
    Traceback (most recent call last):
    nnscratch.files.stored_files.DamagedError: a.json: got a damaged file (there is no 'layers'),
    expected a list; write it again
    """
    try:
        yield
    except DamagedError as error:
        same = error.path == os.fspath(path)
        reason = error.reason if same else f"{Path(error.path).name}: {error.reason}"
        raise DamagedError.at(path, reason, came=came, expected=expected, fix=fix) from None
    except MemoryError:
        reason = "it needs more memory than there is"
        raise DamagedError.at(path, reason, came=came, expected=expected, fix=fix) from None
    except KeyError as error:
        reason = f"there is no {error.args[0]!r}" if error.args else "a name is missing"
        raise DamagedError.at(path, reason, came=came, expected=expected, fix=fix) from None
    except (ValueError, ArithmeticError) as error:
        reason = str(error) or type(error).__name__
        raise DamagedError.at(path, reason, came=came, expected=expected, fix=fix) from None


def open_stored(path: str | os.PathLike[str]) -> BufferedReader:
    """Opens a file for reading; never waits for a pipe.

    Raises
        OSError : there is no such file, it is a folder, or it cannot be opened
        ValueError : it is a pipe or a device, or no file can have this name
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise DamagedError.at(path, "it is a pipe or a device", expected="a file", fix="check the path")


def read_bytes(path: str | os.PathLike[str], at_most: int) -> bytes:
    """The content of a file of at most `at_most` bytes; errors as of `open_stored`.

    Raises
        ValueError : the file is larger
    """
    with open_stored(path) as file:
        # Not at_most + 1, which would take memory for a limit of a gigabyte before it is read.
        content = file.read(min(at_most, os.fstat(file.fileno()).st_size) + 1)
    if len(content) > at_most:
        reason = f"it has more than {at_most:,} bytes"
        raise DamagedError.at(path, reason, expected="a smaller file", fix="check the path")
    return content
