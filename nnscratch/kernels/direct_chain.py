"""A block of images through several convolutions of direct.py, and back, in one call without the GIL.

The kernels of thin convolutions take some ten to a hundred microseconds. Were each a call of its own, a second thread
would spend its time waiting for the GIL between them; so a thread asks for it once a block. One call has a chain of
layers, so its arrays of many shapes lie in few long ones:

    geometry   : (L, 8) whole numbers, a row a convolution: H, W, C of its x, k_h, k_w, O, H_p, W_p
    parameters : (P,) weight and bias of the first convolution, weight and bias of the second, ...; so their gradients
    maps       : x of the first convolution, (C, H, W*B), x of the second, ..., y of the last, each `map_size` numbers
    argmax     : likewise, of the y of the first, the y of the second, ...
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nnscratch.kernels.direct import forward
from nnscratch.kernels.direct_backward import backward_input, backward_weight
from nnscratch.kernels.packing import pack, unpack

_ALIGNED = 64  # numbers: so that each map begins on a cache line, bytes as well as floats


@njit(nogil=True)
def map_size(channels: int, height: int, width: int, images: int) -> int:
    """The numbers of a map, and some up to the next cache line."""
    return (channels * height * width * images + _ALIGNED - 1) // _ALIGNED * _ALIGNED


@njit(nogil=True)
def _view(memory: np.ndarray, at: int, channels: int, height: int, width: int, images: int) -> np.ndarray:
    size = channels * height * width * images
    return memory[at : at + size].reshape(channels, height, width * images)


@njit(nogil=True)
def _weight(parameters: np.ndarray, at: int, layer: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Weight and bias of a layer, which begin at `at`, and where they end."""
    c_in, k_h, k_w, c_out = layer[2], layer[3], layer[4], layer[5]
    middle = at + k_h * k_w * c_in * c_out
    weight = parameters[at:middle].reshape(k_h, k_w, c_in, c_out)
    return weight, parameters[middle : middle + c_out], middle + c_out


@njit(nogil=True, cache=True)
def chain_forward(
    pictures: np.ndarray,
    geometry: np.ndarray,
    parameters: np.ndarray,
    maps: np.ndarray,
    last_map: np.ndarray,
    argmax: np.ndarray,
    y: np.ndarray,
) -> None:
    """y = the last pooled map

    pictures : (B, H, W, C) of the first convolution;  y : (B, H_p, W_p, O) of the last, overwritten
    maps, argmax : overwritten, for backward;  last_map : overwritten with y, image innermost, no use for backward
    """
    images = len(pictures)
    height, width, c_in = geometry[0, :3]
    x = _view(maps, 0, c_in, height, width, images)
    pack(pictures, images, x)
    at = map_size(c_in, height, width, images)
    argmax_at = parameter_at = 0
    for k in range(len(geometry)):
        c_out, h_pooled, w_pooled = geometry[k, 5:]
        weight, bias, parameter_at = _weight(parameters, parameter_at, geometry[k])
        target, to = (maps, at) if k < len(geometry) - 1 else (last_map, 0)
        pooled = _view(target, to, c_out, h_pooled, w_pooled, images)
        forward(x, weight, bias, images, pooled, _view(argmax, argmax_at, c_out, h_pooled, w_pooled, images))
        size = map_size(c_out, h_pooled, w_pooled, images)
        at, argmax_at = at + size, argmax_at + size
        x = pooled
    unpack(x, images, y)


@njit(nogil=True, cache=True)
def chain_backward(
    dy: np.ndarray,
    geometry: np.ndarray,
    parameters: np.ndarray,
    maps: np.ndarray,
    argmax: np.ndarray,
    gradients: np.ndarray,
    dparameters: np.ndarray,
    dx: np.ndarray | None,
) -> None:
    """dparameters, as parameters lie, and dx unless it is None; both overwritten

    dy : (B, H_p, W_p, O) of the last convolution;  maps, argmax : as chain_forward left them
    gradients : scratch, as long as maps and last_map together;  dx : (B, H, W, C) of the first convolution
    """
    images, layers = len(dy), len(geometry)
    # Where each layer's x and y begin in the maps, and its parameters in theirs.
    starts = np.zeros(layers + 1, np.int64)
    parameter_starts = np.zeros(layers + 1, np.int64)
    for k in range(layers):
        height, width, c_in, k_h, k_w, c_out = geometry[k, :6]
        starts[k + 1] = starts[k] + map_size(c_in, height, width, images)
        parameter_starts[k + 1] = parameter_starts[k] + (k_h * k_w * c_in + 1) * c_out
    c_out, h_pooled, w_pooled = geometry[layers - 1, 5:]
    pack(dy, images, _view(gradients, starts[layers], c_out, h_pooled, w_pooled, images))
    for k in range(layers - 1, -1, -1):
        height, width, c_in = geometry[k, :3]
        c_out, h_pooled, w_pooled = geometry[k, 5:]
        dpooled = _view(gradients, starts[k + 1], c_out, h_pooled, w_pooled, images)
        winners = _view(argmax, starts[k + 1] - starts[1], c_out, h_pooled, w_pooled, images)
        weight, _, _ = _weight(parameters, parameter_starts[k], geometry[k])
        dweight, dbias, _ = _weight(dparameters, parameter_starts[k], geometry[k])
        x = _view(maps, starts[k], c_in, height, width, images)
        backward_weight(x, dpooled, winners, images, dweight, dbias)
        if k > 0 or dx is not None:
            backward_input(dpooled, winners, weight, images, _view(gradients, starts[k], c_in, height, width, images))
    if dx is not None:
        height, width, c_in = geometry[0, :3]
        unpack(_view(gradients, 0, c_in, height, width, images), images, dx)
