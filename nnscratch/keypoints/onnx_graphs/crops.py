"""Crops of pictures along affine maps, as `crops`: turned, resized and shifted, bilinear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.faces import SIDE
from nnscratch.keypoints.onnx_graphs.affine_maps import Maps

_FARTHEST = np.float32(1e15)  # px; what is larger leaves a picture by the same border


@dataclass(frozen=True)
class Pixels:
    """Pictures that are ready to be cropped: names of values.

    upper : (N, 96*96) float32, pixel k, row by row
    upper_change : (N, 96*96 - 1), pixel k + 1 minus pixel k
    lower : (N, 95*96), pixel k of the row below
    lower_change : (N, 95*96 - 1), and what the pixel to its right is more

    ONNX has `GridSample`, too. ONNX Runtime 1.32 takes 1.5 (100 pictures) to 7 times (one) as long
    for that, and its coordinates from -1 to 1 cost digits.
    """

    upper: str
    upper_change: str
    lower: str
    lower_change: str

    @classmethod
    def of(cls, graph: Graph, x: str) -> Pixels:
        """The pixels of pictures x (N, 96, 96) float32."""
        flat = graph.add("Reshape", x, graph.constant([-1, SIDE * SIDE]))

        def part(start: int, stop: int) -> str:
            return graph.add("Slice", flat, *(graph.constant([each]) for each in (start, stop, 1)))

        last = SIDE * SIDE
        upper_change = graph.add("Sub", part(1, last), part(0, last - 1))
        lower_change = graph.add("Sub", part(SIDE + 1, last), part(SIDE, last - 1))
        return cls(flat, upper_change, part(SIDE, last), lower_change)


def add_crops(graph: Graph, pixels: Pixels, maps: Maps, side: int) -> str:
    """Crops of each picture: y[n,r,i,j] = the picture at A (j, i) + t, bilinear.

    pixels : of N pictures
    maps   : R of each picture, from a crop's pixels to the picture's
    side   : pixels per side of a crop
    result : (N, R, side, side) float32

    Places beyond the border take the nearest pixel of the border. A map with NaN gives a crop of
    some pixels: an index that leads out of a picture would end the run for all others.
    """
    float32 = graph.onnx.TensorProto.FLOAT
    linear, shift = (
        _finite(graph, graph.add("Cast", each, to=float32))
        for each in (maps.linear, graph.add("Unsqueeze", maps.shift, graph.constant([3])))
    )
    (left, u), (upper, v) = (_places(graph, linear, shift, axis, side) for axis in (0, 1))
    row = graph.add("Mul", upper, graph.constant(np.float32(SIDE)))
    corner = graph.add("Cast", graph.add("Add", row, left), to=graph.onnx.TensorProto.INT32)
    flat = graph.constant([-1, maps.count * side * side])
    corner, u, v = (graph.add("Reshape", each, flat) for each in (corner, u, v))

    def along_row(pixel: str, change: str) -> str:
        pixel, change = (graph.add("GatherElements", each, corner, axis=1) for each in (pixel, change))
        return graph.add("Add", pixel, graph.add("Mul", u, change))

    above, below = along_row(pixels.upper, pixels.upper_change), along_row(pixels.lower, pixels.lower_change)
    value = graph.add("Add", above, graph.add("Mul", v, graph.add("Sub", below, above)))
    return graph.add("Reshape", value, graph.constant([-1, maps.count, side, side]))


def _places(graph: Graph, linear: str, shift: str, axis: int, side: int) -> tuple[str, str]:
    """The column (axis 0) or row (axis 1) left of or above each place, and the place's distance.

    linear : (N, R, 2, 2) float32
    shift  : (N, R, 2, 1) float32
    result : (N, R, side, side) float32 each
    """

    def entry(matrix: str, column: int) -> str:
        bounds = ([axis, column], [axis + 1, column + 1], [2, 3])
        return graph.add("Slice", matrix, *map(graph.constant, bounds))  # (N, R, 1, 1)

    numbers = np.arange(side, dtype=np.float32)
    down = graph.add("Mul", entry(linear, 1), graph.constant(numbers[:, np.newaxis]))
    start = graph.add("Add", down, entry(shift, 0))
    place = graph.add("Add", graph.add("Mul", entry(linear, 0), graph.constant(numbers[np.newaxis])), start)
    place = graph.add("Clip", place, graph.constant(np.float32(0)), graph.constant(np.float32(SIDE - 1)))
    corner = graph.add("Min", graph.add("Floor", place), graph.constant(np.float32(SIDE - 2)))
    return corner, graph.add("Sub", place, corner)


def _finite(graph: Graph, numbers: str) -> str:
    """float32 numbers, NaN as 0 and infinity as a large number."""
    known = graph.add("Where", graph.add("IsNaN", numbers), graph.constant(np.float32(0)), numbers)
    return graph.add("Clip", known, graph.constant(-_FARTHEST), graph.constant(_FARTHEST))
