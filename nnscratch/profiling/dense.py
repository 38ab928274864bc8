"""A dense layer's three products by every method: what `compare dense` runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnscratch.kernels import loops
from nnscratch.kernels.choice import Chosen
from nnscratch.kernels.products.choice import product
from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.threads import get_threads, single_threaded_blas
from nnscratch.profiling.comparison import Arrays, Comparison, Method, Operation, compare, rounding
from nnscratch.profiling.roof import roof
from nnscratch.profiling.table import counted, together

_PRODUCTS_OF_LOOPS = 300_000  # multiply-adds forward: about half a second of Python with its gradients

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]
Works = tuple[Callable[[], Arrays], Callable[[], Arrays]]


@dataclass(frozen=True)
class DenseShape:
    """rows : N;  n_in, n_out : of each row"""

    rows: int
    n_in: int
    n_out: int


def compare_dense(shape: DenseShape) -> Comparison:
    """Loops, NumPy's product and our own kernels, forward and backward.

    Raises
        ValueError : a method that differs from the others
    """
    n, n_in, n_out = shape.rows, shape.n_in, shape.n_out
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, n_in), dtype=np.float32)
    weight = rng.standard_normal((n_in, n_out), dtype=np.float32)
    bias, dy = rng.standard_normal(n_out, dtype=np.float32), rng.standard_normal((n, n_out), dtype=np.float32)
    arrays = x, weight, bias, dy
    products = 2 * n * n_in * n_out
    bounds = rounding(n_in, np.float32), rounding(max(n, n_out), np.float32)
    wide = (array.astype(np.float64) for array in arrays)
    right = _works(np.matmul, *wide)
    chosen = _chosen(shape)
    notes = ["* what Dense takes", *together(chosen)]
    if get_threads() > 1:
        notes.append("NumPy's BLAS hands its products out to threads of its own.")
    title = f"{counted(n, 'row')}, {n_in} to {n_out} numbers: y = x W + b; dW = x.T dy, dx = dy W.T"
    operation = Operation(title, (products, 2 * products), (right[0](), right[1]()), bounds, tuple(notes))
    moved = 4 * (x.size + weight.size + dy.size), 4 * (2 * dy.size + 2 * x.size + 2 * weight.size)
    methods = [
        _loops(shape, *arrays, moved),
        Method("NumPy", "np.matmul, by its BLAS", *_works(_held(np.matmul), *arrays), moved),
        Method("own", "our own kernels, see below", *_works(matmul, *arrays), moved, (True, True)),
    ]
    return compare(operation, methods, roof())


def _held(product: Product) -> Product:
    """The product on as many threads as kernels use, as far as BLAS lets itself be told."""
    if get_threads() > 1:
        return product

    def on_one_thread(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        with single_threaded_blas():
            return product(a, b)

    return on_one_thread


def _works(product: Product, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, dy: np.ndarray) -> Works:
    def forward() -> Arrays:
        y = product(x, weight)
        y += bias
        return {"y": y}

    def backward() -> Arrays:
        return {"dweight": product(x.T, dy), "dx": product(dy, weight.T), "dbias": dy.sum(axis=0)}

    return forward, backward


def _chosen(shape: DenseShape) -> list[Chosen]:
    """The kernels of the three products, and why."""
    n, n_in, n_out = shape.rows, shape.n_in, shape.n_out
    sizes = {"y": (n, n_in, n_out, False), "dweight": (n_in, n, n_out, True), "dx": (n, n_out, n_in, True)}
    return [Chosen(name, *product(*size)) for name, size in sizes.items()]


def _loops(
    shape: DenseShape, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, dy: np.ndarray, moved: tuple[int, int]
) -> Method:
    """The textbook loops, on some rows and outputs if all would take too long."""
    outputs = min(shape.n_out, max(1, _PRODUCTS_OF_LOOPS // shape.n_in))
    rows = min(shape.rows, max(1, _PRODUCTS_OF_LOOPS // (shape.n_in * outputs)))
    some = (x[:rows].copy(), weight[:, :outputs].copy(), bias[:outputs].copy(), dy[:rows, :outputs].copy())
    some_x, some_weight, some_bias, some_dy = some
    right = _works(np.matmul, *(array.astype(np.float64) for array in some))
    share = rows * outputs / (shape.rows * shape.n_out)
    idea = "kernels/loops.py: the textbook's nested loops, in Python"
    idea += f"; run on {rows} row{'s' * (rows > 1)} and {outputs} outputs, scaled" if share < 1 else ""

    def backward() -> Arrays:
        dx, dweight, dbias = loops.dense_backward(some_x, some_weight, some_dy)
        return {"dx": dx, "dweight": dweight, "dbias": dbias}

    def forward() -> Arrays:
        return {"y": loops.dense_forward(some_x, some_weight, some_bias)}

    return Method("loops", idea, forward, backward, moved, part=share, expected=(right[0](), right[1]()))
