"""Where programs write: every output option is checked here, before the work and not after it.

writable, png, results_folder   types for argparse: a wrong path is a wrong argument, status 2
check_outputs                   also: files that are read, and two options for one file
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from nnscratch.command_output import STDOUT, check_writable
from nnscratch.command_output import writable as writable  # programs import it from here
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.messages import one_line


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

    outputs : option -> path, such as "--json" -> Path("facts.json"); None: not given. STDOUT is no
        file
    inputs : the files that are read

    Raises
        DataError : says which
    """
    inputs = list(inputs)
    seen: dict[Path, str] = {}
    for option, out in outputs.items():
        if out is not None and out is not STDOUT:
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
    try:
        check_writable(out, option=option)
        for path in inputs:
            if out.exists() and Path(path).exists() and out.samefile(path):
                raise ValueError(one_line(str(out), "a file that is read", "another one", f"give another {option}"))
    except ValueError as error:
        raise DataError(str(error)) from None
