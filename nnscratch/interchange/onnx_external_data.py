"""Weights of an ONNX file that lie in a file beside it, as PyTorch writes large and small ones.

The file says where they lie, and may come from somebody else: only names of files in its own folder
are followed, and no more bytes are taken than the caller allows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nnscratch.files.stored_files import read_bytes
from nnscratch.messages import shown


def take_in(tensors: list[Any], path: str | os.PathLike[str], at_most: int) -> None:
    """Puts the numbers of `tensors` into them.

    tensors : TensorProtos whose numbers lie in other files
    path    : of the ONNX file
    at_most : bytes, of all of them together

    Raises
        ValueError : a name leads out of the folder, a file is missing or too short, or they have
            more bytes; the message is a reason, not a whole line
    """
    files: dict[str, bytes] = {}
    for tensor in tensors:
        where = {entry.key: entry.value for entry in tensor.external_data}
        name = where.get("location", "")
        if name not in files:
            files[name] = _content(name, path, at_most)
        start = _whole(where.get("offset", "0"))
        length = _whole(where.get("length", str(max(0, len(files[name]) - start))))
        at_most -= length
        if at_most < 0:
            raise ValueError("its weights have too many bytes")
        if start + length > len(files[name]):
            raise ValueError(f"its weights {shown(tensor.name)} are not wholly in {shown(name)}")
        tensor.raw_data = files[name][start : start + length]
        tensor.ClearField("data_location")
        del tensor.external_data[:]


def _content(name: str, path: str | os.PathLike[str], at_most: int) -> bytes:
    if not name or name in (".", "..") or set(name) & set("/\\:\0"):
        raise ValueError(f"its weights are in {shown(name)}, which is no name of a file beside it")
    try:
        return read_bytes(Path(path).parent / name, at_most)
    except FileNotFoundError:
        raise ValueError(f"its weights are in {shown(name)}, which is not beside it") from None
    except OSError as error:
        raise ValueError(f"its weights are in {shown(name)}, which cannot be read: {error.strerror}") from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"its weights lie at {shown(text)}, which is no place in a file")
    return int(text)
