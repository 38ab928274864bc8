"""The whole graph, from "images" to "points", in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.faces import POINTS, SIDE
from nnscratch.keypoints.onnx_graphs.pictures import add_pictures

_DESCRIPTION = f"""{{what}} of nnscratch: the points of a face in grey pictures.
images: (N, {SIDE}, {SIDE}) uint8, 0 is black
points: (N, {len(POINTS)}, 2) float32, x and y in pixels from the centre of the top left pixel, in this order:
{", ".join(POINTS)}
Points that are NaN or far outside of the picture say that the weights are useless."""


def write_graph(
    where: str, path: str | os.PathLike[str], name: str, add: Callable[[Graph, str], str], *, what: str
) -> Path:
    """Writes a graph from "images", (N, 96, 96) uint8, to "points", (N, 15, 2) float32 px.

    where  : who writes it, for messages
    path   : the file, or a folder that gets one called `name`
    add    : adds the operators: called with the graph and the pictures x, (N, 96, 96) float32, as
        `add_pictures` gives them; returns the points, (N, 15, 2) float64 px
    what   : what finds the points, for the file's own description
    result : the file; it is there whole, or not at all

    Raises
        ImportError : the package onnx is missing
        OSError     : the file cannot be written
    """
    path = Path(path)
    if path.is_dir():
        path = path / name
    graph = Graph(where)
    points = add(graph, add_pictures(graph, "images"))
    graph.add("Cast", points, name="points", to=graph.onnx.TensorProto.FLOAT)
    graph.save(
        path,
        inputs={"images": (np.uint8, ("N", SIDE, SIDE))},
        outputs={"points": (np.float32, ("N", len(POINTS), 2))},
        description=_DESCRIPTION.format(what=what),
    )
    return path
