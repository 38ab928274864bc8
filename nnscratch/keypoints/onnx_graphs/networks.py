"""Networks, and the mirror pass."""

from __future__ import annotations

import numpy as np

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.interchange.onnx_layers import add_layers
from nnscratch.keypoints.faces import POINTS, SIDE
from nnscratch.keypoints.onnx_graphs.mirror import add_mirrored
from nnscratch.keypoints.onnx_graphs.pictures import add_mirror_images
from nnscratch.model import Sequential


def add_network(graph: Graph, network: Sequential, x: str, side: int, points: int) -> str:
    """The answers of a network, from pictures to points.

    network : from (M, side, side, 1) to (M, 2 K), float32
    x       : (M, side, side) float32
    points  : K
    result  : (M, K, 2) float64

    Raises
        ValueError : as `add_layers`; another number of answers
    """
    pictures = graph.add("Reshape", x, graph.constant([-1, side, side, 1]))
    y = add_layers(graph, network.layers, pictures, (side, side, 1))
    shape: tuple[int, ...] = (side, side, 1)
    for layer in network.layers:
        shape = layer.output_shape(shape)
    if shape != (2 * points,):
        raise ValueError(
            f"{graph.where}: got a network with outputs {shape}, expected {(2 * points,)}, x and y of {points} points; "
            "give another network"
        )
    answers = graph.add("Cast", y, to=graph.onnx.TensorProto.DOUBLE)
    return graph.add("Reshape", answers, graph.constant([-1, points, 2]))


def add_points(graph: Graph, network: Sequential, x: str) -> str:
    """The points that a network finds in whole pictures, as `to_points` of its answers.

    x      : (N, 96, 96) float32
    result : (N, 15, 2) float64 px
    """
    answers = add_network(graph, network, x, SIDE, len(POINTS))
    half = graph.constant(np.float64(SIDE / 2))
    return graph.add("Add", graph.add("Mul", answers, half), half)


def add_both_ways(graph: Graph, network: Sequential, x: str) -> tuple[str, str]:
    """As `both_ways`: the mean of the points found in pictures and in their mirror images.

    x       : (N, 96, 96) float32
    results : (N, 15, 2) float64 px, the points; (N, 1, 1) float64 px, their label offset
    """
    found = add_points(graph, network, add_mirror_images(graph, x))
    pair = graph.add("Reshape", found, graph.constant([-1, 2, len(POINTS), 2]))
    own, other = (graph.add("Gather", pair, graph.constant(side), axis=1) for side in (0, 1))
    other = add_mirrored(graph, other, graph.constant(np.zeros((1, 1, 1))))
    half = graph.constant(np.float64(0.5))
    apart = graph.add("ReduceMean", graph.add("Sub", own, other), axes=[1], keepdims=1)  # (N, 1, 2)
    offset = graph.add("Mul", graph.add("Gather", apart, graph.constant([0]), axis=2), half)
    mean = graph.add("Mul", graph.add("Add", own, other), half)
    return graph.add("Add", mean, graph.add("Mul", offset, graph.constant(np.array([1.0, 0.0])))), offset
