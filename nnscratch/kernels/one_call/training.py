"""Steps of a training pass: as for inference, but what the way back needs stays where stages keep it."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.image_vectors.chain import C_OUT, H_POOLED, W_POOLED, X_AT, Y_AT
from nnscratch.kernels.image_vectors.layout import pack, unpack
from nnscratch.kernels.one_call import blocks
from nnscratch.kernels.one_call.calls import address_of
from nnscratch.kernels.one_call.steps import Steps
from nnscratch.kernels.one_call.table import F3, F4, INT, Place


class TrainingSteps(Steps):
    """A table for forward(training=True): `Steps`, and image vectors in the stage's own maps."""

    def chains(
        self, x: Place, convs: list[tuple[np.ndarray, np.ndarray | None]], geometry: np.ndarray, block: int,
        maps: np.ndarray, argmax: np.ndarray,
    ) -> Place:  # fmt: skip
        """Convolutions, each with ReLU and 2x2 pooling, `block` images to a vector.

        geometry     : (L, COLUMNS), see kernels/image_vectors/chain.py
        maps, argmax : (blocks, numbers), overwritten
        """
        place = Place.of(maps)
        self._repack(x, place, x.shape, block, address_of(pack, (F4, INT, F3)), maps.shape[1])
        for (weight, bias), conv in zip(convs, geometry, strict=True):
            numbers = [int(number) for number in conv]
            sizes = *numbers[:3], numbers[H_POOLED], numbers[W_POOLED]
            at = numbers[X_AT], numbers[Y_AT]
            self.chain(place, weight, bias, sizes, at, x.shape[0], block, argmax.ctypes.data)
        shape = x.shape[0], numbers[H_POOLED], numbers[W_POOLED], numbers[C_OUT]
        y, last_map = self._result(shape, False), Place(place.address + 4 * numbers[Y_AT], place.shape)
        self._repack(last_map, y, shape, block, address_of(unpack, (F3, INT, F4)), maps.shape[1], back=True)
        return y

    def _repack(
        self, x: Place, y: Place, shape: tuple[int, ...], block: int, kernel: int, numbers: int, back: bool = False
    ) -> None:
        """x (N, H, W, C) into maps, or back; shape is that of the images."""
        sizes = *shape, numbers, 0, 0, 0, back
        self._add(blocks.repack, -(-shape[0] // block), block, x, y, sizes, kernel)
