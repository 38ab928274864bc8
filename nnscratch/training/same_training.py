"""Whether two trainings are the same one: then, and only then, a checkpoint of one suits the other.

What must agree: versions, the code of the library, the rows, and every setting that steers the
numbers. What need not: the number of threads and of ranks, a time limit, the callbacks, and the
weights that the model has now.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import platform
import re
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.training.rows import is_random_access, sampled

_PACKAGE = Path(__file__).parent.parent
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_LONGEST = 60  # characters of a value in a message


def versions() -> dict[str, str]:
    """What may change the bits of a result although no setting changes."""
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{package: metadata.version(package) for package in ("numpy", "numba")},
        "nnscratch's code": _code(),
    }


@functools.cache
def _code() -> str:
    """A digest of the library's own source files."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(_PACKAGE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def settings_of(
    trainer: Mapping[str, Any],
    x: Any,
    y: np.ndarray | None,
    validation: Any,
    sample_weight: np.ndarray | None = None,
    **of_fit: object,
) -> dict[str, str]:
    """Everything in a trainer, and in a call of its `fit`, that steers the numbers of a training.

    trainer : name -> value, the attributes of a Trainer
    x, y, validation, sample_weight : as given to `fit`
    of_fit : name -> value, the other arguments of `fit`
    """
    model, metric, seed = trainer["model"], trainer["metric"], trainer["seed"]
    return {
        **versions(),
        "seed": repr(seed) if isinstance(seed, int) else "a Generator",
        "model": " ".join(repr(model).split()),
        "dtype": ", ".join(sorted({str(w.dtype) for w in model.parameters()})),
        "fuse": repr(model.fuse),
        "frozen layers": repr([i for i, layer in enumerate(model.layers) if layer.frozen]),
        "loss": _ADDRESS.sub("", repr(trainer["loss"])),
        "optimizer": _ADDRESS.sub("", repr(trainer["optimizer"])),
        "lr": described(trainer["lr"]),
        "momentum": described(trainer["momentum"]),
        "metric": "None" if metric is None else f"{metric.name} {described(metric.function)} {metric.higher_is_better}",
        **{name: described(trainer[name]) for name in ("batch_size", "accumulate", "augment", "average", "clip_norm")},
        "diagnose_every": repr(trainer["diagnose_every"]),
        **{name: described(value) for name, value in of_fit.items()},
        "rows": _of_data(x if y is None else (x, y)),
        "validation rows": "None" if validation is None else _of_data(validation),
        "sample weights": "None" if sample_weight is None else rows(sample_weight),
    }


def _of_data(data: Any) -> str:
    """A text that differs for other rows: of arrays by every number, of a RandomAccess by some."""
    if is_random_access(data):
        return f"{len(data)} rows of {described(data)}, some of them {rows(*sampled(data))}"
    return rows(*data) if isinstance(data, tuple | list) else described(data)


def rows(*arrays: np.ndarray) -> str:
    """Shapes and a digest of data, such as "(100, 96, 96, 1) (100, 30) 5f3a...".

    >>> rows(np.zeros((2, 3), np.float32)) == rows(np.zeros((2, 3), np.float32))
    True
    >>> rows(np.zeros((2, 3), np.float32)) == rows(np.ones((2, 3), np.float32))
    False
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.dtype).encode())
        if array.dtype.hasobject:  # such as paths
            digest.update(repr(array.tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return " ".join([*(str(array.shape) for array in arrays), digest.hexdigest()[:16]])


def described(value: Any) -> str:
    """A text that is the same for the same setting: its repr, and a digest of what that leaves out.

    value : a number, a text, a function, an object; arrays in it count with all their numbers

    >>> described(lambda x: x + 1) == described(lambda x: x + 1)
    True
    >>> described(lambda x: x + 1) == described(lambda x: x + 2)
    False
    """
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    # A set's repr has another order in every process.
    kind = value if hasattr(value, "__qualname__") else type(value)
    name = kind.__qualname__ if kind is value or isinstance(value, set | frozenset) else _ADDRESS.sub("", repr(value))
    digest = hashlib.sha256()
    _feed(digest, value, set())
    return f"{' '.join(name.split())} {digest.hexdigest()[:8]}"


def _feed(digest: Any, value: Any, seen: set[int]) -> None:
    """Adds everything that a value is made of, each object once."""
    if value is None or isinstance(value, bool | int | float | str | bytes | np.generic):
        digest.update(repr(value).encode())
    elif isinstance(value, np.ndarray):
        digest.update(rows(value).encode())
    elif id(value) not in seen:
        seen.add(id(value))
        digest.update(type(value).__qualname__.encode())
        for part in _parts(value):
            _feed(digest, part, seen)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, types.CodeType):
        return [value.co_code, *value.co_names, *value.co_consts]
    if isinstance(value, types.FunctionType):
        cells = inspect.getclosurevars(value).nonlocals.values()
        return [value.__code__, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).items(), *cells]
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.items()]
    if isinstance(value, type | types.ModuleType | np.random.Generator):
        return [value.__class__.__name__]
    if isinstance(value, Mapping):
        return [part for item in value.items() for part in item]
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))  # their own order differs from process to process
    if is_dataclass(value):
        return [part for field in fields(value) for part in (field.name, getattr(value, field.name))]
    if hasattr(value, "__dict__"):
        return [part for item in vars(value).items() for part in item]
    return [_ADDRESS.sub("", repr(value))]


def first_difference(saved: Mapping[str, str], present: Mapping[str, str]) -> str | None:
    """The first setting that differs, in words for an error; None if all agree.

    >>> first_difference({"epochs": "3", "batch_size": "64"}, {"epochs": "3", "batch_size": "32"})
    'batch_size 64, expected 32'
    """
    for name in [*present, *(name for name in saved if name not in present)]:
        before, now = saved.get(name, "nothing"), present.get(name, "nothing")
        if before != now:
            return f"{name} {_shown(before, now)}, expected {_shown(now, before)}"
    return None


def _shown(text: str, other: str) -> str:
    """The text; of a long one the part in which it begins to differ from the other."""
    if len(text) <= _LONGEST:
        return text
    same = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    start = max(0, min(same - 20, len(text) - _LONGEST))
    end = "..." if start + _LONGEST < len(text) else ""
    return f"{'...' if start else ''}{text[start : start + _LONGEST]}{end}"
