"""Crops in a graph: those of `crops`, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.crops import crops
from nnscratch.keypoints.onnx_graphs.affine_maps import Maps
from nnscratch.keypoints.onnx_graphs.crops import Pixels, add_crops
from tests.keypoints.onnx_graphs.computed import check_same

RNG = np.random.default_rng(0)


def pictures(count: int) -> np.ndarray:
    return RNG.random((count, 96, 96), dtype=np.float32)


def check_crops(x: np.ndarray, matrices: np.ndarray, side: int, expected: np.ndarray | None = None) -> None:
    """matrices (N, R, 2, 3)"""
    count = matrices.shape[1]
    if expected is None:
        each = [crops(x[..., np.newaxis], AffineMaps(matrices[:, r]), (side, side))[..., 0] for r in range(count)]
        expected = np.stack(each, axis=1)

    def add(graph: Any, x: str, linear: str, shift: str) -> str:
        return add_crops(graph, Pixels.of(graph, x), Maps(linear, shift, count), side)

    check_same(add, {"x": x, "linear": matrices[..., :2], "shift": matrices[..., 2]}, expected, atol=0)


@pytest.mark.parametrize(("count", "side"), [(0, 5), (1, 2), (3, 7), (2, 48)])
def test_crops_are_those_of_numpy(count: int, side: int) -> None:
    matrices = np.concatenate([RNG.normal(size=(count, 4, 2, 2)), RNG.uniform(0, 95, (count, 4, 2, 1))], axis=3)
    check_crops(pictures(count), matrices, side)


def test_the_picture_itself() -> None:
    x = pictures(2)
    check_crops(x, np.tile([[1.0, 0, 0], [0, 1, 0]], (2, 1, 1, 1)), 96, x[:, np.newaxis])


@pytest.mark.parametrize("shift", [(-3.25, 94.5), (95.0, 95.0), (94.999, 0.001), (-1e6, 50.0), (1e30, -1e30)])
def test_beyond_the_border_its_pixels_repeat(shift: tuple[float, float]) -> None:
    matrices = np.array([[[[1.0, 0.25, shift[0]], [-0.25, 1.0, shift[1]]]]])
    check_crops(pictures(1), matrices, 9)


def test_maps_that_are_not_finite_spoil_no_other_crop() -> None:
    """NumPy's crops refuse them; what becomes of their own crop is open, but it is of pixels."""
    x, side = pictures(4), 5
    matrices = np.tile([[1.0, 0, 20], [0, 1, 30]], (4, 1, 1, 1))
    good = crops(x[..., np.newaxis], AffineMaps(matrices[:, 0]), (side, side))[..., 0]
    matrices[0] = np.nan
    matrices[1, 0, :, 2] = np.inf
    matrices[2, 0, 0, 0] = -1e300
    expected = good.copy()
    expected[0] = x[0, 0, 0]
    expected[1] = x[1, -1, -1]
    expected[2] = x[2, 30:35, [0]].T  # column 0 is at 20 px, the others far to the left
    expected[2, :, 0] = x[2, 30:35, 20]
    check_crops(x, matrices, side, expected[:, np.newaxis])
