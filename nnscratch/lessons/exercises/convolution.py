"""Lesson 2: a convolution by loops, its windows as columns, and its gradient by columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise, Mistake

Array = np.ndarray


def conv_forward(x: Array, weight: Array, bias: Array, padding: int) -> Array:
    n_images, height, width, _ = x.shape
    k, c_out = weight.shape[0], weight.shape[3]
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    y = np.zeros((n_images, height + 2 * padding - k + 1, width + 2 * padding - k + 1, c_out))
    for n, h, w, o in np.ndindex(*y.shape):
        window = padded[n, h : h + k, w : w + k, :]
        y[n, h, w, o] = (window * weight[:, :, :, o]).sum() + bias[o]
    return y


def _images(rng: np.random.Generator) -> Iterator[Arguments]:
    for n, height, width, c_in, c_out, k, padding in (
        (2, 5, 4, 2, 3, 3, 1),
        (1, 4, 4, 1, 1, 3, 0),
        (3, 3, 5, 3, 3, 1, 0),
        (2, 4, 4, 2, 2, 3, 2),
    ):
        x, weight = rng.standard_normal((n, height, width, c_in)), rng.standard_normal((k, k, c_in, c_out))
        yield x, weight, rng.standard_normal(c_out), padding


CONV_FORWARD = Exercise(
    conv_forward,
    ("y",),
    _images,
    (
        Mistake(
            "you forgot the padding: y has no room for the windows that stick out of the image.",
            {
                "height + 2 * padding": "height",
                "width + 2 * padding": "width",
                "(padding, padding), (padding, padding)": "(0, 0), (0, 0)",
            },
        ),
        Mistake(
            "your zeros stand on the wrong side: all of them to the right and below. Padding goes around the image.",
            {"(padding, padding), (padding, padding)": "(0, 2 * padding), (0, 2 * padding)"},
        ),
        Mistake(
            "your zeros stand on the wrong side: all of them to the left and above. Padding goes around the image.",
            {"(padding, padding), (padding, padding)": "(2 * padding, 0), (2 * padding, 0)"},
        ),
        Mistake("you forgot the bias.", {" + bias[o]": ""}),
        Mistake(
            "you turned the kernel upside down. Mathematics does so in a convolution, neural networks do not: "
            "weight[i, j] meets the pixel in row i, column j of the window.",
            {"weight[:, :, :, o]": "weight[::-1, ::-1, :, o]"},
        ),
        Mistake(
            "you exchanged the kernel's rows and columns.",
            {"weight[:, :, :, o]": "weight[:, :, :, o].transpose(1, 0, 2)"},
        ),
        Mistake(
            "only the first input channel is read: the sum runs over all channels of the window.",
            {"(window * weight[:, :, :, o])": "(window[:, :, 0] * weight[:, :, 0, o])"},
        ),
        Mistake(
            "the bias is added once per product, not once per sum: it stands inside the sum.",
            {".sum() + bias[o]": ".sum() + window.size * bias[o]"},
        ),
        Mistake(
            "every image gives the numbers of the first one: the window is cut from image 0, not n.",
            {"padded[n,": "padded[0,"},
        ),
    ),
)


def im2col(image: Array, k: int) -> Array:
    height, width, channels = image.shape
    h_out, w_out = height - k + 1, width - k + 1
    columns = np.zeros((h_out * w_out, k * k * channels))
    for h in range(h_out):
        for w in range(w_out):
            columns[h * w_out + w] = image[h : h + k, w : w + k, :].ravel()
    return columns


def _one_image(rng: np.random.Generator) -> Iterator[Arguments]:
    for height, width, channels, k in ((4, 5, 2, 3), (4, 4, 1, 2), (3, 5, 3, 1), (3, 3, 2, 3)):
        yield rng.standard_normal((height, width, channels)), k


IM2COL = Exercise(
    im2col,
    ("columns",),
    _one_image,
    (
        Mistake(
            "it is the transpose: one window is one row here, so that columns @ weight is a dense layer.",
            {"return columns": "return columns.T"},
        ),
        Mistake(
            "the numbers within a window are in another order: channel must run fastest (row, column, channel), as in "
            "weight.reshape(k*k*c_in, c_out).",
            {".ravel()": ".transpose(2, 0, 1).ravel()"},
        ),
        Mistake(
            "rows and columns within a window are exchanged: row must run slower than column.",
            {".ravel()": ".transpose(1, 0, 2).ravel()"},
        ),
        Mistake(
            "the windows are in another order: go through the image row by row, as one reads.",
            {"columns[h * w_out + w]": "columns[w * h_out + h]"},
        ),
        Mistake(
            "the last window of each row and column is missing: there are H - k + 1 of them, not H - k.",
            {"height - k + 1, width - k + 1": "height - k, width - k"},
        ),
        Mistake(
            "the index of the row of windows is multiplied by their number in a column; take that in a row.",
            {"columns[h * w_out + w]": "columns[min(h * h_out + w, len(columns) - 1)]"},
        ),
    ),
)


def conv_dweight(x: Array, dy: Array, k: int) -> Array:
    dweight = np.zeros((k, k, x.shape[3], dy.shape[3]))
    for n, h, w, o in np.ndindex(*dy.shape):
        window = x[n, h : h + k, w : w + k, :]
        dweight[:, :, :, o] += window * dy[n, h, w, o]
    return dweight


def _with_gradient(rng: np.random.Generator) -> Iterator[Arguments]:
    for n, height, width, c_in, c_out, k in (
        (2, 5, 4, 2, 3, 3),
        (3, 4, 4, 3, 3, 3),
        (1, 3, 5, 1, 2, 2),
        (2, 2, 3, 2, 1, 1),
    ):
        x = rng.standard_normal((n, height, width, c_in))
        yield x, rng.standard_normal((n, height - k + 1, width - k + 1, c_out)), k


CONV_DWEIGHT = Exercise(
    conv_dweight,
    ("dweight",),
    _with_gradient,
    (
        Mistake(
            "only the last window is in it: = overwrites what the windows before have written. Add them up, +=.",
            {"+= window": "= window"},
        ),
        Mistake(
            "only the first image is in it: every image uses the same weights, so their gradients add up.",
            {"return dweight": "return conv_dweight(x[:1], dy[:1], k) if len(x) > 1 else dweight"},
        ),
        Mistake(
            "you divided by the number of images: that division belongs to the loss, which has done it.",
            {"return dweight": "return dweight / len(x)"},
        ),
        Mistake(
            "you divided by the number of windows. A weight that is used often has a large gradient; nothing divides "
            "it.",
            {"return dweight": "return dweight / (dy.shape[1] * dy.shape[2])"},
        ),
        Mistake(
            "the kernel's rows and columns are exchanged in it.",
            {"return dweight": "return dweight.transpose(1, 0, 2, 3)"},
        ),
        Mistake(
            "it is upside down: weight[i, j] met the pixel in row i, column j of the window, so its gradient stands "
            "there, too.",
            {"return dweight": "return dweight[::-1, ::-1]"},
        ),
    ),
)

EXERCISES = (CONV_FORWARD, IM2COL, CONV_DWEIGHT)
