"""Pictures seen through a smooth map: cut out, turned, scaled, shifted and bent; brighter, darker, noisy or blank.

The map goes backwards. For the pixel in row r and column c of the new picture, with p = (c, r) in pixels,

    source(p) = A p + t + bend(p)

is a place in the old picture, sampled from the four pixels around it (bilinear); beyond the border, the border's pixels
go on. bend is given at G x G nodes that lie evenly over the picture, corners included, and is bilinear between them.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import uint64


@numba.njit(nogil=True, cache=True)
def warp(
    x: np.ndarray,
    affine: np.ndarray,
    bend: np.ndarray,
    tone: np.ndarray,
    seeds: np.ndarray,
    blank: np.ndarray,
    y: np.ndarray,
) -> None:
    """y from x, picture by picture; `loops.warp` is the same, plainly.

    N pictures of H x W pixels, N new ones of h x w, G x G nodes
    x      : (N, H, W, 1) float32
    y      : (N, h, w, 1) float32, overwritten; a smaller one is a crop
    affine : (N, 2, 3) float32, [A | t]
    bend   : (N, G, G, 2) float32, x and y in pixels
    tone   : (N, 3) float32 gain, offset, noise:  v becomes  gain * v + offset + noise * u,  u even in -1..1
    seeds  : (N,) uint32, of u, which is a hash of seed and place
    blank  : (N, 4) int64, first row, row behind the last, first column, column behind the last of what becomes 0
    """
    height, width, nodes = y.shape[1], y.shape[2], bend.shape[1]
    one, right, below = np.float32(1), uint64(1), uint64(x.shape[2])
    columns = np.arange(width).astype(np.float32)
    across = columns * np.float32((nodes - 1) / (width - 1))
    left = np.minimum(across.astype(np.int32), np.int32(nodes - 2))
    across -= left.astype(np.float32)
    first = np.searchsorted(left, np.arange(nodes))  # column that is right of each node
    down = np.float32((nodes - 1) / (height - 1))
    bend_x, bend_y = np.empty(nodes, np.float32), np.empty(nodes, np.float32)
    places, us, ws = np.empty(width, np.uint64), np.empty(width, np.float32), np.empty(width, np.float32)
    zero, last_x, last_y = np.float32(0), np.float32(x.shape[2] - 1), np.float32(x.shape[1] - 1)
    last_left, last_upper, across_all = np.int32(x.shape[2] - 2), np.int32(x.shape[1] - 2), np.int32(x.shape[2])
    for n in range(len(x)):
        picture = x[n].reshape(-1)
        gain, offset, noise = tone[n, 0], tone[n, 1], tone[n, 2]
        for r in range(height):
            row = np.float32(r)
            v = row * down
            above = min(int(v), nodes - 2)
            v -= np.float32(above)
            for g in range(nodes):
                bend_x[g] = bend[n, above, g, 0] + v * (bend[n, above + 1, g, 0] - bend[n, above, g, 0])
                bend_y[g] = bend[n, above, g, 1] + v * (bend[n, above + 1, g, 1] - bend[n, above, g, 1])
            start_x = affine[n, 0, 1] * row + affine[n, 0, 2]
            start_y = affine[n, 1, 1] * row + affine[n, 1, 2]
            step_x, step_y = affine[n, 0, 0], affine[n, 1, 0]
            # Where to look, first: this loop has no indices that hang on numbers, and so is done in vectors.
            for g in range(nodes - 1):
                begin_x, begin_y = bend_x[g], bend_y[g]
                slope_x, slope_y = bend_x[g + 1] - begin_x, bend_y[g + 1] - begin_y
                for c in range(uint64(first[g]), uint64(first[g + 1])):
                    sx = step_x * columns[c] + start_x + begin_x + across[c] * slope_x
                    sy = step_y * columns[c] + start_y + begin_y + across[c] * slope_y
                    sx, sy = min(max(sx, zero), last_x), min(max(sy, zero), last_y)
                    j, i = min(np.int32(sx), last_left), min(np.int32(sy), last_upper)
                    us[c], ws[c] = sx - np.float32(j), sy - np.float32(i)
                    places[c] = np.uint64(i * across_all + j)
            target = y[n, r].reshape(-1)
            for c in range(uint64(width)):
                at, u, w = places[c], us[c], ws[c]
                upper = picture[at] + u * (picture[at + right] - picture[at])
                lower = picture[at + below] + u * (picture[at + below + right] - picture[at + below])
                target[c] = gain * (upper + w * (lower - upper)) + offset
            if noise > zero:
                for c in range(width):
                    h = np.uint32(seeds[n] + np.uint32(r * width + c))
                    h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D))
                    h = np.uint32(np.uint32(h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B))
                    h = np.uint32(h ^ (h >> np.uint32(16)))
                    target[c] += noise * (np.float32(h) * np.float32(2.0**-31) - one)
        y[n, blank[n, 0] : blank[n, 1], blank[n, 2] : blank[n, 3]] = 0
