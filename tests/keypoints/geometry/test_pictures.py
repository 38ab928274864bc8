"""Pictures that a kernel may get, and such that it may not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.geometry.pictures import check_pictures


@pytest.mark.parametrize("shape", [(0, 1, 1, 1), (1, 1, 1, 1), (5, 96, 96, 1)])
def test_grey_pictures_pass(shape: tuple[int, ...]) -> None:
    check_pictures("crops", np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("x", "size", "message"),
    [
        (None, None, "crops: got x of type NoneType"),
        (np.zeros((1, 4, 4, 1)), None, "got x of dtype float64, shape .* expected float32"),
        (np.zeros((4, 4, 1), np.float32), None, r"got x of dtype float32, shape \(4, 4, 1\)"),
        (np.zeros((1, 4, 4, 2), np.float32), None, r"shape \(1, 4, 4, 2\)"),
        (np.zeros((1, 4, 0, 1), np.float32), None, "H and W from 1 up"),
        (np.zeros((1, 96, 95, 1), np.float32), (96, 96), r"expected float32, \(N, 96, 96, 1\)"),
    ],
)
def test_all_others_do_not(x: Any, size: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_pictures("crops", x, size)
