"""Pictures seen through a smooth map: cropped, turned, scaled, shifted, bent; with another tone.

The map goes backwards. For the pixel in row r and column c of the new picture, with p = (c, r) in
pixels,

    source(p) = A p + t + bend(p)

is a place in the old picture. Its value is bilinear between the four pixels around it; places
beyond the border take the nearest pixel of the border, NaN takes pixel 0: no number leads out of
the picture. bend is given at G x G nodes, spread evenly
over the new picture, corners included, and is bilinear between them.

`sample` does the affine part alone; `warp` does all of it. Both go row by row: first where each
pixel's source is, then its value. Helpers get views that are made once per picture: making one
takes as long as some ten pixels. The first loop has no index that is computed from data, so the
compiler makes vectors of it (measured at 9b5a6d5: a batch 4.7 -> 2.0 ms).
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from nnscratch.kernels.compiled import njit


@njit(nogil=True, cache=True)
def sample(x: np.ndarray, affine: np.ndarray, y: np.ndarray) -> None:
    """y[n,r,c] = x[n] at A (c, r) + t, bilinear: `loops.warp` without bend, tone and blank.

    N pictures of H x W pixels, at least 1 x 1, N new ones of h x w
    x      : (N, H, W, 1) float32
    affine : (N, 2, 3) float32, [A | t]
    y      : (N, h, w, 1) float32, overwritten; a smaller one is a crop
    """
    width = y.shape[2]
    columns = np.arange(width).astype(np.float32)
    source_x, source_y = np.empty(width, np.float32), np.empty(width, np.float32)
    corners = np.empty(width, np.uint64)
    for n in range(len(x)):
        pixels, matrix = x[n].reshape(-1), affine[n]
        for r in range(y.shape[1]):
            _map_row(matrix, np.float32(r), columns, source_x, source_y)
            _sample_row(pixels, x.shape[1], x.shape[2], source_x, source_y, corners, y[n, r].reshape(-1))


@njit(nogil=True, cache=True)
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

    N pictures of H x W pixels, at least 1 x 1, N new ones of h x w, G x G nodes, at least 2 x 2
    x      : (N, H, W, 1) float32
    affine : (N, 2, 3) float32, [A | t]
    bend   : (N, G, G, 2) float32, x and y in pixels
    tone   : (N, 3) float32 gain, offset, noise:  v becomes  gain * v + offset + noise * u,
        u uniform in -1..1
    seeds  : (N,) uint32; u is a hash of seed and place
    blank  : (N, 4) int64, of the rectangle that becomes 0: first row, row behind the last, first
        column, column behind the last
    y      : (N, h, w, 1) float32, overwritten; a smaller one is a crop
    """
    height, width, nodes = y.shape[1], y.shape[2], bend.shape[1]
    columns = np.arange(width).astype(np.float32)
    # For each column: its distance from the node to its left, in node spacings. For each node: the
    # first column right of it.
    from_node = columns * np.float32((nodes - 1) / max(width - 1, 1))
    left_node = np.minimum(from_node.astype(np.int32), np.int32(nodes - 2))
    from_node -= left_node.astype(np.float32)
    first_column = np.searchsorted(left_node, np.arange(nodes))
    nodes_per_row = np.float32((nodes - 1) / max(height - 1, 1))
    bend_x, bend_y = np.empty(nodes, np.float32), np.empty(nodes, np.float32)
    source_x, source_y = np.empty(width, np.float32), np.empty(width, np.float32)
    corners = np.empty(width, np.uint64)
    for n in range(len(x)):
        gain, offset, noise = tone[n, 0], tone[n, 1], tone[n, 2]
        pixels, matrix, nodes_bend = x[n].reshape(-1), affine[n], bend[n]
        for r in range(height):
            row = y[n, r].reshape(-1)
            _map_row(matrix, np.float32(r), columns, source_x, source_y)
            _bend_of_row(nodes_bend, np.float32(r) * nodes_per_row, bend_x, bend_y)
            _add_bend(bend_x, first_column, from_node, source_x)
            _add_bend(bend_y, first_column, from_node, source_y)
            _sample_row(pixels, x.shape[1], x.shape[2], source_x, source_y, corners, row)
            for c in range(uint64(width)):
                row[c] = gain * row[c] + offset
            if noise > np.float32(0):
                _add_noise(seeds[n], r * width, noise, row)
        y[n, blank[n, 0] : blank[n, 1], blank[n, 2] : blank[n, 3]] = 0


@njit(nogil=True)
def _map_row(
    affine: np.ndarray, r: np.float32, columns: np.ndarray, source_x: np.ndarray, source_y: np.ndarray
) -> None:
    """source[c] = A (c, r) + t for the columns c of row r.

    affine : (2, 3);  columns : (w,), 0, 1, 2, ...;  source_x, source_y : (w,), overwritten
    """
    start_x = affine[0, 1] * r + affine[0, 2]
    start_y = affine[1, 1] * r + affine[1, 2]
    step_x, step_y = affine[0, 0], affine[1, 0]
    for c in range(uint64(len(columns))):
        source_x[c] = step_x * columns[c] + start_x
        source_y[c] = step_y * columns[c] + start_y


@njit(nogil=True)
def _bend_of_row(bend: np.ndarray, down: np.float32, bend_x: np.ndarray, bend_y: np.ndarray) -> None:
    """The bend at the nodes' columns, in a row `down` node spacings below the first nodes.

    bend : (G, G, 2);  bend_x, bend_y : (G,), overwritten
    """
    above = min(int(down), len(bend) - 2)
    v = down - np.float32(above)
    for g in range(len(bend)):
        bend_x[g] = bend[above, g, 0] + v * (bend[above + 1, g, 0] - bend[above, g, 0])
        bend_y[g] = bend[above, g, 1] + v * (bend[above + 1, g, 1] - bend[above, g, 1])


@njit(nogil=True)
def _add_bend(bend: np.ndarray, first_column: np.ndarray, from_node: np.ndarray, source: np.ndarray) -> None:
    """source[c] += the bend at column c, linear between the nodes.

    bend : (G,), one coordinate at the nodes;  first_column : (G,), the first column right of each
        node
    from_node : (w,), each column's distance from the node to its left;  source : (w,)
    """
    for g in range(len(bend) - 1):
        begin, slope = bend[g], bend[g + 1] - bend[g]
        for c in range(uint64(first_column[g]), uint64(first_column[g + 1])):
            source[c] = source[c] + begin + from_node[c] * slope


@njit(nogil=True)
def _sample_row(
    pixels: np.ndarray,
    height: int,
    width: int,
    source_x: np.ndarray,
    source_y: np.ndarray,
    corners: np.ndarray,
    row: np.ndarray,
) -> None:
    """row[c] = the picture at (source_x[c], source_y[c]), bilinear.

    pixels : (H*W,), a picture
    source_x, source_y : (w,), overwritten with the distances from the upper left pixel
    corners : (w,) uint64, scratch: where that pixel lies in memory;  row : (w,), overwritten
    """
    zero, last_x, last_y = np.float32(0), np.float32(width - 1), np.float32(height - 1)
    # In a picture of one column, the pixel to the right is the pixel itself; of one row likewise.
    last_left, last_upper = np.int32(max(width - 2, 0)), np.int32(max(height - 2, 0))
    right, below = uint64(min(width - 1, 1)), uint64(width if height > 1 else 0)
    row_step = np.int32(width)
    for c in range(uint64(len(row))):
        x, y = source_x[c], source_y[c]
        # Before they become whole numbers: that of NaN or 1e39 may be anything. No comparison with
        # NaN holds.
        x, y = x if x > zero else zero, y if y > zero else zero
        x, y = x if x < last_x else last_x, y if y < last_y else last_y
        j, i = min(np.int32(x), last_left), min(np.int32(y), last_upper)
        source_x[c], source_y[c] = x - np.float32(j), y - np.float32(i)
        corners[c] = np.uint64(i * row_step + j)
    for c in range(uint64(len(row))):
        at, u, v = corners[c], source_x[c], source_y[c]
        upper = pixels[at] + u * (pixels[at + right] - pixels[at])
        lower = pixels[at + below] + u * (pixels[at + below + right] - pixels[at + below])
        row[c] = upper + v * (lower - upper)


@njit(nogil=True)
def _add_noise(seed: np.uint32, place: int, noise: np.float32, row: np.ndarray) -> None:
    """row[c] += noise * u, u uniform in -1..1

    u is the hash "lowbias32" (Wellons, 2018) of seed + place + c.

    row : (w,), whose first pixel is number `place` of its picture
    """
    for c in range(len(row)):
        h = np.uint32(seed + np.uint32(place + c))
        h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D))
        h = np.uint32(np.uint32(h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B))
        h = np.uint32(h ^ (h >> np.uint32(16)))
        row[c] += noise * (np.float32(h) * np.float32(2.0**-31) - np.float32(1))
