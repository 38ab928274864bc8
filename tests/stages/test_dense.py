"""The stage of dense layers against the layers that it stands for, and its arithmetic against the
loops.
"""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import loops
from nnscratch.kernels.products import choice
from nnscratch.stages import plan
from nnscratch.stages.dense import DenseStage, bias_relu_dropout, relu_dropout_backward


def networks(*layers: nn.Layer) -> tuple[nn.Sequential, nn.Sequential]:
    """The same layers, fused and each by itself, with dropout that draws the same masks."""
    fused = nn.Sequential(*layers)
    assert any(isinstance(stage, DenseStage) for stage in plan(fused.layers))
    return fused, nn.Sequential(*(layer.astype(np.float32) for layer in layers), fuse=False)


CASES = [
    lambda rng: [nn.Dense(7, 5, rng=rng)],
    lambda rng: [nn.Dense(7, 5, bias=False, rng=rng), nn.ReLU()],
    lambda rng: [nn.Dense(7, 5, rng=rng), nn.Dropout(0.5, rng=rng)],
    lambda rng: [nn.Dense(7, 9, rng=rng), nn.ReLU(), nn.Dropout(0.4, rng=3), nn.Dense(9, 4, rng=rng), nn.ReLU()],
    lambda rng: [nn.Flatten(), nn.Dense(7, 6, rng=rng), nn.ReLU(), nn.Dense(6, 3, rng=rng)],
]


@pytest.mark.parametrize("make", CASES)
@pytest.mark.parametrize("rows", [1, 6])
def test_the_same_bits_as_the_layers(make, rows: int) -> None:
    fused, layers = networks(*make(np.random.default_rng(0)))
    rng = np.random.default_rng(1)
    for _ in range(3):  # the second and third time in buffers that were used before
        x = rng.standard_normal((rows, 7)).astype(np.float32)
        y = fused.forward(x, training=True)
        np.testing.assert_array_equal(y, layers.forward(x, training=True))
        dy = rng.standard_normal(y.shape).astype(np.float32)
        np.testing.assert_array_equal(fused.backward(dy, input_gradient=True), layers.backward(dy, input_gradient=True))
        for a, b in zip(fused.layers, layers.layers, strict=True):
            assert set(a.grads) == set(b.grads) == set(a.params)
            for name in a.grads:
                np.testing.assert_array_equal(a.grads[name], b.grads[name])


def test_what_was_returned_is_not_overwritten() -> None:
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Flatten())
    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    for training in (False, True):
        y = model.forward(x, training)
        before = y.copy()
        model.forward(2 * x, training)
        np.testing.assert_array_equal(y, before)
    model.forward(x, training=True)
    dx = model.backward(y, input_gradient=True)
    assert dx is not None
    before = dx.copy()
    model.forward(x, training=True)
    model.backward(2 * y, input_gradient=True)
    np.testing.assert_array_equal(dx, before)


def test_a_smaller_batch_in_between() -> None:
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, 2, rng=1))
    x = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
    expected = model.forward(x)
    model.forward(x[:3])
    np.testing.assert_array_equal(model.forward(x), expected)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_bias_relu_and_dropout_are_those_of_the_loops(relu: bool, dropout: bool, biased: bool) -> None:
    rng = np.random.default_rng(0)
    product, dy, bias = rng.standard_normal((5, 7)), rng.standard_normal((5, 7)), rng.standard_normal(7)
    kept = rng.random((5, 7)) < 0.5
    z = product + bias if biased else product
    y = loops.relu_forward(z) if relu else z
    y = loops.dropout_forward(y, kept, 0.5) if dropout else y
    dz = loops.dropout_forward(dy, kept, 0.5) if dropout else dy
    dz = loops.relu_backward(z, dz) if relu else dz

    mask = 2.0 * kept if dropout else None
    got = product.copy()
    bias_relu_dropout(got, bias if biased else None, relu, mask)
    np.testing.assert_allclose(got, y, rtol=1e-14)
    got_dz = np.empty_like(dy)
    relu_dropout_backward(dy, got, relu, mask, got_dz)
    np.testing.assert_allclose(got_dz, dz, rtol=1e-14)


def test_a_subclass_runs_as_it_is() -> None:
    class Doubled(nn.Dense):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return 2 * super().forward(x, training)

    layer = Doubled(3, 2, rng=0)
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(nn.Sequential(layer, nn.ReLU()).forward(x), np.maximum(layer.forward(x), 0))


def test_layers_that_are_exchanged_are_seen() -> None:
    model = nn.Sequential(nn.Dense(3, 2, rng=0), nn.ReLU())
    x = np.ones((1, 3), np.float32)
    model.forward(x)
    model.layers[0] = nn.Dense(3, 2, rng=1)
    np.testing.assert_array_equal(model.forward(x), np.maximum(model.layers[0].forward(x), 0))


@pytest.mark.parametrize(("rows", "n_in", "n_out"), [(1, 30, 20), (7, 1, 9), (7, 30, 20), (100, 9000, 60)])
def test_the_kernels_that_are_told_are_those_that_run(
    rows: int, n_in: int, n_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    rule = choice.dense_kernel

    def ask(*sizes: int) -> str:
        asked.append(rule(*sizes))
        return asked[-1]

    monkeypatch.setattr(choice, "dense_kernel", ask)
    stage = DenseStage(nn.Dense(n_in, n_out, rng=0))
    x = np.ones((rows, n_in), np.float32)
    stage.backward(stage.forward(x, training=True), input_gradient=True)
    ran = asked.copy()
    told = stage.kernels(x.shape, x.dtype, input_gradient=True)
    assert [each.work for each in told] == ["forward", "dweight", "dx"]
    assert [each.kernel.split(", ")[1] for each in told] == ran
    assert [each.work for each in stage.kernels(x.shape, x.dtype, input_gradient=False)] == ["forward", "dweight"]
