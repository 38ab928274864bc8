"""Local contrast normalization of pictures, as `locally_normalized`."""

from __future__ import annotations

import numpy as np

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.geometry.local_contrast import FLOOR, SPREAD


def add_locally_normalized(graph: Graph, x: str, side: int, window: int) -> str:
    """Each pixel minus the mean of its window, over its deviation.

    x      : (M, side, side) float32
    window : pixels per side, odd
    result : (M, side, side) float32
    """
    pictures = graph.add("Reshape", x, graph.constant([-1, 1, side, side]))
    rest = graph.add("Sub", pictures, graph.add("ReduceMean", pictures, axes=[1, 2, 3]))
    mean = _add_means(graph, rest, window)
    squares = _add_means(graph, graph.add("Mul", rest, rest), window)
    variance = graph.add("Sub", squares, graph.add("Mul", mean, mean))
    std = graph.add("Sqrt", graph.add("Max", variance, graph.constant(np.float32(0))))
    scale = graph.add(
        "Div", graph.constant(np.float32(SPREAD)), graph.add("Max", std, graph.constant(np.float32(FLOOR)))
    )
    y = graph.add("Mul", graph.add("Sub", rest, mean), scale)
    return graph.add("Reshape", y, graph.constant([-1, side, side]))


def _add_means(graph: Graph, x: str, window: int) -> str:
    """The mean over the pixels in each pixel's window; those beyond the picture do not count."""
    around = [window // 2] * 4
    return graph.add("AveragePool", x, kernel_shape=[window, window], pads=around, count_include_pad=0)
