"""A model in one `.npz` file: architecture as JSON, weights as arrays; nothing executable."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnscratch.files import array_files, json_files
from nnscratch.files.array_files import Arrays, Form
from nnscratch.files.json_files import Record
from nnscratch.files.stored_files import told
from nnscratch.initializers import drawn_at_most, nothing_drawn
from nnscratch.kernels.memory import aligned
from nnscratch.layer_list import tie, ties
from nnscratch.layers import BY_NAME, Layer
from nnscratch.messages import shown
from nnscratch.model import Sequential

_FORMAT = "nnscratch model 1"
_DESCRIPTION = "architecture"  # the array that holds the JSON text
_MOST_LAYERS = 1000


def save(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Writes `model` to `path`, whole or not at all.

    The file holds one JSON text ("architecture": format, for each layer its class, its arguments,
    and whether it is frozen; `fuse`, if it is False; which arrays two layers share) and one array
    per parameter ("0.weight" is layer 0's weight), bit for bit. It holds no `rng`, no gradients, no
    arrays that are no parameters, and no optimizer.

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
    description: dict[str, Any] = {"format": _FORMAT, "layers": [_describe(layer) for layer in model.layers]}
    if not model.fuse:
        description["fuse"] = False
    if tied := {f"{i}.{name}": f"{j}.{first}" for (i, name), (j, first) in ties(model.layers).items()}:
        description["tied"] = tied  # each is written all the same, so that any version can read the file
    architecture = json.dumps(description)
    arrays = {f"{i}.{name}": value for i, layer in enumerate(model.layers) for name, value in layer.params.items()}
    array_files.write(path, {_DESCRIPTION: np.array(architecture), **arrays})


def load(
    path: str | os.PathLike[str],
    *,
    custom_layers: Mapping[str, type[Layer]] | None = None,
    allow_not_finite: bool = False,
    most_bytes: int = array_files.MOST_BYTES,
) -> Sequential:
    """The model that `save` wrote to `path`: the same layers, and bit for bit the same answers.

    custom_layers    : name -> class, for layers that are not nnscratch's own
    allow_not_finite : True takes weights that are NaN or infinite, to look into them; no layer can
        compute with them
    most_bytes       : of the file

    Nothing in the file is believed before it is compared: the arrays' names, dtypes and shapes with
    those that the layers have, before memory is taken for either.

    Raises
        FileNotFoundError : there is no such file
        ValueError : `save` did not write it, it is damaged or larger than `most_bytes`, it holds a
            layer of an unknown class, or weights that are not finite
    """
    fix = "save it again"
    with (
        told(path, came="a file that is no whole nnscratch model", expected="one that nnscratch.save wrote", fix=fix),
        array_files.opened(path, most_bytes=most_bytes) as arrays,
    ):
        description = Record(json_files.parse(arrays.text(_DESCRIPTION)))
        form = description.text("format")
        if form != _FORMAT:
            raise ValueError(f"its format is {shown(form)}, expected {_FORMAT!r}")
        known = {**BY_NAME, **(custom_layers or {})}
        descriptions = description.records("layers", most=_MOST_LAYERS)
        model = Sequential(
            *(_rebuild(each, known, arrays, i) for i, each in enumerate(descriptions)),
            fuse=description.flag("fuse", True),
        )
        _put_parameters(model, arrays, allow_not_finite)
        if "tied" in description.fields:
            _tie(model, description.record("tied"))
    return model


def _describe(layer: Layer) -> dict[str, Any]:
    try:
        description = {"class": type(layer).__name__, "arguments": layer.config()}
    except AttributeError as error:
        raise ValueError(
            f"save: got a {type(layer).__name__} that does not say how to make it again ({error}), expected each "
            "constructor argument as an attribute of the same name; keep them in __init__"
        ) from None
    return description | ({"frozen": True} if layer.frozen else {})


def _rebuild(description: Record, known: Mapping[str, type[Layer]], arrays: Arrays, i: int) -> Layer:
    """Layer i of a file. Its parameters are still to come, and take no memory until then.

    A custom layer may write into its first weights. It gets real ones, as many as the file has.
    """
    name = description.text("class")
    if name not in known:
        raise ValueError(f"unknown layer class {shown(name)}; pass custom_layers={{{name[:40]!r}: its class}}")
    arguments = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in description.record("arguments").fields.items()
    }
    if not_saved := {"rng", "dtype"} & arguments.keys():
        raise ValueError(f"a {name} has the argument {not_saved.pop()!r}, which is never saved")
    is_own = known[name] in BY_NAME.values()
    numbers = sum(math.prod(form.shape) for key, form in arrays.forms.items() if key.startswith(f"{i}."))
    try:
        with nothing_drawn() if is_own else drawn_at_most(numbers):
            layer = known[name](**arguments)
    except Exception as error:  # a custom layer may raise anything
        raise ValueError(f"layer {i}: {str(error) or type(error).__name__}") from None
    if not isinstance(layer, Layer):
        raise ValueError(f"{name} is no layer")
    layer.frozen = description.flag("frozen", False)
    return layer


def _put_parameters(model: Sequential, arrays: Arrays, allow_not_finite: bool) -> None:
    """Makes each array a parameter, in place of the drawn one, so that float64 stays float64."""
    shapes = {
        f"{i}.{name}": value.shape for i, layer in enumerate(model.layers) for name, value in layer.params.items()
    }
    dtype = next((arrays.forms[name].dtype for name in shapes if name in arrays.forms), np.dtype(np.float32))
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"its weights are {dtype}, expected float32 or float64")
    forms = {name: form for name, form in arrays.forms.items() if name != _DESCRIPTION}
    array_files.check_forms(forms, {name: Form(dtype, shape) for name, shape in shapes.items()})
    for i, layer in enumerate(model.layers):
        for name in layer.params:
            value = arrays.read(f"{i}.{name}")
            if not allow_not_finite and not np.isfinite(value).all():
                count = value.size - np.isfinite(value).sum()
                what = f"{count:,} of {value.size:,} values of {i}.{name}"
                raise ValueError(f"{what} are NaN or infinite; allow_not_finite=True takes them")
            layer.params[name] = aligned(value)


def _tie(model: Sequential, tied: Record) -> None:
    """Makes arrays one that were one when the model was saved."""
    places = {f"{i}.{name}": (i, name) for i, layer in enumerate(model.layers) for name in layer.params}
    for later in tied.fields:
        first = tied.text(later)
        if later not in places or first not in places:
            raise ValueError(f"its tied arrays {shown(later)} and {shown(first)} are not both parameters")
        (i, name), (j, other) = places[later], places[first]
        w, shared = model.layers[i].params[name], model.layers[j].params[other]
        if w.shape != shared.shape or w.tobytes() != shared.tobytes():
            raise ValueError(f"its tied arrays {shown(later)} and {shown(first)} differ")
        tie(model.layers, {places[later]: places[first]})
