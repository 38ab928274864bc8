"""A page read back: what its JSON says, and the arrays in its text, without a browser."""

from __future__ import annotations

import json
import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_DIGITS = "#$%()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}"


def element(text: str, name: str) -> str:
    """What stands in the script element of that id."""
    found = re.findall(rf'<script type="[^"]*" id="{name}">(.*?)</script>', text, re.DOTALL)
    assert len(found) == 1
    return found[0]


def unpacked(text: str) -> bytes:
    """The bytes of packed.Pack.text()."""
    count, digits = text.split(" ")
    result = bytearray()
    for start in range(0, len(digits), 5):
        word = 0
        for digit in digits[start : start + 5]:
            word = word * 85 + _DIGITS.index(digit)
        result += word.to_bytes(4, "big")
    return zlib.decompress(bytes(result[: int(count)]))


def array(data: bytes, place: dict[str, Any]) -> np.ndarray:
    """The array that packed.Pack.add put there."""
    size, at, shape = math.prod(place["shape"]), place["at"], place["shape"]

    def bools(start: int) -> np.ndarray:
        return np.array([data[start + k // 8] >> k % 8 & 1 for k in range(size)], bool)

    if place["type"] == "b1":
        return bools(at).reshape(shape)
    dtype = np.dtype(f"<{place['type']}")
    count = place.get("others", size)
    start = at + (-(-size // 8) if "others" in place else 0)
    rows = np.frombuffer(data, np.uint8, count * dtype.itemsize, start).reshape(dtype.itemsize, count)
    numbers = np.frombuffer(rows.T.tobytes(), dtype)
    if "others" not in place:
        return numbers.reshape(shape)
    result = np.zeros(size, dtype)
    result[bools(at)] = numbers
    return result.reshape(shape)


class ReadPage:
    """The facts and arrays of a page's file."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.facts: dict[str, Any] = json.loads(element(self.text, "facts"), parse_constant=_no_constant)
        self._data = unpacked(element(self.text, "arrays"))

    def array(self, place: dict[str, Any]) -> np.ndarray:
        return array(self._data, place)


def _no_constant(name: str) -> float:
    raise AssertionError(f"{name} is not JSON")
