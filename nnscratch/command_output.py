"""Where the answer of a program goes: to the terminal, to nobody (--quiet), to a file (--json)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from nnscratch.files import atomic
from nnscratch.messages import one_line

STDOUT = Path("-")  # compared by `is`: a file of this name can be given as ./-


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds --json, for `write_json`; a file that cannot be written is found while it is parsed."""
    text = "write the numbers to FILE, too; - writes them to stdout in place of the text"
    parser.add_argument("--json", type=writable_or_stdout, metavar="FILE", help=text)


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Adds --quiet, for `muted`."""
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings and errors, on stderr")


@contextmanager
def muted(options: object) -> Iterator[None]:
    """What the block prints is not shown if --quiet or `--json -` was given: no text, no progress.

    options : a parser's, or a script's own; their fields `quiet` and `json`, if they have these

    Warnings and errors still go to stderr. Progress is shown on terminals alone, so it is enough
    that stderr does not look like one.

    >>> with muted(argparse.Namespace(quiet=True)):
    ...     print("found nothing")
    """
    if not getattr(options, "quiet", False) and getattr(options, "json", None) is not STDOUT:
        yield
        return
    stderr = None if sys.stderr is None else cast(TextIO, _NoTerminal(sys.stderr))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(stderr):
        yield


class _NoTerminal:
    """A stream that says it is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def write_json(path: Path | None, facts: dict[str, Any]) -> None:
    """Writes what a program found as JSON, whole or not at all; nothing if `path` is None.

    path : a file, or STDOUT

    Raises
        OSError : the file cannot be written
    """
    if path is None:
        return
    text = json.dumps(facts, indent=1, allow_nan=False)
    if path is STDOUT:
        print(text, flush=True)
    else:
        atomic.write_text(path, text + "\n")


def writable_or_stdout(text: str) -> Path:
    """As `writable`, or STDOUT for "-"."""
    return STDOUT if text == "-" else writable(text)


def writable(text: str) -> Path:
    """The path in an argument's text; ArgumentTypeError if no file can be written there."""
    try:
        check_writable(Path(text), option="name")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Path(text)


def check_writable(out: Path, *, option: str = "--out") -> None:
    """Stops before the work if a file could not be written after it; a file that is there stays.

    option : which names it, for messages

    Raises
        ValueError : it is a folder or a device, is in a folder that does not exist, or cannot be
            written
    """
    fix = f"give another {option}"

    def error(came: str, expected: str, fix: str = fix) -> ValueError:
        return ValueError(one_line(str(out), came, expected, fix))

    try:
        if out.is_dir():
            raise error("a folder", "the name of a file", "give a name in it")
        if out.exists() and not out.is_file():  # a rename would put a file in the place of /dev/null
            raise error("a device or a pipe", "the name of a file")
        if not out.parent.is_dir():
            raise error("a folder that does not exist", "one that does", f"make it, or {fix}")
        with suppress(_Tried), atomic.write(out):
            raise _Tried  # the file can be made; what is at `out` stays
    except OSError as cause:
        raise error(f"a file that cannot be written ({cause.strerror or cause})", "one that can") from None


class _Tried(Exception):
    """Ends an attempt that went well."""
