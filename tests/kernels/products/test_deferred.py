"""A product that is computed when somebody needs it."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.products import deferred
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.kernels.products.matmul import matmul


def factors(terms: int, dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(terms).standard_normal((terms, 87)).astype(dtype)
    return numbers[:, :37].copy(), numbers[:, 37:].copy()


@pytest.mark.parametrize("terms", [1, 2, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_product_and_stays_the_same_array(terms: int, dtype: Any) -> None:
    x, dz = factors(terms, dtype)
    product = DeferredProduct(x, dz, lambda: np.full((37, 50), np.nan, dtype))
    assert (product.shape, product.dtype) == ((37, 50), np.dtype(dtype))
    before = product.is_computed
    value = product.value()
    np.testing.assert_array_equal(value, matmul(x.T, dz))
    assert (before, product.is_computed) == (False, True)
    value *= 2  # such as clipping
    assert product.value() is value
    np.testing.assert_array_equal(value, 2 * matmul(x.T, dz))


def test_new_factors_make_it_a_new_product() -> None:
    x, dz = factors(3)
    product = DeferredProduct(x, dz, lambda: np.empty((37, 50), np.float32))
    first = product.value().copy()
    x *= 2
    assert np.array_equal(product.value(), first)
    product.renew()
    assert not product.is_computed
    np.testing.assert_array_equal(product.value(), 2 * first)


def test_what_was_computed_while_the_factors_changed_is_old() -> None:
    x, dz = factors(3)

    def memory() -> np.ndarray:
        if not interrupted:  # another thread's backward, in the middle of this one's look
            interrupted.append(True)
            dz[:] = 0
            product.renew()
        return np.empty((37, 50), np.float32)

    interrupted: list[bool] = []
    product = DeferredProduct(x, dz, memory)
    product.value()
    assert not product.is_computed
    dz[:] = 1
    product.renew()
    np.testing.assert_array_equal(product.value(), matmul(x.T, dz))


def test_an_exception_leaves_it_to_be_computed() -> None:
    x, dz = factors(2)
    memory = iter([KeyboardInterrupt, np.empty((37, 50), np.float32)])

    def get() -> Any:
        array = next(memory)
        if array is KeyboardInterrupt:
            raise KeyboardInterrupt
        return array

    product = DeferredProduct(x, dz, get)
    with pytest.raises(KeyboardInterrupt):
        product.value()
    assert not product.is_computed
    np.testing.assert_array_equal(product.value(), matmul(x.T, dz))


def test_threads_that_look_at_once_get_one_array() -> None:
    x, dz = factors(16)
    calls: list[int] = []

    def memory() -> np.ndarray:
        calls.append(1)
        return np.empty((37, 50), np.float32)

    product = DeferredProduct(x, dz, memory)
    start, found = threading.Barrier(4), list[np.ndarray]()

    def look() -> None:
        start.wait()
        found.append(product.value())

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert all(each is found[0] for each in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_computes_while_a_thread_of_its_parent_does() -> None:
    x, dz = factors(1)
    product = DeferredProduct(x, dz, lambda: np.empty((37, 50), np.float32))
    expected, held, done = matmul(x.T, dz), threading.Event(), threading.Event()

    def hold() -> None:
        with deferred._computing:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(product.value(), expected) else 1)
    done.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
