"""Named arrays in one file, NumPy's `.npz`: written whole or not at all, read without pickle."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from nnscratch import atomic

# NumPy 2.0 and 2.1 took the `allow_pickle` of np.savez(file, allow_pickle=False, ...) for an array
# of that name. Files that were saved with those versions hold it.
_STRAY = "allow_pickle"


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes `arrays` to `path`, whole or not at all, bit for bit.

    arrays : name -> array of numbers or of text, any shape

    The file is what np.savez would make. The only difference: an array may have any name, also
    `file` and `allow_pickle`, which np.savez takes for its own arguments.

    Raises
        ValueError : an array holds Python objects, which could only be stored as code
        OSError : the folder is missing or cannot be written

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(folder + "/answer.npz", {"answer": np.array([42])})
    ...     read(folder + "/answer.npz")
    {'answer': array([42])}
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(
                f"{path}: got array {name!r} of Python objects, expected numbers or text; convert it first"
            )
    with atomic.write(path) as temporary, ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            # force_zip64: an array's size is not known before it is written, and may be over 2 GiB.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of the file at `path`, by name, in the order of writing. Never runs a pickle.

    Raises
        OSError : there is no such file, or it cannot be opened
        ValueError : it is damaged, or it holds no arrays
    """
    with Path(path).open("rb") as file:
        try:
            # NumPy's parser may only warn of a damaged header. Other damage is found by the zip's
            # checksum, or raises one of a dozen kinds of error in the parsers.
            with warnings.catch_warnings(), ZipFile(file) as archive:
                warnings.simplefilter("error")
                arrays = {name.removesuffix(".npy"): _read_member(archive, name) for name in archive.namelist()}
        except Exception as error:
            raise ValueError(
                f"{path}: got a damaged file ({error!r}), expected arrays in NumPy's .npz format; write it again"
            ) from error
    if _STRAY in arrays and arrays[_STRAY].shape == ():
        del arrays[_STRAY]
    return arrays


def _read_member(archive: ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
