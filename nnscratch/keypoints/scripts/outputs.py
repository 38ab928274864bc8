"""Where programs write: every output option is checked here, before the work and not after it.

writable, png, results_folder   types for argparse: a wrong path is a wrong argument, status 2
check_outputs                   also: files that are read, and two options for one file
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from nnscratch.files import atomic
from nnscratch.keypoints.kaggle.files import DataError


def writable(text: str) -> Path:
    """The path in an argument's text; ArgumentTypeError if no file can be written there."""
    try:
        check_output(Path(text), [], option="name")
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Path(text)


def png(text: str) -> Path:
    """The path of a picture; ArgumentTypeError if it has another ending or cannot be written."""
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"got {text[-40:]!r}, expected a name that ends in .png")
    return writable(text)


def results_folder(text: str) -> Path:
    """The path of a folder for results; ArgumentTypeError if none can be made; makes none yet."""
    out = Path(text)
    try:
        existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    except OSError as error:  # a name that is too long, a folder above that may not be looked into
        raise argparse.ArgumentTypeError(f"got {text[:60]}, where no folder can be ({error.strerror})") from None
    if not existing.is_dir():
        raise argparse.ArgumentTypeError(f"got {out}, where {existing} is a file, expected a folder or a new name")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"got {out}, but {existing} cannot be written; choose another folder")
    return out


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path]) -> None:
    """`check_output` of every option that is given, and that no two of them name one file.

    outputs : option -> path, such as "--json" -> Path("facts.json"); None: not given
    inputs : the files that are read

    Raises
        DataError : says which
    """
    inputs = list(inputs)
    seen: dict[Path, str] = {}
    for option, out in outputs.items():
        if out is not None:
            check_output(out, inputs, option=option)
            first = seen.setdefault(out.resolve(), option)
            if first != option:
                fix = f"give another {option}"
                raise DataError.at(str(out), came=f"the file of {first}", expected="another one", fix=fix)


def check_output(out: Path, inputs: Iterable[str | Path], *, option: str = "--out") -> None:
    """Stops before the work if a file could not be written after it, or is one that is read.

    option : which names it, for messages

    Raises
        DataError : says which
    """
    fix = f"give another {option}"

    def error(came: str, expected: str, fix: str = fix) -> DataError:
        return DataError.at(str(out), came=came, expected=expected, fix=fix)

    try:
        if out.is_dir():
            raise error("a folder", "the name of a file", "give a name in it")
        if out.exists() and not out.is_file():  # a rename would put a file in the place of /dev/null
            raise error("a device or a pipe", "the name of a file")
        if not out.parent.is_dir():
            raise error("a folder that does not exist", "one that does", f"make it, or {fix}")
        for path in inputs:
            if out.exists() and Path(path).exists() and out.samefile(path):
                raise error("a file that is read", "another one")
        with suppress(_Tried), atomic.write(out):
            raise _Tried  # the file can be made; what is at `out` stays
    except OSError as cause:
        raise error(f"a file that cannot be written ({cause.strerror or cause})", "one that can", fix) from None


class _Tried(Exception):
    """Ends an attempt that went well."""
