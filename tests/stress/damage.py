"""Ways to damage a file: as bytes, as a zip whose checksums are right again, as JSON, as text."""

from __future__ import annotations

import gzip
import io
import json
import re
import warnings
import zipfile
from random import Random
from typing import Any

_LARGEST = 1 << 19  # bytes, from which on nothing is added
_BAD_NUMBERS = [
    "-1",
    "0",
    "1e999",
    "nan",
    "-inf",
    "1" * 60,
    "1" * 20_000 + "x",
    "0.5",
    "96",
    "1e30",
    "",
    "0x10",
    "-0.0",
]
_BAD_VALUES: list[Any] = [
    None, True, False, "no", "", -5, 0, 1, 3, 10**18, 10**30, 1.5, -0.5, 1e300, float("nan"), float("inf"), [], {},
    [1, 2], [[]], "x" * 1000, "\n\x1b[31m", "../../../etc/passwd", "\udce9", {"a": 1}, [96, 96], "Dense", "Layer",
    "object", "NotFiniteError", "constant(nan)", 30_000, 10**12,
]  # fmt: skip
_BAD_HEADERS = [
    b"'<f8'", b"'>f4'", b"'<f2'", b"'|O'", b"'<c8'", b"'<i8'", b"'|b1'", b"'<U9'", b"'<M8[s]'", b"[('a', '<f4')]",
    b"'<f4', 'descr': '<f8'", b"'<U99999999999'", b"__import__('os')",
]  # fmt: skip
_BAD_SHAPES = [
    b"(1000000000000,)",
    b"(0,)",
    b"()",
    b"(-1,)",
    b"(1, 1)",
    b"(" * 500,
    b"(2, 0, 9999999999999)",
    b"(1e9,)",
]


def as_bytes(rng: Random, content: bytes) -> bytes:
    """Some bytes flipped, cut, doubled, moved, or other digits."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 30])):
        if len(data) > _LARGEST:
            break
        at, other = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
        length = rng.choice([1, 1, 2, 4, 16, 300])
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + length] = rng.randbytes(rng.choice([0, 1, length]))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = data[other : other + length]
        elif kind == 4:
            data[at:at] = data[other : other + length] * rng.choice([2, 50, 500])
        elif kind == 5:
            data[at : at + length] = bytes([rng.choice([0, 255, 10, 44, 34, 32])]) * length
        else:
            data = bytearray(as_text(rng, bytes(data)))
    return bytes(data)


def as_text(rng: Random, content: bytes) -> bytes:
    """One number of a text is another; or a line, a field or a quote is lost, doubled or moved."""
    kind = rng.randrange(6)
    if kind == 0:
        lines = content.split(b"\n")
        at = rng.randrange(len(lines))
        many = 1 + min(100, _LARGEST // (1 + len(lines[at])))
        lines[at:at] = rng.choice([[lines[at]], [b""] * 1000, [lines[at]] * many, [b'"'], [b"," * 2000]])
        return b"\n".join(lines)
    if kind == 1:
        fields = content.split(b",")
        at, other = rng.randrange(len(fields)), rng.randrange(len(fields))
        fields[at], fields[other] = fields[other], fields[at]
        return b",".join(fields[:at] + fields[at + rng.randrange(2) :])
    at = rng.randrange(len(content) + 1)
    match = re.compile(rb"-?[0-9.]+(e-?[0-9]+)?").search(content, at)
    if match is None:
        return content[:at]
    return content[: match.start()] + rng.choice(_BAD_NUMBERS).encode() + content[match.end() :]


def as_packed_text(rng: Random, content: bytes) -> bytes:
    """The text in a zip or gzip is another, and packed again; or the bytes of the archive."""
    if rng.random() < 0.4:
        return as_bytes(rng, content)
    mutate = rng.choice([as_text, as_bytes])
    if content[:2] == b"\x1f\x8b":
        return gzip.compress(mutate(rng, gzip.decompress(content)), 1)
    packed = io.BytesIO()
    method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", method, compresslevel=1) as new:
        for name in old.namelist() * rng.choice([1, 1, 1, 2]):
            _write(new, rng.choice([name, name, name, "../" + name, name + "x"]), mutate(rng, old.read(name)))
    return packed.getvalue()


def as_json(rng: Random, content: bytes) -> bytes:
    """A value in a JSON text is of another type or range, a name is lost, doubled or new."""
    if rng.random() < 0.2:
        return as_bytes(rng, content)
    document = json.loads(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        document = _other(rng, document)
    text = json.dumps(document)
    if rng.random() < 0.1:
        deep = rng.choice([20, 40, 1000, 100_000])
        opening, closing = rng.choice([("[", "]"), ('{"a":', "}")])
        text = re.sub(r'-5|"no"', lambda match: opening * deep + "0" + closing * deep, text, count=1)
    if rng.random() < 0.05:
        text = text.replace("{", '{"config": 1, "layers": [], "config": 2, ', 1)
    if rng.random() < 0.05:
        text = re.sub("[0-9]+", "9" * rng.choice([60, 5000, 100_000]), text, count=1)
    return text.encode()


def _other(rng: Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        value = dict(value)
        name = rng.choice(list(value))
        if rng.random() < 0.1:
            value[rng.choice(["rng", "dtype", "x" * 500, "", "colour"])] = value.pop(name)
        elif rng.random() < 0.1:
            del value[name]
        else:
            value[name] = _other(rng, value[name])
        return value
    if isinstance(value, list) and value and rng.random() < 0.9:
        value = list(value)
        at = rng.randrange(len(value))
        if rng.random() < 0.2:
            value[at : at + 1] = [value[at]] * rng.choice([0, 2, 6])
        else:
            value[at] = _other(rng, value[at])
        return value
    if isinstance(value, int | float) and rng.random() < 0.4:
        return rng.choice([value + 1, value - 1, -value, value * 2, value * 10**6, float(value)])
    return rng.choice(_BAD_VALUES)


def as_arrays(rng: Random, content: bytes) -> bytes:
    """A member of an .npz is another, and its checksum is right; or the bytes of the file."""
    if rng.random() < 0.3:
        return as_bytes(rng, content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = rng.randrange(len(members))
    name, data = members[at]
    text = [i for i, (_, each) in enumerate(members) if b"'<U" in each[:64]]
    if text and rng.random() < 0.5:
        at = text[0]
        name, data = members[at]
        members[at] = name, _other_text(rng, data)
    else:
        members[at] = name, _other_array(rng, data)
    if rng.random() < 0.1:
        members[at] = rng.choice(["x.npy", "0.weight", "/etc/passwd.npy", "é.npy", members[0][0]]), data
    if rng.random() < 0.1:
        members[at : at + 1] = [members[at]] * rng.choice([0, 2])
    packed = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if rng.random() < 0.03 else zipfile.ZIP_STORED
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in members:
            if name not in archive.namelist() or rng.random() < 0.5:
                _write(archive, name, data)
    return packed.getvalue()


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        archive.writestr(name, data)


def _other_text(rng: Random, member: bytes) -> bytes:
    """A member that is one text: its JSON is another."""
    end = member.index(b"\n") + 1
    text = as_json(rng, member[end:].decode("utf-32-le").encode()).decode("utf-8", "replace")
    header = f"{{'descr': '<U{len(text)}', 'fortran_order': False, 'shape': (), }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + text.encode("utf-32-le", "replace")


def _other_array(rng: Random, member: bytes) -> bytes:
    """A member with another header, or with other numbers."""
    end = member.find(b"\n") + 1
    kind = rng.randrange(5)
    if kind == 0:
        return re.sub(rb"'[<|][a-zA-Z][0-9]+'", lambda match: rng.choice(_BAD_HEADERS), member[:end]) + member[end:]
    if kind == 1:
        return re.sub(rb"\([0-9, ]*\)", lambda match: rng.choice(_BAD_SHAPES), member[:end]) + member[end:]
    if kind == 2:
        return as_bytes(rng, member)
    if kind == 3:
        return member[: rng.randrange(len(member) + 1)]
    data = bytearray(member)
    if len(data) - end >= 8:
        at = end + 4 * rng.randrange((len(data) - end) // 4 - 1)
        numbers = ["0000c07f", "0000807f", "ffff7f7f", "000000000000f87f", "000000000000f07f", "ffffffffffffef7f", "02"]
        number = bytes.fromhex(rng.choice(numbers))
        data[at : at + len(number)] = number
    return bytes(data)
