"""A block of images through several convolutions, and back, in one call without the GIL.

The kernels of forward.py and backward.py take some ten to a hundred microseconds each. If each were
a call of its own, a second thread would mostly wait for the GIL between them (measured at 427e9e6,
report CNN, batch 100, two threads against one: a training step 1.1 times as fast with a call per
kernel, 1.7 times with a call per block). So a thread takes the GIL once per block, and one call
runs through all convolutions. Their arrays of many shapes lie in a few long ones; with B images in
a block:

    geometry   : (L, COLUMNS) int64, one row per convolution
    parameters : (P,) weight and bias of the first convolution, of the second, ...; so their gradients
    maps       : x of the first convolution, (C, H, W*B), x of the second, ..., y of the last
    argmax     : uint8, at the same places as y in maps
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.image_vectors.backward import backward_input, backward_weight
from nnscratch.kernels.image_vectors.forward import forward

# The columns of geometry. Numba would take a structured array too, with names of its own, but then
# each call looks up its type anew: 4 us of the 50 us that one image takes in the report's CNN.
HEIGHT, WIDTH, C_IN, K_H, K_W, C_OUT = range(6)  # x is (C_IN, HEIGHT, WIDTH*B)
H_POOLED, W_POOLED = 6, 7  # y is (C_OUT, H_POOLED, W_POOLED*B)
X_AT, Y_AT = 8, 9  # where x and y begin in maps, and their gradients in gradients
WEIGHT_AT, BIAS_AT = 10, 11  # where weight and bias begin in parameters
COLUMNS = 12


@register_jitable
def map_at(maps: np.ndarray, begin: int, shape: tuple[int, ...], images: int) -> np.ndarray:
    """(C, H, W*B) as a view of maps, argmax or gradients, from where it begins; shape is (H, W, C)."""
    height, width, channels = shape
    row_step = width * images
    return maps[begin : begin + channels * height * row_step].reshape(channels, height, row_step)


@register_jitable
def input_map(maps: np.ndarray, conv: np.ndarray, images: int) -> np.ndarray:
    """x of a convolution, (C, H, W*B), as a view of maps; conv is its row of geometry."""
    return map_at(maps, conv[X_AT], (conv[HEIGHT], conv[WIDTH], conv[C_IN]), images)


@register_jitable
def output_map(maps: np.ndarray, conv: np.ndarray, images: int) -> np.ndarray:
    """Pooled y of a convolution, (O, H_p, W_p*B), as a view of maps, argmax or gradients."""
    return map_at(maps, conv[Y_AT], (conv[H_POOLED], conv[W_POOLED], conv[C_OUT]), images)


@register_jitable
def weight_and_bias(parameters: np.ndarray, conv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k_h, k_w, C, O) and (O,) of a convolution, as views of parameters or of their gradients."""
    weight = parameters[conv[WEIGHT_AT] : conv[BIAS_AT]]
    bias = parameters[conv[BIAS_AT] : conv[BIAS_AT] + conv[C_OUT]]
    return weight.reshape(conv[K_H], conv[K_W], conv[C_IN], conv[C_OUT]), bias


@njit(nogil=True, cache=True)
def chain_forward(
    images: int,
    geometry: np.ndarray,
    parameters: np.ndarray,
    maps: np.ndarray,
    argmax: np.ndarray,
    part: int = 0,
    parts: int = 1,
) -> None:
    """Overwrites argmax and all maps but the first, which is given.

    part : of one convolution alone, which of so many parts of y's rows
    """
    for k in range(len(geometry)):
        conv = geometry[k]
        weight, bias = weight_and_bias(parameters, conv)
        x, y, winners = input_map(maps, conv, images), output_map(maps, conv, images), output_map(argmax, conv, images)
        forward(x, weight, bias, images, y, winners, part, parts)


@njit(nogil=True, cache=True)
def weight_gradient(
    images: int,
    conv: np.ndarray,
    maps: np.ndarray,
    argmax: np.ndarray,
    gradients: np.ndarray,
    dparameters: np.ndarray,
    part: int,
    parts: int,
) -> None:
    """dparameters of one convolution.

    conv : its row of geometry;  part : which of so many parts of the output channels
    """
    dweight, dbias = weight_and_bias(dparameters, conv)
    dy, winners = output_map(gradients, conv, images), output_map(argmax, conv, images)
    backward_weight(input_map(maps, conv, images), dy, winners, images, dweight, dbias, part, parts)


@njit(nogil=True, cache=True)
def map_gradient(
    images: int, conv: np.ndarray, parameters: np.ndarray, argmax: np.ndarray, gradients: np.ndarray, part: int,
    parts: int,
) -> None:  # fmt: skip
    """The gradient of one convolution's x.

    conv : its row of geometry;  part : which of so many parts of the rows
    """
    weight, _ = weight_and_bias(parameters, conv)
    dy, winners = output_map(gradients, conv, images), output_map(argmax, conv, images)
    backward_input(dy, winners, weight, images, input_map(gradients, conv, images), part, parts)


@njit(nogil=True, cache=True)
def chain_backward(
    images: int,
    geometry: np.ndarray,
    parameters: np.ndarray,
    maps: np.ndarray,
    argmax: np.ndarray,
    gradients: np.ndarray,
    dparameters: np.ndarray,
    input_gradient: bool,
) -> None:
    """dparameters, laid out as parameters, and the gradients of all maps, laid out as maps.

    maps, argmax : as chain_forward left them
    gradients    : the last map's is given; the others are overwritten, the first's only if
        input_gradient
    dparameters  : overwritten
    """
    for k in range(len(geometry) - 1, -1, -1):
        weight_gradient(images, geometry[k], maps, argmax, gradients, dparameters, 0, 1)
        if k > 0 or input_gradient:
            map_gradient(images, geometry[k], parameters, argmax, gradients, 0, 1)
