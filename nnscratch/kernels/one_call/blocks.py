"""What a step of program.py computes: one function per kind of step, for one block of it.

    f(step, block, x, y, scratch, counters)

step    : its row of the table
block   : which block
x, y    : addresses of what it reads, and of what it writes
scratch : address of memory that this thread has to itself

Each says what the sizes in its row mean, `A` to `L`. Most of them lay views over addresses, and call
the kernel that computes the same layer by layer.

Weights that kernels want in another order are packed once, and are kept together with the copy that
was packed. Each call compares all of them, bit by bit, with that copy (`compare`), and packs anew
from the copy where one is different (`pack_weight`). So no way of changing a weight goes unseen: not in
place, through a view, by another thread, from 0.0 to -0.0, or from one NaN to another. It costs one
pass over the weights of convolutions, which are small. Those of dense layers, which are large, are
read where they are.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from nnscratch.kernels.channel_vectors.winograd_tiles import WINDOWS_TOGETHER
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.finite import sum_of_zeros
from nnscratch.kernels.image_vectors.chain import COLUMNS
from nnscratch.kernels.one_call.calls import BYTES, array_at, call_kernel, look
from nnscratch.kernels.one_call.program import (
    ARGMAX,
    BLOCK,
    CHANGED,
    KERNEL,
    NOT_FINITE,
    OTHER,
    PER_STEP,
    SIZES,
    WEIGHT,
)
from nnscratch.kernels.vectors import VECTOR_BYTES

A, B, C, D, E, F, G, H, I, J, K, L = SIZES  # noqa: E741
LANES = VECTOR_BYTES // BYTES


@njit(nogil=True, cache=True)
def check_finite(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """Notes whether a number of x, or of y if B, is NaN or infinite. It may raise a false alarm.

    A : numbers
    """
    if sum_of_zeros(array_at(np.float32, y if step[B] else x, (step[A],))):
        counters[NOT_FINITE] = 1


@njit(nogil=True, cache=True)
def compare(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """y[i] = x[i], and notes whether a bit was different.  BLOCK numbers of A; B : for which step"""
    first = block * step[BLOCK]
    stop = min(first + step[BLOCK], step[A])
    now, kept = array_at(np.uint32, x, (step[A],)), array_at(np.uint32, y, (step[A],))
    difference = np.uint32(0)
    for i in range(uint64(first), uint64(stop)):
        difference |= now[i] ^ kept[i]
    if difference:
        for i in range(uint64(first), uint64(stop)):
            kept[i] = now[i]
        counters[CHANGED + step[B] * PER_STEP] = 1


@njit(nogil=True, cache=True)
def pack_weight(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """Packs weight (A, B, C, D), behind which bias (D,) lies, as (E, F, G), if `compare` noted step L

    It is direct.pack_weight or winograd.transform_weight.
    """
    if look(counters, CHANGED + step[L] * PER_STEP):
        weight = array_at(np.float32, x, (step[A], step[B], step[C], step[D]))
        bias = array_at(np.float32, x + weight.size * BYTES, (step[D],))
        call_kernel(step[KERNEL], (weight, bias, array_at(np.float32, y, (step[E], step[F], step[G]))))


@njit(nogil=True, cache=True)
def normalize(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """Contrast normalization of one image of A numbers.  WEIGHT : for the moments, 0 for none"""
    moments = step[WEIGHT] + block * 16 if step[WEIGHT] else scratch
    numbers = array_at(np.float64, step[OTHER], (2,))
    image, result = (1, step[A]), block * step[A] * BYTES
    call_kernel(
        step[KERNEL],
        (
            array_at(np.float32, x + result, image), numbers[0], numbers[1], array_at(np.float32, y + result, image),
            array_at(np.float64, moments, (1, 2)),
        ),
    )  # fmt: skip


@njit(nogil=True, cache=True)
def frame(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """y[n, E + h, D + k] = x[n,h,k]; around it are zeros already.  BLOCK rows of x.

    A : rows of x, N*H;  B : H;  C : numbers per row
    """
    first = block * step[BLOCK]
    height, size, beside, above = step[B], step[C], step[D], step[E]
    width = size + 2 * beside
    for r in range(first, min(first + step[BLOCK], step[A])):
        row = r // height * (height + 2 * above) + above + r % height
        source = array_at(np.float32, x + r * size * BYTES, (size,))
        target = array_at(np.float32, y + (row * width + beside) * BYTES, (size,))
        for k in range(uint64(size)):
            target[k] = source[k]


@njit(nogil=True, cache=True)
def direct_rows(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """BLOCK pooled rows of a convolution: direct.pooled_rows

    A, B, C, D : x, (N, H, W, C) with its padding;  E, F, G : H_p, W_p, O of y
    H, I, J    : packed weights;  K, L : k_h, k_w
    ARGMAX     : 0 for none
    """
    first, shape = block * step[BLOCK], (step[A], step[E], step[F], step[G])
    stop, size = min(first + step[BLOCK], step[A] * step[E]), (step[K], step[L])
    images = array_at(np.float32, x, (step[A], step[B], step[C], step[D]))
    packed, target = array_at(np.float32, step[WEIGHT], (step[H], step[I], step[J])), array_at(np.float32, y, shape)
    if step[ARGMAX]:
        argmax = array_at(np.uint8, step[ARGMAX], shape)
        call_kernel(step[KERNEL], (images, size, packed, first, stop, target, argmax))
    else:
        call_kernel(step[KERNEL], (images, size, packed, first, stop, target, None))


@njit(nogil=True, cache=True)
def winograd_windows(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """BLOCK pooling windows of a convolution: winograd.pooled_windows

    A to J : as direct_rows;  K : positions of a patch
    """
    first, shape = block * step[BLOCK], (step[A], step[E], step[F], step[G])
    chunks = (step[D] + LANES - 1) // LANES
    stop = min(first + step[BLOCK], step[A] * step[E] * step[F])
    images = array_at(np.float32, x, (step[A], step[B], step[C], step[D]))
    packed, target = array_at(np.float32, step[WEIGHT], (step[H], step[I], step[J])), array_at(np.float32, y, shape)
    patches = array_at(np.float32, scratch, (chunks, step[K], WINDOWS_TOGETHER, LANES))
    products = array_at(np.float32, scratch + patches.size * BYTES, (step[K], WINDOWS_TOGETHER, step[J]))
    if step[ARGMAX]:
        argmax = array_at(np.uint8, step[ARGMAX], shape)
        call_kernel(step[KERNEL], (images, packed, first, stop, target, argmax, patches, products))
    else:
        call_kernel(step[KERNEL], (images, packed, first, stop, target, None, patches, products))


@njit(nogil=True, cache=True)
def chain(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """Some rows of a convolution of BLOCK images: chain.chain_forward

    A : images;  B : parts of the rows;  C : numbers of parameters;  D : numbers of BLOCK images' maps
    OTHER : its row of geometry;  ARGMAX : laid out as the maps, 0 for none
    """
    k, part = block // step[B], block % step[B]
    argmax = step[ARGMAX] + k * step[D] if step[ARGMAX] else scratch
    call_kernel(
        step[KERNEL],
        (
            min(step[BLOCK], step[A] - k * step[BLOCK]), array_at(np.int64, step[OTHER], (1, COLUMNS)),
            array_at(np.float32, step[WEIGHT], (step[C],)),
            array_at(np.float32, x + k * step[D] * BYTES, (step[D],)), array_at(np.uint8, argmax, (step[D],)),
            part, step[B],
        ),
    )  # fmt: skip


@njit(nogil=True, cache=True)
def repack(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """BLOCK images from (N, H, W, C) into maps, or back if I: layout.pack, layout.unpack

    A : images;  B, C, D : H, W, C of an image;  E : numbers of BLOCK images' maps
    """
    size, shape = step[B] * step[C] * step[D], (step[D], step[B], step[C])
    images = min(step[BLOCK], step[A] - block * step[BLOCK])
    pictures_at, maps_at = (y, x) if step[I] else (x, y)
    pictures = array_at(
        np.float32, pictures_at + block * step[BLOCK] * size * BYTES, (images, step[B], step[C], step[D])
    )  # fmt: skip
    maps = array_at(np.float32, maps_at + block * step[E] * BYTES, (shape[0], shape[1], shape[2] * images))
    if step[I]:
        call_kernel(step[KERNEL], (maps, images, pictures))
    else:
        call_kernel(step[KERNEL], (pictures, images, maps))
