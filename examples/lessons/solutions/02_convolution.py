"""Solutions of lesson 2, one function for each exercise, under its name."""

import numpy as np


def conv_forward(x, weight, bias, padding):
    n_images, height, width, _ = x.shape
    k, c_out = weight.shape[0], weight.shape[3]
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    h_out, w_out = height + 2 * padding - k + 1, width + 2 * padding - k + 1
    y = np.zeros((n_images, h_out, w_out, c_out))
    for n, h, w, o in np.ndindex(*y.shape):
        y[n, h, w, o] = np.sum(x[n, h : h + k, w : w + k] * weight[..., o]) + bias[o]
    return y


def im2col(image, k):
    h_out, w_out = image.shape[0] - k + 1, image.shape[1] - k + 1
    return np.array([image[h : h + k, w : w + k].ravel() for h in range(h_out) for w in range(w_out)])


def conv_dweight(x, dy, k):
    dweight = np.zeros((k, k, x.shape[3], dy.shape[3]))
    for n, h, w, o in np.ndindex(*dy.shape):
        dweight[..., o] += x[n, h : h + k, w : w + k] * dy[n, h, w, o]
    return dweight
