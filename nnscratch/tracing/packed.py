"""Arrays as text for a page: one run of bytes, deflated, in base 85. No digit is lost."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

Place = dict[str, Any]  # where an array lies in the bytes, for JSON

_CODES = {"float32": "f4", "float64": "f8", "int32": "i4", "uint8": "u1", "bool": "b1"}
_SPARSE = 0.8  # with a smaller share of numbers that are not 0, it pays to leave the zeros out
# Five characters for four bytes; base 64 takes five and a third. None means anything in HTML.
ALPHABET = "".join(chr(code) for code in range(35, 127) if chr(code) not in "<>&'`\\")[:85]


class Pack:
    """Collects arrays; `text` is all of them.

    An array lies there byte by byte: the first byte of each number, then the second of each, and so
    on. The bytes with sign and exponent are much alike and so take little room when deflated. Eight
    bools are one byte, the first in its lowest bit. An array with many zeros is the bools "is not
    0", then the other numbers; a negative zero becomes 0.

    >>> pack = Pack()
    >>> pack.add(np.array([1.0, 2.0]))
    {'type': 'f8', 'shape': [2], 'at': 0}
    >>> pack.add(np.array([True, False]))
    {'type': 'b1', 'shape': [2], 'at': 16}
    >>> pack.add(np.zeros((100, 10), np.float32))
    {'type': 'f4', 'shape': [100, 10], 'at': 17, 'others': 0}
    >>> count, digits = pack.text().split(" ")
    >>> len(digits) == 5 * -(-int(count) // 4)
    True
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
        """All bytes, as zlib deflates them: how many that are, a space, and they in base 85."""
        deflated = zlib.compress(b"".join(self._parts), 4)  # 6 takes twice the time for 1 % less
        return f"{len(deflated)} {base85(deflated)}"

    def _append(self, array: np.ndarray) -> None:
        self._parts.append(array.tobytes())
        self._size += array.nbytes


def base85(data: bytes) -> str:
    """Four bytes, the highest first, as five digits, the highest first; zeros fill the last four.

    >>> base85(bytes([0, 0, 0, 84]))
    '####}'
    """
    words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
    digits = np.empty((words.size, 5), np.uint8)
    for place in range(4, -1, -1):
        words, digits[:, place] = np.divmod(words, np.uint32(85))
    return np.frombuffer(ALPHABET.encode("ascii"), np.uint8)[digits].tobytes().decode("ascii")
