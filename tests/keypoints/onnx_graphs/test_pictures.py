"""Pictures in a graph."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.faces import to_network_input
from nnscratch.keypoints.onnx_graphs.pictures import add_mirror_images, add_pictures
from tests.keypoints.onnx_graphs.computed import check_same


@pytest.mark.parametrize("count", [0, 1, 3])
def test_pictures_are_a_networks_input(count: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, 96, 96)).astype(np.uint8)
    check_same(add_pictures, {"images": images}, to_network_input(images)[..., 0], atol=0)


def test_every_value_of_a_pixel() -> None:
    images = np.arange(2 * 96 * 96).reshape(2, 96, 96).astype(np.uint8)
    check_same(add_pictures, {"images": images}, to_network_input(images)[..., 0], atol=0)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_pictures_and_mirror_images_come_in_turns(count: int) -> None:
    x = np.random.default_rng(0).random((count, 96, 96), dtype=np.float32)
    both = np.stack([x, x[:, :, ::-1]], axis=1).reshape(2 * count, 96, 96)
    check_same(add_mirror_images, {"x": x}, both, atol=0)
