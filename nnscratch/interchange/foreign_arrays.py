"""Arrays of other libraries as NumPy arrays, without importing these libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.messages import one_line, shown


def as_array(where: str, name: str, value: Any) -> np.ndarray:
    """`value` as a NumPy array: one already, a torch tensor, or what else has `__array__`.

    The memory may be shared: read it, and do not write into it.

    where, name : for the message

    Raises
        ValueError : it is none of these, or NumPy cannot read it, such as bfloat16 or a GPU's

    >>> as_array("load", "weight", [1.0])
    Traceback (most recent call last):
    ValueError: load: got 'weight' of type list, expected a NumPy array or a torch tensor; use
    np.asarray(value, dtype)
    """
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if not hasattr(value, "__array__"):
        came = f"{shown(str(name))} of type {type(value).__name__}"
        raise ValueError(one_line(where, came, "a NumPy array or a torch tensor", "use np.asarray(value, dtype)"))
    try:
        return np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = " ".join(str(getattr(value, each, "")) for each in ("dtype", "device")).strip()
        reason = str(error).split("\n", maxsplit=1)[0]
        came = f"{shown(str(name))}, {kind or type(value).__name__}, which NumPy cannot read ({reason})"
        fix = "use tensor.float().cpu()"
        raise ValueError(one_line(where, came, "a tensor of float32 or float64 on the CPU", fix)) from None
