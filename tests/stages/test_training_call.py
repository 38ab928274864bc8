"""Training on few images in one call: the bits of the stages, and backward goes on from there."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.stages import image_vectors
from nnscratch.stages.one_call import OneCall
from nnscratch.stages.training_call import MOST_IMAGES, TrainingCall
from tests.stages.few_rows import PASSES, F, chain, conv, dense, rows

pytestmark = pytest.mark.usefixtures("two_threads")

Gradients = list[dict[str, np.ndarray]]


NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...]]] = {
    "few channels": (chain(*conv(1, 2, 5), *conv(2, 3, 4), nn.Flatten(), dense(36, 5)), (27, 25, 1)),
    "few, then more": (chain(*conv(2, 4, 3), *conv(4, 16, 2), *conv(16, 20, 2, bias=False)), (30, 33, 2)),
    "more, then few": (chain(*conv(1, 20, 3), *conv(20, 9, 2), *conv(9, 5, 2)), (43, 40, 1)),
    "large": (
        chain(*conv(1, 8, 3), *conv(8, 16, 2), *conv(16, 32, 2), *conv(32, 64, 2), nn.Flatten(), dense(1600, 5)),
        (96, 96, 1),
    ),
    "padding": (
        chain(*conv(1, 17, 3, padding=1), *conv(17, 33, 3, padding=1), *conv(33, 70, 4, padding=2)),
        (29, 26, 1),
    ),
    "normalized": (
        chain(nn.ContrastNormalization(), *conv(1, 20, 3, padding=2), nn.Flatten(), dense(840, 7)),
        (11, 13, 1),
    ),
    "dense": (
        chain(nn.Flatten(), dense(3000, 200), nn.ReLU(), dense(200, 30, bias=False), nn.ReLU(), dense(30, 3)),
        (30, 100),
    ),
    "one layer": (chain(dense(5, 4)), (5,)),
}  # fmt: skip


def step(
    model: nn.Sequential, x: np.ndarray, between: Callable[[], object] | None = None
) -> tuple[np.ndarray, Gradients]:
    """y and copies of all gradients."""
    y = model.forward(x, training=True)
    if between is not None:
        between()
    model.backward(rows(1, y.shape, seed=2)[0])
    return y, [{name: gradient.copy() for name, gradient in layer.grads.items()} for layer in model.layers]


def by_stages(model: nn.Sequential, x: np.ndarray) -> tuple[np.ndarray, Gradients]:
    return step(copy.deepcopy(model), x)  # which has passed nothing yet


def in_one_call(model: nn.Sequential, x: np.ndarray) -> nn.Sequential:
    """The model, after so many steps that the next one is in one call."""
    for _ in range(PASSES):
        step(model, x)
    assert isinstance(model._runner._training_calls[x.shape], TrainingCall)
    return model


def assert_same(got: tuple[np.ndarray, Gradients], expected: tuple[np.ndarray, Gradients]) -> None:
    np.testing.assert_array_equal(got[0], expected[0])
    for ours, theirs in zip(got[1], expected[1], strict=True):
        assert list(ours) == list(theirs)
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])


@pytest.mark.parametrize("count", [1, 2, 3, 9, 16])
@pytest.mark.parametrize("name", NETWORKS)
def test_same_bits_as_the_stages_on_any_number_of_threads(name: str, count: int) -> None:
    make, shape = NETWORKS[name]
    model, x = make(), rows(count, shape)
    expected = by_stages(model, x)
    for threads in (1, 2, 3):
        nn.set_threads(threads)
        model._runner._training_calls.clear()
        in_one_call(model, x)
        for _ in range(3):
            assert_same(step(model, x), expected)
    layers = copy.deepcopy(model)
    layers.fuse = False
    np.testing.assert_allclose(expected[0], layers.forward(x), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("count", [80, 130])
def test_many_rows_of_dense_layers(count: int) -> None:
    """Cut along another axis than for inference: see `choice.cuts_rows`."""
    model = chain(dense(3000, 200), nn.ReLU(), dense(200, 3))()
    (x,) = rows(1, (count, 3000), seed=1)
    assert_same(step(in_one_call(model, x), x), by_stages(model, x))


@pytest.mark.parametrize("count", [1, 5])
def test_few_channels_by_vectors_of_channels(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_vectors, "few_channels_by_channels", lambda *_: True)
    for name in ("few, then more", "more, then few"):
        make, shape = NETWORKS[name]
        model, x = make(), rows(count, shape)
        expected = by_stages(model, x)
        assert_same(step(in_one_call(model, x), x), expected)


def test_the_convolutions_run_back_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    make, shape = NETWORKS["large"]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    expected = by_stages(model, x)
    for stage in model._runner.stages(model.layers)[:-1]:
        monkeypatch.setattr(stage, "backward", lambda *_: pytest.fail("ran by itself"))
    assert_same(step(model, x), expected)


def test_weights_that_change_in_place_or_are_replaced_are_seen() -> None:
    make, shape = NETWORKS["few, then more"]
    x = rows(2, shape)
    model = in_one_call(make(), x)
    for layer in model.layers:
        for name, w in list(layer.params.items()):
            w.reshape(-1)[0] += F(0.5)
            assert_same(step(model, x), by_stages(model, x))
            layer.params[name] = w * F(1.5)
            assert_same(step(model, x), by_stages(model, x))
            in_one_call(model, x)


def test_weights_that_change_between_forward_and_backward() -> None:
    make, shape = NETWORKS["few, then more"]
    x = rows(1, shape)

    def replaced(model: nn.Sequential) -> Callable[[], None]:
        def replace() -> None:
            for layer in model.layers:
                for name, w in layer.params.items():
                    layer.params[name] = w * F(0.5)

        return replace

    def halved(model: nn.Sequential) -> Callable[[], None]:
        return lambda: [np.multiply(w, F(0.5), out=w) for w in model.parameters()] and None

    for change in (halved, replaced):
        model = in_one_call(make(), x)
        other = copy.deepcopy(model)
        assert_same(step(model, x, change(model)), step(other, x, change(other)))


def test_a_larger_batch_and_other_shapes_in_between() -> None:
    make, shape = NETWORKS["few, then more"]
    x, larger = rows(2, shape), rows(40, shape)
    model = in_one_call(make(), x)
    assert_same(step(model, larger), by_stages(model, larger))
    assert x.shape not in model._runner._training_calls  # the buffers that it wrote to are no more
    assert_same(step(model, x), by_stages(model, x))
    in_one_call(model, x)
    in_one_call(model, x[:1])
    for batch in (x, x[:1], larger, x):
        assert_same(step(model, batch), by_stages(model, batch))
        model.forward(3 * larger)
    assert_same(step(model, x, lambda: model.forward(2 * x)), by_stages(model, x))


def test_dx_and_frozen_layers_are_the_stages_work() -> None:
    make, shape = NETWORKS["large"]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    y, other = model.forward(x, training=True), copy.deepcopy(model)
    other.forward(x, training=True)
    np.testing.assert_array_equal(model.backward(y, input_gradient=True), other.backward(y, input_gradient=True))
    for k in (0, 3, 6):
        model.layers[k].frozen = True
        assert_same(step(model, x), by_stages(model, x))


def test_a_listener_hears_each_stage() -> None:
    make, shape = NETWORKS["large"]
    x = rows(1, shape)
    model, heard = in_one_call(make(), x), []
    model.forward(x, training=True)
    stages = model.time_stages(lambda stage, work, seconds: heard.append(work))
    model.backward(np.ones((1, 5), F))
    model.forward(x, training=True)
    assert heard == ["backward"] * len(stages) + ["forward"] * len(stages)
    model.time_stages(None)
    assert_same(step(model, x), by_stages(model, x))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_rejected(value: float) -> None:
    for name, (make, shape) in NETWORKS.items():
        x = rows(1, shape)
        model = in_one_call(make(), x)
        bad = x.copy()
        bad.reshape(-1)[-1] = value
        with pytest.raises(nn.NotFiniteError, match="got x with 1 of"):
            model.forward(bad, training=True)
        with pytest.raises(RuntimeError, match="without a forward"):
            model.backward(model.forward(x))
        w = model.parameters()[0]
        good = w.reshape(-1)[0]
        w.reshape(-1)[0] = value
        with pytest.raises(nn.NotFiniteError, match="weight"):
            model.forward(x, training=True)
        w.reshape(-1)[0] = good
        assert_same(step(in_one_call(model, x), x), by_stages(model, x)), name


def test_one_step_at_a_time() -> None:
    make, shape = NETWORKS["large"]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    y = model.forward(x, training=True)
    model.backward(y)
    with pytest.raises(RuntimeError, match="without a forward"):
        model.backward(y)
    model.forward(x, training=True)
    nn.Sequential(*model.layers).forward(x, training=True)
    with pytest.raises(RuntimeError, match="another network"):
        model.backward(y)
    model.forward(x, training=True)
    model.layers.append(nn.ReLU())
    with pytest.raises(RuntimeError, match="were changed"):
        model.backward(y)


def test_y_is_the_callers_own_and_dy_is_not_written() -> None:
    make, shape = NETWORKS["padding"]  # whose last layer is a convolution
    x = rows(1, shape)
    model = in_one_call(make(), x)
    y = model.forward(x, training=True)
    kept, dy = y.copy(), rows(1, y.shape[1:], seed=2)
    dy_kept = dy.copy()
    y[...] = np.nan
    model.backward(dy)
    np.testing.assert_array_equal(dy, dy_kept)
    assert_same((kept, [dict(layer.grads) for layer in model.layers]), by_stages(model, x))
    model.forward(x, training=True)
    model.backward(np.asfortranarray(dy))
    assert_same((kept, [dict(layer.grads) for layer in model.layers]), by_stages(model, x))


def test_what_has_no_steps_runs_by_stages() -> None:
    x = rows(1, (5,))
    for model, batch in (
        (nn.Sequential(dense(5, 4), nn.ReLU(), nn.Dropout(0.5), dense(4, 4), rng=0), x),
        (nn.Sequential(dense(5, 4), rng=0).astype(np.float64), x.astype(np.float64)),
        (nn.Sequential(*conv(1, 2, 3), rng=0), rows(MOST_IMAGES + 1, (8, 8, 1))),
        (nn.Sequential(dense(5, 4), rng=0, fuse=False), x),
    ):
        for _ in range(PASSES):
            step_ = step(model, batch) if batch.dtype == F else model.forward(batch, training=True)
        assert step_ is not None
        assert not any(isinstance(call, OneCall) for call in model._runner._training_calls.values())


def test_much_work_is_left_to_the_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    make, shape = NETWORKS["large"]
    model, x = make(), rows(2, shape)
    monkeypatch.setattr(TrainingCall, "most_work", 1_000_000)
    with pytest.raises(ValueError, match="multiply-adds"):
        TrainingCall(model._runner.stages(model.layers), x.shape)
    for _ in range(PASSES):
        step(model, x)
    assert not isinstance(model._runner._training_calls[x.shape], TrainingCall)


def test_layers_one_by_one_and_fuse_in_between() -> None:
    make, shape = NETWORKS["few channels"]
    x = rows(2, shape)
    model = in_one_call(make(), x)
    y = model.forward(x, training=True, keep=True)
    assert len(model.outputs) == len(model.layers)
    model.backward(np.ones_like(y))
    assert_same(step(model, x), by_stages(model, x))
    model.fuse = False
    assert_same(step(model, x), by_stages(model, x))
    model.fuse = True
    assert_same(step(in_one_call(model, x), x), by_stages(model, x))


def test_several_threads_with_a_network_each() -> None:
    make, shape = NETWORKS["large"]
    x, failures = rows(1, shape), []
    expected = by_stages(make(), x)

    def work() -> None:
        own = in_one_call(make(), x)
        for _ in range(30):
            try:
                assert_same(step(own, x), expected)
            except AssertionError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_trains_on() -> None:
    make, shape = NETWORKS["large"]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    expected = by_stages(model, x)
    child = os.fork()
    if child == 0:
        try:
            for _ in range(PASSES + 2):
                assert_same(step(model, x), expected)
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_optimizers_see_the_gradients() -> None:
    make, shape = NETWORKS["large"]
    x = rows(1, shape)
    model, other = in_one_call(make(), x), make()
    other._runner.in_one_call = lambda *_: None  # type: ignore[method-assign]
    optimizers = [nn.Adam(network, lr=1e-3) for network in (model, other)]
    for _ in range(5):
        for network, optimizer in zip((model, other), optimizers, strict=True):
            step(network, x)
            optimizer.step()
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
