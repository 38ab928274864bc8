"""Calling memory into the cache before it is read or written. The notation is that of vectors.py."""

from __future__ import annotations

from nnscratch.kernels.values import Array, Index
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors


@writes_vectors
def call_ahead(v: Vectors, numbers: Array, at: Index, length: Index) -> None:
    """Calls numbers[at:][:length] into the second-level cache, even where that is not in the array.

    With AVX-512 only, whose vectors are cache lines.
    """
    if AVX512:
        with v.loop(0, length, v.lanes) as k:
            v.prefetch(numbers + (at + k))
