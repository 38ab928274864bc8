"""The images of a backward pass in parts, which threads take in turn, and blocks, which fit the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from nnscratch.kernels.layerwise.im2col import Pair
from nnscratch.kernels.threads import in_blocks

# Bytes of the second-level cache for a block of images; what is added back to them takes as much in
# its turn.
_IMAGE_BYTES = 1 << 19
# dweight is summed in up to this many partial sums, whatever the threads, so that its bits do not
# depend on them.
_PARTIAL_SUMS = 8
# Multiply-adds, zeros counted, that are worth a call and a thread: about a quarter of a millisecond
# in float32.
_PRODUCTS_PER_BLOCK = 10_000_000


def parts_of(n_images: int) -> list[range]:
    """The images in up to _PARTIAL_SUMS parts, whose sizes differ by one at most: two threads get as many."""
    size = -(-n_images // _PARTIAL_SUMS) or 1
    parts = -(-n_images // size)
    begins = [-(-n_images * part // parts) for part in range(parts)]
    return [range(first, stop) for first, stop in pairwise([*begins, n_images])]


def blocks_of(part: range, shape: tuple[int, ...], padding: Pair, itemsize: int) -> Iterator[slice]:
    """The images of a part in blocks that stay in the second-level cache, padding included."""
    _, height, width, channels = shape
    image_bytes = math.prod((height + 2 * padding[0], width + 2 * padding[1], channels)) * itemsize
    images = max(1, _IMAGE_BYTES // max(1, image_bytes))
    return (slice(first, min(first + images, part.stop)) for first in range(part.start, part.stop, images))


def for_each_part(work: Callable[[int], None], parts: list[range], dy: np.ndarray, taps: int) -> None:
    """work(part) for each part, several parts per call where they are small, on the threads."""
    if not parts:
        return
    products_per_part = len(parts[0]) * dy[:1].size * taps * dy.itemsize // 4  # in terms of float32
    calls = -(-len(parts) // -(-_PRODUCTS_PER_BLOCK // max(1, products_per_part)))

    def several(first: int, stop: int) -> None:
        for part in range(first, stop):
            work(part)

    in_blocks(several, len(parts), -(-len(parts) // calls))
