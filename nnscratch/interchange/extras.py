"""Packages that only some users need: imported where they are used, and asked for by name."""

from __future__ import annotations

import importlib
from typing import Any


def required(where: str, package: str, *, extra: str) -> Any:
    """The package, imported now: nothing else in the library needs it.

    where : who needs it, for the message
    extra : the extra of nnscratch that installs it

    Raises
        ImportError : it is not installed, or cannot be loaded

    >>> required("save_file", "json", extra="files").dumps([1])
    '[1]'
    >>> required("save_file", "no_such_package", extra="files")
    Traceback (most recent call last):
    ImportError: save_file: got no package no_such_package (No module named 'no_such_package'),
    expected one; pip install 'nnscratch[files]'
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{where}: got no package {package} ({error}), expected one; pip install 'nnscratch[{extra}]'"
        ) from None
