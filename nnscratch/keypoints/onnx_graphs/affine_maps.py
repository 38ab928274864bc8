"""Maps that align faces, as `AffineMaps`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.geometry.affine_maps import LEAST_SPREAD
from nnscratch.keypoints.onnx_graphs.mirror import add_in_pictures


@dataclass(frozen=True)
class Maps:
    """R maps q = A p + t of each of M pictures: names of values.

    linear : (M, R, 2, 2) float64, A
    shift  : (M, R, 2) float64, t
    count  : R
    """

    linear: str
    shift: str
    count: int

    def to(self, graph: Graph, points: str, number: np.ndarray) -> str:
        """Where points go, A p + t.

        points : (M, K, 2) float64
        number : (K,), the map that each of them goes along, of R
        result : (M, K, 2) float64
        """
        chosen = self.selected(graph, number)
        return graph.add("Add", add_product(graph, chosen.linear, points), chosen.shift)

    def selected(self, graph: Graph, number: np.ndarray) -> Maps:
        """Some of the maps.

        number : (K,), of R
        result : K maps of each picture
        """
        chosen = graph.constant(np.asarray(number, np.int64))
        return Maps(
            graph.add("Gather", self.linear, chosen, axis=1),
            graph.add("Gather", self.shift, chosen, axis=1),
            len(number),
        )

    def in_pictures(self, graph: Graph) -> Maps:
        """Maps to pictures and to mirror images, in turns -> all of them to the pictures.

        As `AffineMaps.mirrored` for every second picture.

        result : (N, 2 R, 2, 2) and (N, 2 R, 2), for M = 2 N; first those to the picture itself
        """
        sign = np.array([[[[1.0], [1.0]]], [[[-1.0], [1.0]]]])  # (2, 1, 2, 1): of x and y
        pair = graph.add("Reshape", self.linear, graph.constant([-1, 2, self.count, 2, 2]))
        linear = graph.add("Mul", pair, graph.constant(sign))
        shift = add_in_pictures(graph, self.shift, self.count)
        return Maps(
            graph.add("Reshape", linear, graph.constant([-1, 2 * self.count, 2, 2])),
            graph.add("Reshape", shift, graph.constant([-1, 2 * self.count, 2])),
            2 * self.count,
        )


def add_product(graph: Graph, linear: str, points: str) -> str:
    """A p for each point.

    linear : (..., K, 2, 2) float64, A
    points : (..., K, 2) float64, p
    result : (..., K, 2) float64
    """
    columns = (graph.add("Gather", linear, graph.constant(axis), axis=-1) for axis in (0, 1))
    places = (graph.add("Gather", points, graph.constant([axis]), axis=-1) for axis in (0, 1))  # (..., K, 1)
    return graph.add("Add", *(graph.add("Mul", *each) for each in zip(columns, places, strict=True)))


def add_means(graph: Graph, points: str, shares: np.ndarray) -> str:
    """Weighted means of points.

    points : (M, K, 2) float64
    shares : (R, K), how much of each point goes into each mean
    result : (M, R, 2) float64
    """
    count, of = shares.shape
    # Rows of x, y, x, y, ...: one plain product of matrices. ONNX Runtime 1.20 fails with M = 0
    # where a matrix from the left has to be broadcast.
    rows = graph.add("Reshape", points, graph.constant([-1, 2 * of]))
    means = graph.add("MatMul", rows, graph.constant(np.kron(shares.T, np.eye(2))))
    return graph.add("Reshape", means, graph.constant([-1, count, 2]))


def add_fit(graph: Graph, points: str, reference: np.ndarray) -> str:
    """A of `AffineMaps.fit`: the turn and the size of each face beside a reference face.

    points    : (M, K, 2) float64 px, none missing
    reference : (K, 2) px; what is not finite counts as missing
    result    : (M, 2, 2) float64

    With u and v as there, the reference's points and the face's, each less their mean,

        A = [[a, -b], [b, a]]
        a = sum(u_x v_x + u_y v_y) / |u|^2,  b = sum(u_x v_y - u_y v_x) / |u|^2

    and the identity if |u|^2 or |v|^2 is 1 px^2 or less.
    """
    known = np.flatnonzero(np.isfinite(reference).all(axis=1))
    u = reference[known] - reference[known].sum(axis=0) / max(len(known), 1)
    spread_u = np.square(u).sum()
    if spread_u <= LEAST_SPREAD:  # no face fits such a reference
        known, u = np.arange(len(reference)), np.zeros(reference.shape)
    chosen = graph.add("Gather", points, graph.constant(known), axis=1)
    v = graph.add("Sub", chosen, graph.add("ReduceMean", chosen, axes=[1], keepdims=1))
    # A's four numbers are linear in v, (M, 2 K) as v_x, v_y, v_x, v_y, ...: one product.
    x, y = u.T
    factors = np.array([[x, y], [y, -x], [-y, x], [x, y]]).transpose(2, 1, 0).reshape(-1, 4)  # (2 K, 4)
    flat = graph.add("Reshape", v, graph.constant([-1, 2 * len(known)]))
    product = graph.add("MatMul", flat, graph.constant(factors / max(spread_u, LEAST_SPREAD)))
    spread_v = graph.add("ReduceSum", graph.add("Mul", flat, flat), graph.constant([1]), keepdims=1)
    least = LEAST_SPREAD if spread_u > LEAST_SPREAD else np.inf
    fits = graph.add("Greater", spread_v, graph.constant(np.float64(least)))
    matrix = graph.add("Where", fits, product, graph.constant(np.array([1.0, 0.0, 0.0, 1.0])))
    return graph.add("Reshape", matrix, graph.constant([-1, 2, 2]))
