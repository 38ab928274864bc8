"""Arrays as text for a page: side by side in one run of bytes, deflated, in base64. No digit is lost."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

Place = dict[str, Any]  # where an array lies in the bytes, for JSON

_CODES = {"float32": "f4", "float64": "f8", "int32": "i4", "uint8": "u1", "bool": "b1"}
_SPARSE = 0.8  # with a smaller share of numbers that are not 0, it pays to leave the zeros out


class Pack:
    """Collects arrays; `text` is all of them.

    An array lies there byte by byte: the first byte of each number, then the second of each, and so
    on. The bytes with sign and exponent are much alike and so take little room when deflated. Of a
    bool, eight are one byte, the first in its lowest bit. Of an array with many zeros, there are the
    bools "is not 0" and then the other numbers; a negative zero becomes 0.

    >>> pack = Pack()
    >>> pack.add(np.array([1.0, 2.0]))
    {'type': 'f8', 'shape': [2], 'at': 0}
    >>> pack.add(np.array([True, False]))
    {'type': 'b1', 'shape': [2], 'at': 16}
    >>> pack.add(np.zeros((100, 10), np.float32))
    {'type': 'f4', 'shape': [100, 10], 'at': 17, 'others': 0}
    >>> len(zlib.decompress(base64.b64decode(pack.text())))  # 125 bytes for 1000 bools
    142
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, array: np.ndarray) -> Place:
        """Takes an array of floats, bools or whole numbers; those that fit no code become float64.

        Returns
            type, shape, at : of the array; at is the place of its first byte
            others : how many numbers are not 0, if the zeros were left out
        """
        array = np.asarray(array)
        if array.dtype.name not in _CODES:
            array = array.astype(np.float64)
        place: Place = {"type": _CODES[array.dtype.name], "shape": list(array.shape), "at": self._size}
        array = array.reshape(-1)
        if array.dtype == bool:
            self._append(np.packbits(array, bitorder="little"))
            return place
        others = array != 0
        if array.size and others.mean() < _SPARSE:
            self._append(np.packbits(others, bitorder="little"))
            array = array[others]
            place["others"] = array.size
        little = array.astype(array.dtype.newbyteorder("<"))
        self._append(np.ascontiguousarray(little.view(np.uint8).reshape(array.size, array.dtype.itemsize).T))
        return place

    def text(self) -> str:
        """All bytes, as zlib deflates them, in base64."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), 9)).decode("ascii")

    def _append(self, array: np.ndarray) -> None:
        self._parts.append(array.tobytes())
        self._size += array.nbytes
