"""Solutions of lesson 5, one function for each exercise, under its name."""

import numpy as np


def dropout_mask(p, uniform):
    return np.where(uniform < p, 0.0, 1 / (1 - p))


def dropout_backward(dy, mask):
    return dy * mask


def dropout_noise(h, weight, p):
    variance = p / (1 - p) * (h**2 @ weight**2)
    return np.sqrt(variance)


def noise_gradient(h, weight, p):
    per_unit = (weight**2).mean(axis=1)
    return 2 * p / (1 - p) * h * per_unit / len(h)


def decayed_step(weight, dweight, learning_rate, decay):
    return weight - learning_rate * (dweight + decay * weight)
