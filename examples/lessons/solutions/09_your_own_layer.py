"""Solutions of lesson 9, one function for each exercise, under its name."""

import numpy as np


def layer_norm(x, weight, bias):
    mean = x.mean(axis=1, keepdims=True)
    size = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    return (x - mean) / size * weight + bias


def layer_norm_backward(x, weight, dy):
    size = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    z = (x - x.mean(axis=1, keepdims=True)) / size
    dz = dy * weight
    by_mean = dz.mean(axis=1, keepdims=True)
    by_size = z * np.mean(dz * z, axis=1, keepdims=True)
    return (dz - by_mean - by_size) / size, np.sum(dy * z, axis=0), np.sum(dy, axis=0)
