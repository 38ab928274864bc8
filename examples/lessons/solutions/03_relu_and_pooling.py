"""Solutions of lesson 3, one function for each exercise, under its name."""

import numpy as np


def relu_backward(x, dy):
    return dy * (x > 0)


def silent_units(y):
    return y.max(axis=0) == 0


def max_pool_backward(x, dy, size):
    dx = np.zeros(x.shape)
    for h, w in np.ndindex(*dy.shape):
        top, left = h * size, w * size
        place = x[top : top + size, left : left + size].argmax()
        row, column = divmod(place, size)
        dx[top + row, left + column] = dy[h, w]
    return dx
