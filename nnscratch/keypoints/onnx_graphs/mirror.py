"""Points of mirror images.

Where pictures and mirror images come in turns, 2 N of them, number 2 n is picture n and number
2 n + 1 its mirror image.
"""

from __future__ import annotations

import numpy as np

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.faces import POINTS, SIDE
from nnscratch.keypoints.geometry.mirror import MIRRORED

# For a picture and its mirror image, what x and y are multiplied by, what is added, and what is
# added per px of label offset: (2, 1, 2).
_SIGN = np.array([[[1.0, 1.0]], [[-1.0, 1.0]]])
_WIDTH = np.array([[[0.0, 0.0]], [[SIDE - 1.0, 0.0]]])
_OFFSETS = np.array([[[0.0, 0.0]], [[2.0, 0.0]]])


def add_mirrored(graph: Graph, points: str, offset: str) -> str:
    """As `mirrored`: left and right change places, x becomes 95 + 2 d - x.

    points : (N, 15, 2) float64 px
    offset : (N, 1, 1) float64 px, d
    result : (N, 15, 2) float64 px
    """
    exchanged = graph.add("Gather", points, graph.constant(MIRRORED), axis=1)
    moved = graph.add("Add", graph.add("Mul", offset, graph.constant(_OFFSETS[1])), graph.constant(_WIDTH[1]))
    return graph.add("Add", graph.add("Mul", exchanged, graph.constant(_SIGN[1])), moved)


def add_both_sides(graph: Graph, points: str, offset: str) -> str:
    """The points of each picture and of its mirror image, in turns.

    points : (N, 15, 2) float64 px
    offset : (N, 1, 1) float64 px, the label offset
    result : (2 N, 15, 2) float64 px
    """
    # Rows of 30, behind one another: (N, 30, 2) is (2 N, 15, 2).
    both = graph.add("Concat", points, add_mirrored(graph, points, offset), axis=1)
    return graph.add("Reshape", both, graph.constant([-1, len(POINTS), 2]))


def add_in_pictures(graph: Graph, places: str, count: int, offset: str | None = None) -> str:
    """Places in pictures and mirror images, in turns -> all of them in the pictures.

    places : (2 N, K, 2) float64 px; they keep their order, also where left and right are meant
    count  : K
    offset : (N, 1, 1) float64 px, the label offset, if the places are points; or None
    result : (N, 2, K, 2) float64 px
    """
    pair = graph.add("Reshape", places, graph.constant([-1, 2, count, 2]))
    flipped = graph.add("Add", graph.add("Mul", pair, graph.constant(_SIGN)), graph.constant(_WIDTH))
    if offset is None:
        return flipped
    each = graph.add("Reshape", offset, graph.constant([-1, 1, 1, 1]))
    return graph.add("Add", flipped, graph.add("Mul", each, graph.constant(_OFFSETS)))
