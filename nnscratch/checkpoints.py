"""A model in one `.npz` file: architecture as JSON, weights as arrays; nothing executable."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnscratch import array_files, layers
from nnscratch.layers import Layer
from nnscratch.model import Sequential

_FORMAT = "nnscratch model 1"
_LAYERS = {name: getattr(layers, name) for name in layers.__all__ if name != "NotFiniteError"}


def save(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Writes `model` to `path`, whole or not at all.

    The file holds one JSON text ("architecture": format, and for each layer its class and
    arguments) and one array per parameter ("0.weight" is layer 0's weight), bit for bit. It holds
    no `rng`, no gradients and no optimizer.

    Raises
        ValueError : a layer did not keep an argument of its constructor
        OSError : the folder is missing or cannot be written

    >>> import tempfile, nnscratch as nn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.save(nn.Sequential(nn.Dense(3, 2, rng=0)), folder + "/model.npz")
    ...     nn.load(folder + "/model.npz")
    Sequential(
        Dense(3, 2),
    )
    """
    architecture = json.dumps({"format": _FORMAT, "layers": [_describe(layer) for layer in model.layers]})
    arrays = {f"{i}.{name}": value for i, layer in enumerate(model.layers) for name, value in layer.params.items()}
    array_files.write(path, {"architecture": np.array(architecture), **arrays})


def load(path: str | os.PathLike[str], *, custom_layers: Mapping[str, type[Layer]] | None = None) -> Sequential:
    """The model that `save` wrote to `path`: the same layers, and bit for bit the same answers.

    custom_layers : name -> class, for layers that are not nnscratch's own

    Raises
        FileNotFoundError : there is no such file
        ValueError : `save` did not write it, or it holds a layer of an unknown class
    """
    try:
        arrays = array_files.read(path)
        architecture = json.loads(str(arrays.pop("architecture")))
        if architecture["format"] != _FORMAT:
            raise ValueError(f"its format is {architecture['format']!r}, expected {_FORMAT!r}")
        known = {**_LAYERS, **(custom_layers or {})}
        model = Sequential(*(_rebuild(description, known) for description in architecture["layers"]))
        _put_parameters(model, arrays)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{os.fspath(path)}: got a file that is no whole nnscratch model ({error}), expected one that "
            "nnscratch.save wrote; save it again"
        ) from error
    return model


def _describe(layer: Layer) -> dict[str, Any]:
    try:
        return {"class": type(layer).__name__, "arguments": layer.config()}
    except AttributeError as error:
        raise ValueError(
            f"save: got a {type(layer).__name__} that does not say how to make it again ({error}), expected each "
            "constructor argument as an attribute of the same name; keep them in __init__"
        ) from None


def _rebuild(description: Mapping[str, Any], known: Mapping[str, type[Layer]]) -> Layer:
    name = description["class"]
    if name not in known:
        raise ValueError(f"unknown layer class {name!r}; pass custom_layers={{{name!r}: its class}}")
    pairs_as_tuples = {
        key: tuple(value) if isinstance(value, list) else value for key, value in description["arguments"].items()
    }
    return known[name](**pairs_as_tuples)


def _put_parameters(model: Sequential, arrays: dict[str, np.ndarray]) -> None:
    """Makes each array a parameter, in place of the drawn one, so that float64 stays float64."""
    for i, layer in enumerate(model.layers):
        for name, value in layer.params.items():
            saved = arrays.pop(f"{i}.{name}")
            if saved.shape != value.shape or saved.dtype.kind != "f":
                raise ValueError(f"layer {i} {name} is {saved.dtype} {saved.shape}, expected float {value.shape}")
            layer.params[name] = saved
    if arrays:
        raise ValueError(f"unknown arrays {sorted(arrays)}")
