from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import loops


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 4), (7, 1, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_equal_to_the_loops(shape: tuple[int, int, int], bias: bool) -> None:
    n, n_in, n_out = shape
    layer = nn.Dense(n_in, n_out, bias=bias, bias_init="normal(1)", rng=0, dtype=np.float64)
    rng = np.random.default_rng(1)
    x, dy = rng.standard_normal((n, n_in)), rng.standard_normal((n, n_out))
    weight, b = layer.params["weight"], layer.params.get("bias")
    np.testing.assert_allclose(layer.forward(x, training=True), loops.dense_forward(x, weight, b), rtol=1e-12)
    dx, dweight, dbias = loops.dense_backward(x, weight, dy)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=1e-12)
    np.testing.assert_allclose(layer.grads["weight"], dweight, rtol=1e-12)
    assert ("bias" in layer.grads) == bias
    if bias:
        np.testing.assert_allclose(layer.grads["bias"], dbias, rtol=1e-12)


def test_the_seed_decides_the_weights() -> None:
    a, b, c = (nn.Dense(4, 3, rng=seed).params["weight"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_one_generator_for_several_layers() -> None:
    rng = np.random.default_rng(0)
    a, b = nn.Dense(4, 3, rng=rng), nn.Dense(4, 3, rng=rng)
    assert not np.array_equal(a.params["weight"], b.params["weight"])


@pytest.mark.parametrize(("n_in", "n_out"), [(0, 3), (3, -1), (2.5, 3), ("3", 3), (True, 3)])
def test_wrong_sizes(n_in: object, n_out: object) -> None:
    with pytest.raises(ValueError, match="Dense: got n_.*expected a whole number from 1 up"):
        nn.Dense(n_in, n_out)  # type: ignore[arg-type]


def test_wrong_width_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"Dense\(4, 3\): got x of shape \(2, 5\), expected \(N, 4\)"):
        nn.Dense(4, 3).forward(np.ones((2, 5), np.float32))
    with pytest.raises(ValueError, match=r"put a Flatten\(\) before"):
        nn.Dense(4, 3).forward(np.ones((2, 2, 2, 1), np.float32))
    with pytest.raises(ValueError, match=r"x\[np.newaxis\]"):
        nn.Dense(4, 3).forward(np.ones(4, np.float32))
