"""The product of at most 144 rows with a matrix, with AVX2: panels of b are packed during the tiles.

Fastest for a dense layer's forward pass, x W, of up to 144 rows. Against blocks of b that are packed
beforehand (gemm.py), on two threads of an AMD EPYC: 2 to 6 rows of 15488 x 500 2.2 times as fast, 16
rows of 9216 x 256 1.05 times (0.67 ms), 100 rows of 15488 x 500 1.05 times (9.4 ms), 100 rows of
9216 x 256 1.01 times (3.0 ms, 80 % of the rate of multiply-adds alone).

    c[m, n] = sum over k of a[m, k] * b[k, n]

All rows of a fit one block, so each panel of b is used for one round of tiles and never again. The
tiles are multiply-adds, two per cycle, and leave the units that load and store half idle: these copy
the next panel into the first-level cache meanwhile, and call the one after it into the second-level
cache. With AVX-512, whose panels are twice as wide, two of them would not fit the first-level cache;
there gemm_unpacked.py packs nothing.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP, TILE, multiply_tile_and_copy
from nnscratch.kernels.products.packing import pack_a, pack_b, part, parts
from nnscratch.kernels.vectors import lanes

TERMS = 240  # 46 kB for two panels: the one that is written may leave the first-level cache
_PANELS = 22  # a block of c, 144 rows of which take 300 kB of the second-level cache


@njit(nogil=True)
def _panel_after(
    j: int, k: int, n: tuple[int, int], k_all: tuple[int, int], columns: int, terms: int, panel: int
) -> tuple[int, int]:
    """Where in b the panel begins that comes after the one at (k, j); behind the last column, none does.

    n, k_all : first and end of all columns, of all terms;  columns, terms : of a block
    """
    first = n[0] + (j - n[0]) // columns * columns
    end = min(first + columns, n[1])
    if j + panel < end:
        return j + panel, k
    return (first, k + terms) if k + terms < k_all[1] else (end, k_all[0])


@njit(nogil=True, cache=True)
def multiply_by_panels(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, m0: int, m1: int, n0: int, n1: int, k0: int, k1: int,
    packed: np.ndarray,
) -> None:  # fmt: skip
    """c[m, n] = sum over k of a[m, k] * b[k, n]

    for m in m0..m1, which are at most MOST_ROWS_OF_PANELS (choice.py), n in n0..n1, k in k0..k1, none of them empty

    a, b, c : (M, K), (K, N), (M, N), contiguous; this part of c is overwritten
    packed  : scratch, `gemm.packed_size` numbers, on a cache line
    """
    n, width, b_width = lanes(c), c.shape[1], b.shape[1]
    panel = PANEL * n
    terms, columns = part(k1 - k0, TERMS, n), part(n1 - n0, panel * _PANELS, panel)
    tiles, a_step = parts(m1 - m0, TILE), terms * STRIP
    here = parts(m1 - m0, STRIP) * a_step
    there = here + terms * panel
    pack_b(b, k0, min(k0 + terms, k1), n0, min(n0 + panel, n1), packed, here, 0)
    for j0 in range(n0, n1, columns):
        for l0 in range(k0, k1, terms):
            l1 = min(l0 + terms, k1)
            pack_a(a, False, m0, m1, l0, l1, packed, a_step)
            for j in range(j0, min(j0 + columns, n1), panel):
                next_j, next_l = _panel_after(j, l0, (n0, n1), (k0, k1), columns, terms, panel)
                after_j, after_l = _panel_after(next_j, next_l, (n0, n1), (k0, k1), columns, terms, panel)
                end = min(next_l + terms, k1)
                copies = end - next_l if next_j < n1 else 0
                # Whole vectors are copied, also behind the last column, as long as b goes on there.
                if copies and (end - 1) * b_width + next_j + panel > b.size:
                    pack_b(b, next_l, end, next_j, min(next_j + panel, n1), packed, there, 0)
                    copies = 0
                share = parts(copies, tiles)
                for tile in range(tiles):
                    i, done = m0 + tile * TILE, min(tile * share, copies)
                    from_row = done * b_width
                    multiply_tile_and_copy(
                        packed, (i - m0) // STRIP * a_step, a_step, here, l1 - l0,
                        c, i * width + j, width, m1 - i, min(j + panel, n1) - j, l0 > k0,
                        there + done * panel, b, next_l * b_width + next_j + from_row,
                        after_l * b_width + after_j + from_row, b_width, min(share, copies - done),
                    )  # fmt: skip
                here, there = there, here
