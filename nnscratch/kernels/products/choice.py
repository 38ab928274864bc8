"""Which kernel multiplies two matrices, and who computes it: the decisions of matmul.py.

Each is one function, with the measurement behind it, as in kernels/choice.py; times are those of
one thread of an AMD EPYC, float32, unless they say otherwise.

    c (M, N) = a (M, K) @ b (K, N)
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from nnscratch.kernels.vectors import AVX512

LEAST_PRODUCTS_TO_SHARE = 1 << 24  # multiply-adds from which a second thread pays
LEAST_NUMBERS_TO_SHARE = 1 << 22  # likewise numbers of a matrix that is read or written once
MOST_ROWS_TO_DEFER = 128 if AVX512 else 32  # no more than the terms that gemm.py adds up at once
LEAST_NUMBERS_TO_DEFER = 1 << 18  # of a gradient
MOST_COLUMNS_TO_DEFER = 1 << 13  # so that several rows stay in the cache
LEAST_ROWS_TO_CUT = 80  # with AVX-512, where nothing is packed
MOST_ROWS_OF_PANELS = 144
LEAST_COLUMNS_TO_CUT = 256  # with AVX2, of more rows
_OWN_DTYPES = {np.dtype(np.float32), np.dtype(np.float64)}


def dense_kernel(m: int, k: int, n: int) -> Literal["outer", "row", "tiles"]:
    """Which kernel multiplies (M, K) by (K, N).

    Rule: K = 1 is an outer product and M = 1 a row by a matrix (products/gemv.py): their time is
    that of writing, or reading, the weights once, and packing them into tiles would move them
    twice. Everything else goes by tiles (products/gemm.py).

    Measured (--ladder) beside NumPy's OpenBLAS, one thread: one row 0.8 to 1.0 times as fast; an
    outer product 7 to 25 times; 100 rows by tiles 1.0 to 1.25 times.
    """
    if k == 1:
        return "outer"
    return "row" if m == 1 else "tiles"


DENSE_BECAUSE = {
    "outer": "one term per sum: the time is that of writing the result",
    "row": "one row: the time is that of reading the weights once",
    "tiles": "several rows and terms: a number that was loaded is used often",
}  # by what dense_kernel says


def tiles_kernel(rows: int, transposed: bool) -> Literal["gemm", "gemm_panels", "gemm_rows", "gemm_unpacked"]:
    """Which file multiplies by tiles; transposed : whether one factor is.

    Rule: where neither is, a dense layer's forward pass, with AVX-512 products/gemm_unpacked.py,
    which packs nothing, with AVX2 up to 144 rows products/gemm_panels.py, which needs no panel of b
    twice, and above products/gemm_rows.py, which packs only b. Otherwise products/gemm.py, which packs
    both.

    Measured (AVX2, two threads): 4 x 15488 x 500 4.9 -> 2.5 ms, 100 x 15488 x 500 9.8 -> 9.4; code for
    AVX2 on a Zen 5, gemm_rows: report MLP, inference of 512 rows 10.2 -> 9.65, but 100 2.06 -> 2.14. With
    AVX-512, one thread, without packing: 16 x 9216 x 256 0.41 -> 0.29 ms, 100 rows 1.86 -> 1.80.
    """
    if transposed:
        return "gemm"
    if AVX512:
        return "gemm_unpacked"
    return "gemm_panels" if rows <= MOST_ROWS_OF_PANELS else "gemm_rows"


def numpy_multiplies(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> bool:
    """Whether a @ b is left to NumPy.

    Rule: our kernels read contiguous arrays and their transposes, all float32 or all float64, of
    fitting shapes, none of them empty. NumPy gets the rest.
    """
    if not (
        (a.flags.c_contiguous or a.flags.f_contiguous)
        and (b.flags.c_contiguous or b.flags.f_contiguous)
        and out.flags.c_contiguous
    ):
        return True
    if a.dtype not in _OWN_DTYPES or not a.dtype == b.dtype == out.dtype:
        return True
    (m, k), n = a.shape, b.shape[1]
    return len(b) != k or out.shape != (m, n) or m * n * k == 0


def shares_product(m: int, k: int, n: int) -> bool:
    """Whether a product by tiles is handed out to several threads.

    Rule: from 17 million multiply-adds on, about 0.13 ms of one core with AVX-512, or if a matrix is
    so large that `shares_numbers` says so; below, waking a thread costs more than it saves (c1cd39c,
    cd0a528). With AVX2, 100 x 500 x 500 0.56 -> 0.38 ms; 100 x 256 x 256 0.15 -> 0.18. With AVX-512,
    100 x 512 x 512 0.21 -> 0.15.
    """
    largest = max(m * k, k * n, m * n)
    return m * n * k >= LEAST_PRODUCTS_TO_SHARE or shares_numbers(largest)


SHARES_BECAUSE = {
    True: f"from {LEAST_NUMBERS_TO_SHARE / 1e6:.0f} million numbers in a matrix "
    f"or from {LEAST_PRODUCTS_TO_SHARE / 1e6:.0f} million multiply-adds on, a second thread pays",
    False: f"below {LEAST_PRODUCTS_TO_SHARE / 1e6:.0f} million multiply-adds, one thread",
}  # by what shares_product says


def shares_numbers(size: int) -> bool:
    """Whether reading or writing a matrix of `size` numbers once is handed out to several threads.

    Rule: from 4 million numbers on, about 0.7 ms of one core.
    """
    return size >= LEAST_NUMBERS_TO_SHARE


def cuts_rows(m: int, k: int, n: int, transposed: bool, moves: bool = False) -> bool:
    """Whether blocks of rows are the best that threads can share, in a dense layer's forward pass.

    Rule: from 80 rows on, where nothing is packed (otherwise each block would pack all of b), if b
    stays in the third-level cache, for each block reads all of it, and if it does not move before
    the next pass, as it does in training: each thread moves some of its rows, which then have to come
    out of that thread's caches, and back. With AVX2 more than 144 rows, if the columns are too few to
    be cut.

    moves : whether b is another one in the next pass

    Measured (AVX-512, two threads): x 9216 x 256, with two smaller layers after it, cut along K 512
    rows 5.85 ms, along M 5.26, 100 rows 1.09 and 0.97; 512 x 15488 x 500 18.5 and 19.5 ms. In training,
    100 rows, two cores that share a third-level cache: forward along M 1.02, along K 1.08 ms, the
    optimizer's step after it 1.24 and 1.18; cores that share none 1.31 and 1.12, 2.11 and 1.21 ms.
    """
    kernel = tiles_kernel(m, transposed)
    if kernel == "gemm_rows":
        return n < LEAST_COLUMNS_TO_CUT
    if moves or kernel != "gemm_unpacked":
        return False
    return m >= LEAST_ROWS_TO_CUT and not shares_numbers(k * n)


def shared_axis(m: int, k: int, n: int, transposed: bool = False, moves: bool = False) -> Literal["m", "k", "n"]:
    """Along which axis a product by tiles is cut into blocks for the threads.

    Rule: along M if `cuts_rows` says so; otherwise, with AVX2 and more than 144 rows, along N: each
    thread packs its columns of b, and no sums are added. Otherwise along K if it is more than four
    times the longer of M and N, and if not, along that. Cut along K, each block reads its own part of
    a large b once, from front to back, but the blocks' partial sums have to be added, and would be
    large themselves for a shorter K.
    """
    if cuts_rows(m, k, n, transposed, moves):
        return "m"
    if tiles_kernel(m, transposed) == "gemm_rows":
        return "n"
    if k > 4 * max(m, n):
        return "k"
    return "m" if m > n else "n"


def product(m: int, k: int, n: int, transposed: bool = False, moves: bool = False) -> tuple[str, str]:
    """The kernel that multiplies (M, K) by (K, N), and why, for people; arrays as for our own kernels.

    transposed : whether one of them is the transpose of what lies in memory
    moves      : as `cuts_rows`

    >>> product(1, 1000, 10)[0]
    'products/gemv.py, row'
    """
    kernel = dense_kernel(m, k, n)
    if kernel != "tiles":
        return f"products/gemv.py, {kernel}", DENSE_BECAUSE[kernel]
    shares = shares_product(m, k, n)
    along = f", blocks along {shared_axis(m, k, n, transposed, moves).upper()}" if shares else ""
    return (
        f"products/{tiles_kernel(m, transposed)}.py, tiles{along}",
        f"{DENSE_BECAUSE[kernel]}; {SHARES_BECAUSE[shares]}",
    )


def defers(rows: int, n_in: int, n_out: int) -> bool:
    """Whether the gradient of a dense layer's weight is left to the optimizer's step (deferred.py).

    Rule: from 1 to 32 rows, with AVX-512 to 128, from 262,144 weights on: the gradient does not stay
    in the second-level cache, and for few rows writing it, and reading it again for the update, takes
    longer than computing it. For more, the memory works while it is computed.

    Measured (two threads; a training step, at once -> deferred): report MLP with 1, 16, 32 rows
    986 -> 666, 1705 -> 1186, 1523 -> 1300 us; kfkd net2 with 1, 16, 32 4.99 -> 3.67, 12.6 -> 11.2,
    20.3 -> 18.6 ms; 512 x 512 alone with 1, 16 103 -> 97, 173 -> 167 us; 256 x 256 51 -> 50, 74 -> 74.
    With AVX-512, report MLP with 64, 100 rows 2.12 -> 1.89, 2.88 -> 2.71 ms; kfkd net2 with 100 39.1 ->
    38.3; report large CNN with 100 the same.
    """
    if not 1 <= rows <= MOST_ROWS_TO_DEFER or n_in == 1 or n_out > MOST_COLUMNS_TO_DEFER:
        return False
    return n_in * n_out >= LEAST_NUMBERS_TO_DEFER


DEFERS_BECAUSE = "not many rows: computed in the cache where the optimizer's step uses it, or when somebody looks at it"
