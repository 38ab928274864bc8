"""dx, by patch and place by place, against a sum written plainly; the loops: test_backward.py."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors.input_gradient import input_gradient, transpose
from nnscratch.kernels.memory import Scratch


@pytest.mark.parametrize("by_patch", [False, True])
@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
@pytest.mark.parametrize("c_out", [5, 64, 70, 130])
@pytest.mark.parametrize("channels", [1, 8, 24, 40])
@pytest.mark.parametrize("k", [2, 3])
def test_both_ways(monkeypatch, k: int, channels: int, c_out: int, padding, by_patch: bool) -> None:
    monkeypatch.setattr(choice, "input_gradient_by_patch", lambda *_: by_patch)
    rng, (p_h, p_w) = np.random.default_rng(0), padding
    weight, x_shape = rng.standard_normal((k, k, channels, c_out)), (3, 8, 7, channels)
    framed = np.zeros((3, 8 + 2 * p_h, 7 + 2 * p_w, channels))
    dy = rng.standard_normal((3, (framed.shape[1] - k + 1) // 2, (framed.shape[2] - k + 1) // 2, c_out))
    argmax = rng.integers(0, 5, dy.shape).astype(np.uint8)
    for h, w, place in np.ndindex(*dy.shape[1:3], 4):
        g = np.where(argmax[:, h, w] == place, dy[:, h, w], 0)
        top, left = 2 * h + place // 2, 2 * w + place % 2
        framed[:, top : top + k, left : left + k] += np.einsum("no,ijco->nijc", g, weight)
    dx = np.full(x_shape, np.nan)
    of_images = input_gradient(weight, dy, argmax, padding, dx, Scratch())
    of_images(slice(0, 2))
    of_images(slice(2, 3))
    np.testing.assert_allclose(dx, framed[:, p_h : p_h + 8, p_w : p_w + 7], rtol=1e-11, atol=1e-11)


def test_transpose() -> None:
    source, target = np.arange(91.0).reshape(13, 7), np.empty((7, 13))
    transpose(source, target)
    np.testing.assert_array_equal(target, source.T)
