"""The stage of dense layers against the layers that it stands for, and its arithmetic against the
loops.
"""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import loops
from nnscratch.kernels.products import choice
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.layers.gradients import entry
from nnscratch.stages import plan
from nnscratch.stages.dense import DenseStage, add_bias_relu_dropout, dropout_relu_bias_backward


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
    add_bias_relu_dropout(got, bias if biased else None, relu, mask)
    np.testing.assert_allclose(got, y, rtol=1e-14)
    got_dz, dbias = np.empty_like(dy) if relu or dropout else dy, np.empty(7)
    dropout_relu_bias_backward(dy, got, relu, mask, got_dz, dbias)
    np.testing.assert_allclose(got_dz, dz, rtol=1e-14)
    np.testing.assert_allclose(dbias, dz.sum(axis=0), rtol=1e-14, atol=1e-15)


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


# Gradients of the weight that are not computed at once

LARGE = 1024, 256  # the smallest weight whose gradient waits


def large_networks() -> tuple[nn.Sequential, nn.Sequential]:
    """Two networks of the same numbers; in the second the gradient is computed at once."""
    networks = []
    for _ in range(2):
        rng = np.random.default_rng(0)
        layers = nn.Flatten(), nn.Dense(*LARGE, rng=rng), nn.ReLU(), nn.Dropout(0.3, rng=1), nn.Dense(256, 3, rng=rng)
        networks.append(nn.Sequential(*layers))
    for layer in networks[1]:
        layer.grads = {}
    return networks[0], networks[1]


def step(model: nn.Sequential, rows: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """A forward and a backward pass; x is the caller's again afterwards. Returns dx."""
    rng = np.random.default_rng(seed)
    x = (scale * rng.standard_normal((rows, 32, 32))).astype(np.float32)
    y = model.forward(x, training=True)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    dx = model.backward(dy, input_gradient=True)
    x[:], dy[:] = np.nan, np.nan
    assert dx is not None
    return dx


def waits(model: nn.Sequential) -> bool:
    return isinstance(entry(model[1].grads, "weight"), DeferredProduct)


@pytest.mark.parametrize("rows", [1, 2, 16, choice.MOST_ROWS_TO_DEFER, choice.MOST_ROWS_TO_DEFER + 1])
def test_a_gradient_that_waits_has_the_bits_of_one_that_does_not(rows: int) -> None:
    model, expected = large_networks()
    for seed in range(3):
        np.testing.assert_array_equal(step(model, rows, seed), step(expected, rows, seed))
        assert waits(model) == (rows <= choice.MOST_ROWS_TO_DEFER)
        assert not waits(expected)
        if seed == 1:
            continue  # nobody looks
        for layer, wanted in zip(model, expected, strict=True):
            assert list(layer.grads) == list(wanted.grads)
            for name, dw in wanted.grads.items():
                np.testing.assert_array_equal(layer.grads[name], dw)
        assert not waits(model)


def test_a_dict_from_before_shows_the_gradient_of_now() -> None:
    model, expected = large_networks()
    held, items = model[1].grads, model[1].grads.items()
    for rows in (1, 4, 100, 4, 1):  # computed at once in between
        for each in (model, expected):
            step(each, rows, seed=rows)
        wanted = expected[1].grads["weight"]
        np.testing.assert_array_equal(dict(items)["weight"], wanted)
        np.testing.assert_array_equal(held["weight"], wanted)
        assert held["weight"] is model[1].grads["weight"]


def test_a_later_forward_changes_no_gradient_that_waits() -> None:
    model, expected = large_networks()
    for each in (model, expected):
        step(each, 4)
        each.forward(np.ones((4, 32, 32), np.float32), training=True)
        each.predict(np.ones((50, 32, 32), np.float32))
    assert waits(model)
    np.testing.assert_array_equal(model[1].grads["weight"], expected[1].grads["weight"])


def test_a_refused_backward_leaves_the_gradient_that_waits() -> None:
    model, expected = large_networks()
    for each in (model, expected):
        step(each, 4)
        y = each.forward(np.ones((4, 32, 32), np.float32), training=True)
        for wrong in (np.full_like(y, np.nan), y[:, :2], y.astype(float)):
            with pytest.raises(ValueError, match="got "):
                each.backward(wrong)
            y = each.forward(np.ones((4, 32, 32), np.float32), training=True)
    assert waits(model)
    np.testing.assert_array_equal(model[1].grads["weight"], expected[1].grads["weight"])


def test_arrays_in_another_order_do_not_wait() -> None:
    stage = DenseStage(nn.Dense(*LARGE, rng=0))
    x, dy = np.ones((4, 1024), np.float32), np.ones((4, 256), np.float32)
    for each, gradient in (
        (np.asfortranarray(x), dy),
        (x, np.asfortranarray(dy)),
        (np.repeat(x, 2, axis=1)[:, ::2], dy),
    ):
        stage.forward(each, training=True)
        stage.backward(gradient, input_gradient=False)
        assert isinstance(entry(stage.dense.grads, "weight"), np.ndarray)
    stage.forward(x, training=True)
    stage.backward(dy, input_gradient=False)
    assert isinstance(entry(stage.dense.grads, "weight"), DeferredProduct)
    (told,) = (each for each in stage.kernels(x.shape, x.dtype, input_gradient=False) if each.work == "dweight")
    assert told.kernel == "products/deferred.py"


def test_a_layer_of_two_networks_has_the_gradient_of_the_last_backward() -> None:
    model, expected = large_networks()
    others = [nn.Sequential(*each[:3].layers, nn.Dense(256, 2, rng=5)) for each in (model, expected)]
    for each, other in zip((model, expected), others, strict=True):
        step(each, 2)
        step(other, 3)
    np.testing.assert_array_equal(model[1].grads["weight"], expected[1].grads["weight"])
    for each, other in zip((model, expected), others, strict=True):
        step(other, 3)
        step(each, 2)
    np.testing.assert_array_equal(model[1].grads["weight"], expected[1].grads["weight"])


@pytest.mark.parametrize(("rows", "n_in", "n_out"), [(1, 30, 20), (7, 1, 9), (7, 30, 20), (200, 9000, 60)])
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
