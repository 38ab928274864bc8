"""A block of images through several convolutions of direct.py, and back, in one call without the GIL.

The kernels of thin convolutions take some ten to a hundred microseconds. Were each a call of its own, a second thread
would spend its time waiting for the GIL between them; so a thread asks for it once a block. One call has a chain of
layers, so its arrays of many shapes lie in few long ones, for B images:

    geometry   : (L, 12) whole numbers, a row a convolution: H, W, C of its x; k_h, k_w, O; H_p, W_p of its y; where x
                 and y begin in maps; where weight and bias begin in parameters
    parameters : (P,) weight and bias of the first convolution, weight and bias of the second, ...; so their gradients
    maps       : x of the first convolution, (C, H, W*B), x of the second, ..., y of the last
    argmax     : uint8, at the same places as y in maps
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nnscratch.kernels.image_vectors.backward import backward_input, backward_weight
from nnscratch.kernels.image_vectors.forward import forward


@njit(nogil=True, cache=True)
def chain_forward(
    images: int, geometry: np.ndarray, parameters: np.ndarray, maps: np.ndarray, argmax: np.ndarray
) -> None:
    """All maps but the first, which is given, and argmax: overwritten. Backward needs all but the last map."""
    for k in range(len(geometry)):
        height, width, c_in, k_h, k_w, c_out, h_pooled, w_pooled, x_at, y_at, weight_at, bias_at = geometry[k]
        x_size, y_size = c_in * height * width * images, c_out * h_pooled * w_pooled * images
        x = maps[x_at : x_at + x_size].reshape(c_in, height, width * images)
        pooled = maps[y_at : y_at + y_size].reshape(c_out, h_pooled, w_pooled * images)
        winners = argmax[y_at : y_at + y_size].reshape(c_out, h_pooled, w_pooled * images)
        weight = parameters[weight_at:bias_at].reshape(k_h, k_w, c_in, c_out)
        forward(x, weight, parameters[bias_at : bias_at + c_out], images, pooled, winners)


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
    """dparameters, as parameters lie, overwritten; in gradients, as maps lie, those of all maps

    maps, argmax : as chain_forward left them
    gradients : that of the last map is given; the others are overwritten, the first only if input_gradient
    """
    for k in range(len(geometry) - 1, -1, -1):
        height, width, c_in, k_h, k_w, c_out, h_pooled, w_pooled, x_at, y_at, weight_at, bias_at = geometry[k]
        x_size, y_size = c_in * height * width * images, c_out * h_pooled * w_pooled * images
        x = maps[x_at : x_at + x_size].reshape(c_in, height, width * images)
        dpooled = gradients[y_at : y_at + y_size].reshape(c_out, h_pooled, w_pooled * images)
        winners = argmax[y_at : y_at + y_size].reshape(c_out, h_pooled, w_pooled * images)
        weight = parameters[weight_at:bias_at].reshape(k_h, k_w, c_in, c_out)
        dweight = dparameters[weight_at:bias_at].reshape(k_h, k_w, c_in, c_out)
        backward_weight(x, dpooled, winners, images, dweight, dparameters[bias_at : bias_at + c_out])
        if k > 0 or input_gradient:
            dx = gradients[x_at : x_at + x_size].reshape(c_in, height, width * images)
            backward_input(dpooled, winners, weight, images, dx)
