"""A whole network, forward, in one call without the GIL: a table of steps, which threads share.

Layer by layer, an image that takes 100 microseconds of kernels takes another 100 of Python, and a
second thread would have to be woken, and wait for the GIL, in each layer. Here Python is left once:

    for each step of the table:
        take the next block of the step that nobody has taken, and compute it, until none is left
        wait until all blocks before are done, if the step says so

Every thread that runs this does the same, so a thread that comes late, or never, is not waited for.
The blocks follow from the shapes alone, and each sum over blocks is taken in their order, so the
bits are the same whoever computed what.

A step is a row of numbers: its kind, its blocks, and what its kind needs, such as addresses of
arrays and kernels (`calls.py`). `steps.py` writes the rows. float32 only.

Weights that kernels want in another order are packed once, and are kept together with the copy that
was packed. Each call compares all of them, bit by bit, with that copy (COMPARE), and packs anew from
the copy what was different (PACK_...). So no way of changing a weight goes unseen: not in place, not
through a view, not by another thread, not from 0.0 to -0.0 or from one NaN to another. It costs
one pass over the convolutions' weights, which are small. The weights of dense layers, which are
large, are never copied.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from nnscratch.kernels.channel_vectors.winograd_tiles import PATCH, WINDOWS_PER_TILE
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.finite import sum_of_zeros
from nnscratch.kernels.one_call.calls import address, array_at, call_kernel, look, pause, take
from nnscratch.kernels.vectors import VECTOR_BYTES

# The columns that all kinds have.
KIND, BLOCKS, BLOCK, WAITS = range(4)  # BLOCK: of what a block has several; WAITS: for all steps before
KERNEL, X, Y, WEIGHT, BIAS, OTHER, SCRATCH, SCRATCH_STEP = range(4, 12)  # addresses; 0 is the caller's x or y
A, B, C, D, E, F, G, H, I, J, K, L = range(12, 24)  # sizes, each kind's own
COLUMNS = 24
# The kinds.
(
    FINITE, COMPARE, PACK_DIRECT, PACK_WINOGRAD, PACK_PARTS, NORMALIZE, FRAME, DIRECT, WINOGRAD, IMAGE, TRANSPOSE,
    ROW, ROWS, ADD,
) = range(14)  # fmt: skip
LANES, TILE = VECTOR_BYTES // 4, WINDOWS_PER_TILE[0]
# The counters: one line of the cache for each, so that threads do not wait for each other's lines.
LINE = 8
THREADS, NOT_FINITE = 0, LINE  # how many threads have come; whether an x or a y is not finite
CHANGED = 2 * LINE  # from here on, per step: blocks taken, blocks done, whether weights were changed
PER_STEP = 3 * LINE


@njit(nogil=True, cache=True)
def run(steps: np.ndarray, x: np.ndarray, y: np.ndarray, counters: np.ndarray) -> int:
    """y from x, unless another thread does; returns 0 if both are finite, when all is done.

    steps    : (S, COLUMNS) int64
    x, y     : float32, contiguous, of the shapes that the steps were written for; y is overwritten
    counters : (2 * LINE + S * PER_STEP,) int64, zeros, of this call alone
    """
    me = take(counters, THREADS)
    waited = 0
    for s in range(len(steps)):
        step = steps[s]
        if step[WAITS]:
            _wait(steps, waited, s, counters)
            waited = s
        at = CHANGED + s * PER_STEP
        block = take(counters, at)
        while block < step[BLOCKS]:
            _compute(step, block, me, address(x), address(y), counters)
            take(counters, at + LINE)
            block = take(counters, at)
    _wait(steps, waited, len(steps), counters)
    return look(counters, NOT_FINITE)


@njit(nogil=True)
def _wait(steps: np.ndarray, first: int, stop: int, counters: np.ndarray) -> None:
    """Until all blocks of the steps from `first` to `stop` are done."""
    for s in range(first, stop):
        while look(counters, CHANGED + s * PER_STEP + LINE) < steps[s, BLOCKS]:
            pause()


@njit(nogil=True)
def _compute(step: np.ndarray, block: int, me: int, x_at: int, y_at: int, counters: np.ndarray) -> None:
    kind = step[KIND]
    x = step[X] if step[X] else x_at
    y = step[Y] if step[Y] else y_at
    scratch = step[SCRATCH] + me * step[SCRATCH_STEP]
    if kind == FINITE:
        first, stop = _part(step, block, step[A])
        if sum_of_zeros(array_at(np.float32, y if step[B] else x, (step[A],))[first:stop]):
            counters[NOT_FINITE] = 1
    elif kind == COMPARE:
        first, stop = _part(step, block, step[A])
        kept, now = array_at(np.uint32, y, (step[A],)), array_at(np.uint32, x, (step[A],))
        if _differ(kept, now, first, stop):
            for i in range(uint64(first), uint64(stop)):
                kept[i] = now[i]
            counters[CHANGED + step[B] * PER_STEP + 2 * LINE] = 1
    elif kind == PACK_DIRECT or kind == PACK_WINOGRAD or kind == PACK_PARTS:
        if look(counters, CHANGED + step[A] * PER_STEP + 2 * LINE):
            _pack(step, x, y)
    elif kind == NORMALIZE:
        numbers = array_at(np.float64, step[OTHER], (2,))
        pictures = array_at(np.float32, x + block * step[A] * 4, (1, step[A]))
        results = array_at(np.float32, y + block * step[A] * 4, (1, step[A]))
        moments = array_at(np.float64, scratch, (1, 2))
        call_kernel(step[KERNEL], (pictures, numbers[0], numbers[1], results, moments))
    elif kind == FRAME:
        _frame(step, block, x, y)
    elif kind == DIRECT or kind == WINOGRAD:
        _pooled_rows(step, block, x, y, scratch)
    elif kind == IMAGE:
        image, part = block // step[A], block % step[A]
        geometry = array_at(np.int64, step[OTHER] + part * step[B] * 8, (1, step[B]))
        parameters = array_at(np.float32, step[WEIGHT], (step[C],))
        maps = array_at(np.float32, x + image * step[D] * 4, (step[D],))
        call_kernel(step[KERNEL], (1, geometry, parameters, maps, array_at(np.uint8, scratch, (step[D],))))
    elif kind == TRANSPOSE:
        _transpose(array_at(np.float32, x + block * step[C] * 4, (step[A], step[B])),
                   array_at(np.float32, y + block * step[D] * 4, (step[B], step[A])))
    elif kind == ROW or kind == ROWS:
        first, stop = _part(step, block, step[B])
        rows = array_at(np.float32, x, (step[A], step[B]))
        weight = array_at(np.float32, step[WEIGHT], (step[B], step[C]))
        sums = array_at(np.float32, y + block * step[A] * step[C] * 4, (step[A], step[C]))
        if kind == ROW:
            call_kernel(step[KERNEL], (rows, weight, sums, first, stop))
        else:
            packed = array_at(np.float32, scratch, (step[D],))
            call_kernel(
                step[KERNEL],
                (rows, False, weight, False, sums, 0, step[A], 0, step[C], first, stop, packed),
            )
    elif kind == ADD:
        _add(step, block, x, y)


@njit(nogil=True)
def _part(step: np.ndarray, block: int, total: int) -> tuple[int, int]:
    """Where a block begins, and where it ends."""
    first = block * step[BLOCK]
    return first, min(first + step[BLOCK], total)


@njit(nogil=True)
def _differ(a: np.ndarray, b: np.ndarray, first: int, stop: int) -> bool:
    """Whether any bit differs in first..stop:  a, b (n,) uint32."""
    difference = np.uint32(0)
    for i in range(uint64(first), uint64(stop)):
        difference |= a[i] ^ b[i]
    return difference != 0


@njit(nogil=True)
def _pack(step: np.ndarray, weight_at: int, packed_at: int) -> None:
    """The weights, behind which the bias lies, in the order in which a kernel reads them.

    B, C, D, E : k_h, k_w, c_in, c_out;  F, G, H : of what is packed. Or for PACK_PARTS, B : numbers
        per output channel, C : c_out, D : parts, of c_out / D channels each
    """
    if step[KIND] == PACK_PARTS:
        taps, c_out, parts = step[B], step[C], step[D]
        weight, bias = array_at(np.float32, weight_at, (taps, c_out)), array_at(
            np.float32, weight_at + taps * c_out * 4, (c_out,)
        )
        channels = c_out // parts
        packed = array_at(np.float32, packed_at, (parts, taps + 1, channels))
        for part in range(parts):
            for t in range(taps + 1):
                for k in range(channels):
                    o = part * channels + k
                    packed[part, t, k] = weight[t, o] if t < taps else bias[o]
        return
    taps, c_out = step[B] * step[C] * step[D], step[E]
    bias = array_at(np.float32, weight_at + taps * c_out * 4, (c_out,))
    packed = array_at(np.float32, packed_at, (step[F], step[G], step[H]))
    if step[KIND] == PACK_DIRECT:
        call_kernel(step[KERNEL], (array_at(np.float32, weight_at, (taps, c_out)), bias, packed))
    else:
        weight = array_at(np.float32, weight_at, (step[B], step[C], step[D], c_out))
        call_kernel(step[KERNEL], (weight, bias, packed))


@njit(nogil=True)
def _frame(step: np.ndarray, block: int, x_at: int, y_at: int) -> None:
    """y[n, B + h, C + k] = x[n,h,k]: the frame is zeros already.

    A : rows of x, N*H;  B : H;  C, D : numbers per row of x, and in a frame before them; E : rows
        of zeros above and below
    """
    first, stop = _part(step, block, step[A])
    height, size, beside, above = step[B], step[C], step[D], step[E]
    x = array_at(np.float32, x_at, (step[A], size))
    width = size + 2 * beside
    y = array_at(np.float32, y_at, (step[A] // height * (height + 2 * above), width))
    for r in range(first, stop):
        source, target = x[r], y[r // height * (height + 2 * above) + above + r % height]
        for k in range(uint64(size)):
            target[uint64(beside) + k] = source[k]


@njit(nogil=True)
def _pooled_rows(step: np.ndarray, block: int, x_at: int, y_at: int, scratch: int) -> None:
    """Pooled rows of a convolution; BLOCK of them.

    A, B, C, D : x, (N, H, W, C) with its padding;  E, F, G : H_p, W_p, O of y
    H, I, J    : of the packed weights;  K, L : k_h, k_w, or by Winograd's algorithm chunks of
        channels and windows at once
    """
    first, stop = _part(step, block, step[A] * step[E])
    x = array_at(np.float32, x_at, (step[A], step[B], step[C], step[D]))
    shape = step[A], step[E], step[F], step[G]
    y, argmax = array_at(np.float32, y_at, shape), array_at(np.uint8, step[OTHER], shape)
    packed = array_at(np.float32, step[WEIGHT], (step[H], step[I], step[J]))
    if step[KIND] == DIRECT:
        call_kernel(step[KERNEL], (x, (step[K], step[L]), packed, first, stop, y, argmax))
    else:
        patches = array_at(np.float32, scratch, (step[K], step[L], PATCH, LANES))
        products = array_at(np.float32, scratch + step[K] * step[L] * PATCH * LANES * 4, (TILE, PATCH, step[J]))
        call_kernel(step[KERNEL], (x, packed, first, stop, y, argmax, patches, products))


@njit(nogil=True)
def _transpose(x: np.ndarray, y: np.ndarray) -> None:
    """y[j,i] = x[i,j]"""
    rows, columns = x.shape
    if rows == 1 or columns == 1:  # both orders are the same
        source, target = x.reshape(-1), y.reshape(-1)
        for i in range(uint64(len(source))):
            target[i] = source[i]
        return
    for j in range(columns):
        for i in range(rows):
            y[j, i] = x[i, j]


@njit(nogil=True)
def _add(step: np.ndarray, block: int, x_at: int, y_at: int) -> None:
    """y[m,n] = sum over p of x[p,m,n] + bias[n], and if E max(0, that):  NaN stays NaN.

    A, B, C, D : parts, M, N, and whether there is a bias;  BLOCK rows
    """
    first, stop = _part(step, block, step[B])
    x = array_at(np.float32, x_at, (step[A], step[B], step[C]))
    y = array_at(np.float32, y_at, (step[B], step[C]))
    bias = array_at(np.float32, step[BIAS], (step[C],))
    for m in range(first, stop):
        for n in range(uint64(step[C])):
            total = x[0, m, n]
            for p in range(1, step[A]):
                total += x[p, m, n]
            if step[D]:
                total += bias[n]
            y[m, n] = np.float32(0) if step[E] and total <= 0 else total
