"""Weight and bias as kernels may get them: they check nothing, and anybody may replace an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.layers.base import Layer, check_dtype

_FLOATS = np.dtype(np.float32), np.dtype(np.float64)


class Parameters:
    """`checked_parameters` of one layer, looked at again only when other arrays are there.

    layer        : a `Dense` or a `Conv2D`
    weight_shape : what its sizes say
    """

    def __init__(self, layer: Any, weight_shape: tuple[int, ...]) -> None:
        self.layer, self.weight_shape = layer, weight_shape
        self._seen: tuple[object, object, int] = None, None, 0
        self._checked: tuple[np.ndarray, np.ndarray | None] | None = None

    def get(self, x_dtype: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray | None]:
        """Weight, and bias or None, as views: their shape stays, whatever becomes of the arrays'.

        Raises
            ValueError : as `checked_parameters`
        """
        params = self.layer.params
        weight, bias = params.get("weight"), params.get("bias")
        seen_weight, seen_bias, count = self._seen
        checked = self._checked
        same_arrays = weight is seen_weight and bias is seen_bias and len(params) == count
        if same_arrays and checked is not None and checked[0].dtype is x_dtype:
            return checked
        weight_now, bias_now = checked_parameters(self.layer, self.weight_shape, x_dtype)
        result = weight_now[...], None if bias_now is None else bias_now[...]
        copied = weight_now is not weight or bias_now is not bias
        self._seen, self._checked = (weight, bias, len(params)), None if copied else result
        return result


def checked_parameters(
    layer: Any, weight_shape: tuple[int, ...], x_dtype: np.dtype[Any]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The layer's weight, and its bias or None: contiguous, and all that the sizes say of them.

    layer        : a `Dense` or a `Conv2D`
    weight_shape : what its sizes say; the last length is that of the bias
    x_dtype      : of the x that they meet

    Arrays that are not contiguous are copied, in every call anew: put a contiguous one there.

    Raises
        ValueError : an array is missing, unknown, or of another shape or dtype

    >>> from nnscratch.layers import Dense
    >>> weight, bias = checked_parameters(Dense(3, 2, rng=0), (3, 2), np.dtype(np.float32))
    >>> weight.shape, bias.shape
    ((3, 2), (2,))
    """
    # Every network goes through here, layer by layer: so the usual case is one expression.
    params = layer.params
    weight = params.get("weight")
    if type(weight) is np.ndarray and weight.shape == weight_shape and weight.dtype == x_dtype in _FLOATS:
        bias = params.get("bias")
        if bias is None:
            if len(params) == 1 and not layer.bias and weight.flags.c_contiguous:
                return weight, None
        elif (
            type(bias) is np.ndarray
            and bias.shape == weight_shape[-1:]
            and bias.dtype == x_dtype
            and len(params) == 2
            and layer.bias
            and weight.flags.c_contiguous
            and bias.flags.c_contiguous
        ):
            return weight, bias
    return _checked_one_by_one(layer, weight_shape, x_dtype)


def _checked_one_by_one(
    layer: Any, weight_shape: tuple[int, ...], x_dtype: np.dtype[Any]
) -> tuple[np.ndarray, np.ndarray | None]:
    shapes = {"weight": weight_shape} | ({"bias": weight_shape[-1:]} if layer.bias else {})
    _check_names(layer, shapes)
    for name, shape in shapes.items():
        value = layer.params[name]
        if not isinstance(value, np.ndarray):
            raise ValueError(
                f"{layer!r}: got {name} of type {type(value).__name__}, expected a NumPy array of shape {shape}; "
                "use np.array of it"
            )
        if value.shape != shape:
            raise ValueError(
                f"{layer!r}: got {name} of shape {value.shape}, expected {shape}, as the layer's sizes say; replace "
                "it by an array of that shape, or make a layer of other sizes"
            )
        if value.dtype not in _FLOATS or value.dtype != layer.params["weight"].dtype:
            raise ValueError(
                f"{layer!r}: got {name} of dtype {value.dtype}, expected float32 or float64, the same for all "
                "parameters; use astype"
            )
    check_dtype(layer, x_dtype)
    weight, bias = (np.ascontiguousarray(layer.params[name]) if name in shapes else None for name in ("weight", "bias"))
    assert weight is not None
    return weight, bias


def _check_names(layer: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """A subclass may have parameters of its own, besides; they must not be called "bias"."""
    own = type(layer).__base__ is not Layer
    unknown = [name for name in layer.params if name not in shapes and (name == "bias" or not own)]
    missing = [name for name in shapes if name not in layer.params]
    if unknown or missing:
        raise ValueError(
            f"{layer!r}: got parameters {sorted(map(str, layer.params))}, expected {sorted(shapes)}; "
            f"{'put the missing one back' if missing else 'take the unknown one away'}, or make a new layer"
        )
