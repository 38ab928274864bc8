"""The gradient of a dense layer's weight, x.T dz, computed where the step that uses it needs it.

Some rows of the gradient are computed tile by tile (products/gemm_tiles.py), into scratch that stays
in the cache, and used at once: they are never written to memory, nor read from there. While the
tiles are computed, the weights and running means that come next are called into the cache, so that
the memory works while the multiply-adds do. Without that, the whole takes 1.2 times as long.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.one_call.calls import call_kernel
from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP, TERMS_PER_LINE, TILE
from nnscratch.kernels.products.packed_factors import ROWS_TOGETHER, multiply_packed_tile
from nnscratch.kernels.products.packing import parts
from nnscratch.kernels.vectors import lanes


@njit(nogil=True, cache=True)
def update_by_tiles(
    strips: np.ndarray, panels: np.ndarray, terms: int, width: int, w: np.ndarray, mean: np.ndarray,
    second_mean: np.ndarray, scalars: np.ndarray, call: int, kernel: int, m0: int, m1: int, dw: np.ndarray,
) -> None:  # fmt: skip
    """Moves rows m0 to m1 of a weight by the gradient x.T dz.

    strips, panels : x (terms, M) and dz (terms, width), packed (packed_factors.py), flat
    w, mean, second_mean : these rows, flat;  scalars : the rule's
    call, kernel : addresses, as update_table.py has them
    m0 : a multiple of STRIP
    dw : scratch for at least STRIP rows
    """
    panel = PANEL * lanes(panels)
    together = min(ROWS_TOGETHER, dw.size // width // STRIP * STRIP)
    a_step, b_step = parts(terms, STRIP) * STRIP * STRIP, terms * panel
    # Each tile calls an equal share of what the next rows need.
    tiles, groups = parts(together, TILE) * parts(width, panel), parts(terms, TERMS_PER_LINE)
    share, strips_share = parts(together * width, tiles), parts(together // STRIP * a_step, tiles)
    for i0 in range(m0, m1, together):
        i1 = min(i0 + together, m1)
        at, end = (i0 - m0) * width, (i1 - m0) * width
        ahead, strips_ahead = end, i1 // STRIP * a_step
        for p in range(parts(width, panel)):
            j = p * panel
            for i in range(i0, i1, TILE):
                multiply_packed_tile(
                    strips, i // STRIP * a_step, a_step, panels, p * b_step, terms,
                    dw, (i - i0) * width + j, width, i1 - i, width - j,
                    w, mean, second_mean, ahead, parts(share, groups), strips_ahead, parts(strips_share, groups),
                )  # fmt: skip
                ahead += share
                strips_ahead += strips_share
        call_kernel(call, (kernel, w[at:end], dw[: end - at], mean[at:end], second_mean[at:end], scalars))
