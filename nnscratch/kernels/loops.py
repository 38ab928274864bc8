"""The textbook nested loops of every operation, forward and backward: the reference of all kernels.

Each index has one loop and one letter, so that each line can be compared with the formula above
it. Nothing here is compiled or clever, and so it is slow; the fast kernels are tested to give the
same numbers.

Letters
    n images or rows; h, w position in the output; i, j position in the window
    c input channel; o output channel
    s = stride, p = padding; shapes are written behind each argument
"""

from __future__ import annotations

import numpy as np

Pair = tuple[int, int]


def dense_forward(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """y[n,o] = bias[o] + sum over i of x[n,i] * weight[i,o]

    x (N, n_in), weight (n_in, n_out), bias (n_out,) or None -> y (N, n_out)
    """
    (n_rows, n_in), n_out = x.shape, weight.shape[1]
    y = np.zeros((n_rows, n_out), x.dtype)
    for n in range(n_rows):
        for o in range(n_out):
            for i in range(n_in):
                y[n, o] += x[n, i] * weight[i, o]
            y[n, o] += 0 if bias is None else bias[o]
    return y


def dense_backward(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx[n,i] = sum_o dy[n,o] weight[i,o], dweight[i,o] = sum_n x[n,i] dy[n,o], dbias = sum_n dy

    x (N, n_in), weight (n_in, n_out), dy (N, n_out) -> dx, dweight, dbias
    """
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(weight.shape[1], weight.dtype)
    for n in range(x.shape[0]):
        for o in range(weight.shape[1]):
            for i in range(x.shape[1]):
                dx[n, i] += dy[n, o] * weight[i, o]
                dweight[i, o] += dy[n, o] * x[n, i]
            dbias[o] += dy[n, o]
    return dx, dweight, dbias


def conv2d_forward(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair
) -> np.ndarray:
    """y[n,h,w,o] = bias[o] + sum over i,j,c of x[n, h*s+i-p, w*s+j-p, c] * weight[i,j,c,o]

    x is 0 outside the image.

    x (N, H, W, C), weight (k_h, k_w, C, O), bias (O,) or None -> y (N, H_out, W_out, O)
    """
    n_images, height, width, c_in = x.shape
    k_h, k_w, _, c_out = weight.shape
    h_out, w_out = (height + 2 * padding[0] - k_h) // stride[0] + 1, (width + 2 * padding[1] - k_w) // stride[1] + 1
    y = np.zeros((n_images, h_out, w_out, c_out), x.dtype)
    for n, h, w, o in np.ndindex(*y.shape):
        for i, j, c in np.ndindex(k_h, k_w, c_in):
            row, column = h * stride[0] + i - padding[0], w * stride[1] + j - padding[1]
            if 0 <= row < height and 0 <= column < width:
                y[n, h, w, o] += x[n, row, column, c] * weight[i, j, c, o]
        y[n, h, w, o] += 0 if bias is None else bias[o]
    return y


def conv2d_backward(
    x: np.ndarray, weight: np.ndarray, dy: np.ndarray, stride: Pair, padding: Pair
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each product x * weight of forward sends dy * weight to that x, and dy * x to that weight.

    x (N, H, W, C), weight (k_h, k_w, C, O), dy (N, H_out, W_out, O) -> dx, dweight, dbias
    """
    _, height, width, c_in = x.shape
    k_h, k_w, _, c_out = weight.shape
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(c_out, weight.dtype)
    for n, h, w, o in np.ndindex(*dy.shape):
        for i, j, c in np.ndindex(k_h, k_w, c_in):
            row, column = h * stride[0] + i - padding[0], w * stride[1] + j - padding[1]
            if 0 <= row < height and 0 <= column < width:
                dx[n, row, column, c] += dy[n, h, w, o] * weight[i, j, c, o]
                dweight[i, j, c, o] += dy[n, h, w, o] * x[n, row, column, c]
        dbias[o] += dy[n, h, w, o]
    return dx, dweight, dbias


def max_pool2d_forward(x: np.ndarray, pool_size: Pair, stride: Pair) -> np.ndarray:
    """y[n,h,w,c] = max over i,j of x[n, h*s+i, w*s+j, c]; a last partial window is dropped.

    x (N, H, W, C) -> y (N, H_out, W_out, C)
    """
    n_images, height, width, channels = x.shape
    h_out, w_out = (height - pool_size[0]) // stride[0] + 1, (width - pool_size[1]) // stride[1] + 1
    y = np.full((n_images, h_out, w_out, channels), -np.inf, x.dtype)
    for n, h, w, c in np.ndindex(*y.shape):
        for i, j in np.ndindex(*pool_size):
            y[n, h, w, c] = max(y[n, h, w, c], x[n, h * stride[0] + i, w * stride[1] + j, c])
    return y


def max_pool2d_backward(x: np.ndarray, dy: np.ndarray, pool_size: Pair, stride: Pair) -> np.ndarray:
    """Each dy goes to the largest x of its window, on a tie to the first in reading order.

    x (N, H, W, C), dy (N, H_out, W_out, C) -> dx (N, H, W, C)
    """
    dx = np.zeros_like(x)
    for n, h, w, c in np.ndindex(*dy.shape):
        best_row, best_column = h * stride[0], w * stride[1]
        for i, j in np.ndindex(*pool_size):
            row, column = h * stride[0] + i, w * stride[1] + j
            if x[n, row, column, c] > x[n, best_row, best_column, c]:
                best_row, best_column = row, column
        dx[n, best_row, best_column, c] += dy[n, h, w, c]
    return dx


def average_pool2d_forward(x: np.ndarray, pool_size: Pair, stride: Pair) -> np.ndarray:
    """y[n,h,w,c] = 1/K * sum over i,j of x[n, h*s+i, w*s+j, c], K places in a window.

    x (N, H, W, C) -> y (N, H_out, W_out, C); a last partial window is dropped
    """
    n_images, height, width, channels = x.shape
    h_out, w_out = (height - pool_size[0]) // stride[0] + 1, (width - pool_size[1]) // stride[1] + 1
    y = np.zeros((n_images, h_out, w_out, channels), x.dtype)
    for n, h, w, c in np.ndindex(*y.shape):
        for i, j in np.ndindex(*pool_size):
            y[n, h, w, c] += x[n, h * stride[0] + i, w * stride[1] + j, c]
        y[n, h, w, c] /= pool_size[0] * pool_size[1]
    return y


def average_pool2d_backward(x: np.ndarray, dy: np.ndarray, pool_size: Pair, stride: Pair) -> np.ndarray:
    """Each dy goes to all x of its window, in K equal parts.

    x (N, H, W, C), dy (N, H_out, W_out, C) -> dx (N, H, W, C)
    """
    dx = np.zeros_like(x)
    for n, h, w, c in np.ndindex(*dy.shape):
        for i, j in np.ndindex(*pool_size):
            dx[n, h * stride[0] + i, w * stride[1] + j, c] += dy[n, h, w, c] / (pool_size[0] * pool_size[1])
    return dx


def relu_forward(x: np.ndarray) -> np.ndarray:
    """y = x where x > 0, else 0; any shape."""
    y = np.zeros_like(x)
    for k in np.ndindex(*x.shape):
        y[k] = x[k] if x[k] > 0 else 0
    return y


def relu_backward(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """dx = dy where x > 0, else 0; any shape."""
    dx = np.zeros_like(x)
    for k in np.ndindex(*x.shape):
        dx[k] = dy[k] if x[k] > 0 else 0
    return dx


def dropout_forward(x: np.ndarray, mask: np.ndarray, p: float) -> np.ndarray:
    """y = x / (1 - p) where the mask is true, 0 elsewhere; any shape. Backward: the same of dy."""
    y = np.zeros_like(x)
    for k in np.ndindex(*x.shape):
        y[k] = x[k] / (1 - p) if mask[k] else 0
    return y


def normalize_forward(x: np.ndarray, spread: float, floor: float) -> np.ndarray:
    """y[n,i] = spread * (x[n,i] - m) / max(std, floor)

    m and std are the mean and the standard deviation of x[n].

    x (N, M) -> y (N, M)
    """
    y = np.zeros_like(x)
    for n in range(len(x)):
        mean, std = _moments(x[n])
        for i in range(x.shape[1]):
            y[n, i] = spread * (x[n, i] - mean) / max(std, floor)
    return y


def normalize_backward(x: np.ndarray, dy: np.ndarray, spread: float, floor: float) -> np.ndarray:
    """Each x[n,j] changes its own y[n,j] directly, and all of its row through m and std.

    If std < floor, std is not in the formula, and has no part in this.

    x, dy (N, M) -> dx (N, M)
    """
    size, dx = x.shape[1], np.zeros_like(x)
    for n in range(len(x)):
        mean, std = _moments(x[n])
        s = max(std, floor)
        for i in range(size):
            for j in range(size):
                ds = (x[n, j] - mean) / (size * s) if std >= floor else 0.0
                moved = (i == j) - 1 / size - (x[n, i] - mean) / s * ds
                dx[n, j] += dy[n, i] * spread / s * moved
    return dx


def _moments(x: np.ndarray) -> tuple[float, float]:
    """The mean and the standard deviation of (M,) numbers."""
    mean = sum(float(value) for value in x) / len(x)
    return mean, (sum((float(value) - mean) ** 2 for value in x) / len(x)) ** 0.5


def mean_squared_error(prediction: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """loss = sum of (prediction - target)^2 over the M labelled values / M; NaN: not labelled.

    prediction, target (N, n_out) -> loss, dprediction (N, n_out)
    """
    dprediction = np.zeros_like(prediction)
    labelled, total = 0, 0.0
    for k in np.ndindex(*prediction.shape):
        if not np.isnan(target[k]):
            labelled += 1
            total += float(prediction[k] - target[k]) ** 2
            dprediction[k] = 2 * (prediction[k] - target[k])
    return total / max(labelled, 1), dprediction / dprediction.dtype.type(max(labelled, 1))


def sgd_update(
    w: float, dw: float, v: float, lr: float, weight_decay: float, momentum: float, nesterov: bool
) -> tuple[float, float]:
    """One number's step of SGD with momentum: the new w and velocity v; see `nn.SGD`."""
    g = dw + weight_decay * w
    v = momentum * v + g
    return w - lr * (g + momentum * v if nesterov else v), v


def adam_update(
    w: float,
    dw: float,
    m: float,
    v: float,
    t: int,
    lr: float,
    weight_decay: float,
    betas: tuple[float, float],
    epsilon: float,
) -> tuple[float, float, float]:
    """One number's step number t of Adam: the new w, m and v; see `nn.Adam`."""
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * dw
    v = beta2 * v + (1 - beta2) * dw**2
    w = w - lr * weight_decay * w
    return w - lr * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + epsilon), m, v


def warp(
    x: np.ndarray,
    affine: np.ndarray,
    bend: np.ndarray,
    tone: np.ndarray,
    seeds: np.ndarray,
    blank: np.ndarray,
    size: Pair,
) -> np.ndarray:
    """y[n,h,w] = gain * x[n] at A (w, h) + t + bend there + offset + noise * u; see kernels/warp.py

    x (N, H, W, 1), affine (N, 2, 3), bend (N, G, G, 2), tone (N, 3), seeds (N,), blank (N, 4)
    -> y (N, *size, 1)
    """
    height, width = size
    last = np.array([x.shape[2] - 1, x.shape[1] - 1])
    y = np.zeros((len(x), height, width, 1), x.dtype)
    for n in range(len(x)):
        for h in range(height):
            for w in range(width):
                down, across = h * (bend.shape[1] - 1) / (height - 1), w * (bend.shape[2] - 1) / (width - 1)
                moved = affine[n, :, :2] @ [w, h] + affine[n, :, 2]
                moved = moved + [_between_four(bend[n, :, :, axis], down, across) for axis in range(2)]
                source_w, source_h = np.clip(moved, 0, last)
                y[n, h, w, 0] = tone[n, 0] * _between_four(x[n, :, :, 0], source_h, source_w) + tone[n, 1]
                y[n, h, w, 0] += tone[n, 2] * _even_noise(int(seeds[n]) + h * width + w)
                if blank[n, 0] <= h < blank[n, 1] and blank[n, 2] <= w < blank[n, 3]:
                    y[n, h, w, 0] = 0
    return y


def _between_four(values: np.ndarray, h: float, w: float) -> float:
    """Bilinear: the value at row h and column w of (H, W) values, from the four around it."""
    i, j = min(int(h), len(values) - 2), min(int(w), values.shape[1] - 2)
    v, u = h - i, w - j
    upper = (1 - u) * values[i, j] + u * values[i, j + 1]
    return float((1 - v) * upper + v * ((1 - u) * values[i + 1, j] + u * values[i + 1, j + 1]))


def _even_noise(number: int) -> float:
    """A number in -1..1 that looks random: the hash "lowbias32" (Wellons, 2018) of `number`."""
    bits = number % 2**32
    bits = (bits ^ bits >> 16) * 0x7FEB352D % 2**32
    bits = (bits ^ bits >> 15) * 0x846CA68B % 2**32
    return (bits ^ bits >> 16) * 2.0**-31 - 1
