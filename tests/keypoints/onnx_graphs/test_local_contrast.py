"""Local contrast normalization in a graph: the numbers of `locally_normalized`."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.geometry.local_contrast import locally_normalized
from nnscratch.keypoints.onnx_graphs.local_contrast import add_locally_normalized
from tests.keypoints.onnx_graphs.computed import check_same


@pytest.mark.parametrize(("count", "side", "window"), [(0, 5, 3), (1, 5, 5), (3, 9, 3), (2, 48, 13)])
@pytest.mark.parametrize("contrast", [1.0, 0.03, 0.0])
def test_it_is_numpys(count: int, side: int, window: int, contrast: float) -> None:
    x = (0.5 + contrast * np.random.default_rng(0).random((count, side, side))).astype(np.float32)
    expected = locally_normalized(x[..., np.newaxis], window)[..., 0]
    check_same(lambda graph, x: add_locally_normalized(graph, x, side, window), {"x": x}, expected, atol=3e-5)
