"""Pictures as a network takes them."""

from __future__ import annotations

import numpy as np

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.faces import SIDE


def add_pictures(graph: Graph, images: str) -> str:
    """As `to_network_input`, without the channel: x = pixel / 256.

    images : (N, 96, 96) uint8
    result : (N, 96, 96) float32
    """
    pixels = graph.add("Cast", images, to=graph.onnx.TensorProto.FLOAT)
    return graph.add("Mul", pixels, graph.constant(np.float32(1 / 256)))


def add_mirror_images(graph: Graph, x: str) -> str:
    """Each picture and its mirror image, in turns.

    x      : (N, 96, 96) float32
    result : (2 N, 96, 96) float32
    """
    pair = graph.constant([-1, 1, SIDE, SIDE])
    columns = graph.constant(np.arange(SIDE)[::-1])
    both = [graph.add("Reshape", each, pair) for each in (x, graph.add("Gather", x, columns, axis=2))]
    return graph.add("Reshape", graph.add("Concat", *both, axis=1), graph.constant([-1, SIDE, SIDE]))
