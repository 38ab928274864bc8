"""Parts and blocks of images."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.channel_vectors.parts import blocks_of, for_each_part, parts_of


@pytest.mark.parametrize("images", [0, 1, 7, 8, 9, 15, 100])
def test_parts_are_all_images_in_order(images: int) -> None:
    parts = parts_of(images)
    assert [n for part in parts for n in part] == list(range(images))
    assert len(parts) <= 8
    assert max(map(len, parts), default=0) - min(map(len, parts), default=0) <= 1


def test_blocks_of_large_and_of_small_images() -> None:
    large, small = (50, 1000, 1000, 3), (50, 64, 64, 16)  # 512 KB hold none and two
    assert list(blocks_of(range(3, 6), large, (0, 0), 4)) == [slice(3, 4), slice(4, 5), slice(5, 6)]
    assert list(blocks_of(range(3, 6), small, (0, 0), 4)) == [slice(3, 5), slice(5, 6)]
    assert list(blocks_of(range(3, 5), small, (1, 1), 4)) == [slice(3, 4), slice(4, 5)]  # the padding counts


@pytest.mark.parametrize("taps", [1, 10_000])
def test_for_each_part(taps: int) -> None:
    done: list[int] = []
    for_each_part(done.append, parts_of(19), np.zeros((19, 8, 8, 16)), taps)
    assert sorted(done) == list(range(len(parts_of(19))))
