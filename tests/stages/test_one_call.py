"""Inference on few images in one call: the bits of the stages, whatever happens to the weights."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.stages import one_call
from nnscratch.stages.one_call import MOST_ROWS, OneCall
from tests.stages.few_rows import PASSES, F, chain, conv, dense, rows

pytestmark = pytest.mark.usefixtures("two_threads")

NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...]]] = {
    "few channels": (chain(*conv(1, 2, 5), *conv(2, 3, 4), nn.Flatten(), dense(36, 5)), (27, 25, 1)),
    "few, then more": (chain(*conv(2, 4, 3), *conv(4, 16, 2), *conv(16, 5, 2, bias=False)), (30, 33, 2)),
    "few that fill vectors": (chain(*conv(1, 8, 3), *conv(8, 16, 2), *conv(16, 16, 3)), (44, 40, 1)),
    "winograd": (chain(*conv(1, 17, 3, padding=1), *conv(17, 33, 3, padding=1)), (29, 26, 1)),
    "normalized": (
        chain(nn.ContrastNormalization(), *conv(1, 20, 3, padding=2), nn.Flatten(), dense(840, 7)),
        (11, 13, 1),
    ),
    "dense": (
        chain(
            nn.Flatten(), dense(3000, 200), nn.ReLU(), nn.Dropout(0.5),
            dense(200, 30, bias=False), nn.ReLU(), dense(30, 3),
        ),
        (30, 100),
    ),
    "one layer": (chain(dense(5, 4)), (5,)),
}  # fmt: skip


def in_one_call(model: nn.Sequential, x: np.ndarray) -> nn.Sequential:
    """The model, after so many passes that the next one is in one call."""
    for _ in range(PASSES):
        model.forward(x)
    assert isinstance(model._runner._calls[x.shape], OneCall)
    return model


def by_stages(model: nn.Sequential, x: np.ndarray) -> np.ndarray:
    return copy.deepcopy(model).forward(x)  # which has passed nothing yet


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_same_bits_as_the_stages_on_any_number_of_threads(name: str, count: int) -> None:
    make, shape = NETWORKS[name]
    model, x = make(), rows(count, shape)
    expected = model.forward(x)
    for threads in (1, 2, 3):
        nn.set_threads(threads)
        model._runner._calls.clear()
        in_one_call(model, x)
        for _ in range(3):
            np.testing.assert_array_equal(model.forward(x), expected)
    layers = copy.deepcopy(model)
    layers.fuse = False
    np.testing.assert_allclose(expected, layers.forward(x), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("count", [100, 331])
def test_many_rows_are_cut_by_their_threads_without_other_bits(count: int) -> None:
    model, x = nn.Sequential(dense(700, 260), nn.ReLU(), dense(260, 30), rng=0), rows(count, (700,))
    nn.set_threads(1)
    expected = model.forward(x)
    for threads in (1, 2, 3, 20):
        nn.set_threads(threads)
        np.testing.assert_array_equal(by_stages(model, x), expected)
        model._runner._calls.clear()
        np.testing.assert_array_equal(in_one_call(model, x).forward(x), expected)


def spoil_first(w: np.ndarray) -> None:
    w.reshape(-1)[0] += 1


def one_ulp(w: np.ndarray) -> None:
    flat = w.reshape(-1)
    flat[-1] = np.nextafter(flat[-1], F(9))


def through_a_view(w: np.ndarray) -> None:
    w.T[...] *= F(0.5)


def in_its_bytes(w: np.ndarray) -> None:
    w.view(np.uint8).reshape(-1)[3] ^= 1  # the exponent


def by_another_thread(w: np.ndarray) -> None:
    thread = threading.Thread(target=lambda: np.negative(w, out=w))
    thread.start()
    thread.join()


CHANGES = [spoil_first, one_ulp, through_a_view, in_its_bytes, by_another_thread]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NETWORKS)
def test_no_change_of_a_parameter_goes_unseen(name: str, change: Callable[[np.ndarray], None]) -> None:
    make, shape = NETWORKS[name]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    for layer in model.layers:
        for w in layer.params.values():
            change(w)
            np.testing.assert_array_equal(model.forward(x), by_stages(model, x))
    assert isinstance(model._runner._calls[x.shape], OneCall)


@pytest.mark.parametrize("name", ["few channels", "few, then more", "winograd"])
def test_a_sign_of_zero_and_nan_are_seen(name: str) -> None:
    make, shape = NETWORKS[name]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    for layer in model.layers:
        for key, w in layer.params.items():
            good = w.copy()
            for value in (0.0, -0.0):
                w.reshape(-1)[1] = value
                np.testing.assert_array_equal(model.forward(x), by_stages(model, x))
            for value in (np.nan, np.inf):
                w.reshape(-1)[1] = value
                with pytest.raises(ValueError, match=key):  # the stages' own error, which names it
                    model.forward(x)
            w[...] = good
            np.testing.assert_array_equal(in_one_call(model, x).forward(x), by_stages(model, x))


def test_arrays_that_are_replaced_are_seen() -> None:
    make, shape = NETWORKS["winograd"]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    for layer in (model.layers[0], model.layers[3]):
        for name in ("weight", "bias"):
            layer.params[name] = layer.params[name] * F(1.5)
            np.testing.assert_array_equal(model.forward(x), by_stages(model, x))
            in_one_call(model, x)
    model.layers[0].params["weight"] = np.asfortranarray(model.layers[0].params["weight"])  # copied in every call
    for _ in range(PASSES):
        np.testing.assert_array_equal(model.forward(x), by_stages(model, x))
    model.layers[0].params["weight"] = np.ones((3, 3, 1, 16), F)
    with pytest.raises(ValueError, match="weight of shape"):
        model.forward(x)


def test_an_optimizer_and_other_parameters_are_seen() -> None:
    make, shape = NETWORKS["few channels"]
    x = rows(2, shape)
    model, other = in_one_call(make(), x), make()
    for layer in model.layers:
        layer.grads.update({name: np.ones_like(w) for name, w in layer.params.items()})
    for optimizer in (nn.SGD(model, lr=0.1), nn.SGD(model, lr=0.1, momentum=0.9), nn.Adam(model, lr=0.1)):
        optimizer.step()
        np.testing.assert_array_equal(model.forward(x), by_stages(model, x))
    model.put_back(other.copy_parameters())
    np.testing.assert_array_equal(model.forward(x), other.forward(x))


def test_layers_and_sizes_that_change_are_seen() -> None:
    make, shape = NETWORKS["normalized"]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    model.layers[0].floor = 100.0
    np.testing.assert_array_equal(model.forward(x), by_stages(model, x))
    in_one_call(model, x)
    model.layers.append(nn.ReLU())
    assert model.forward(x).min() >= 0
    in_one_call(model, x)
    model.fuse = False
    np.testing.assert_allclose(model.forward(x), by_stages(model, x), rtol=1e-6)


def test_a_step_is_not_disturbed() -> None:
    make, shape = NETWORKS["few channels"]
    x, dy = rows(3, shape), np.ones((3, 5), F)
    model, plain = in_one_call(make(), x), make()
    for network, between in ((model, True), (plain, False)):
        network.forward(x, training=True)
        if between:
            network.forward(2 * x)
        network.backward(dy)
    for a, b in zip(model.layers, plain.layers, strict=True):
        for name in a.grads:
            np.testing.assert_array_equal(a.grads[name], b.grads[name])


@pytest.mark.parametrize("name", NETWORKS)
def test_nan_and_infinity_are_rejected(name: str) -> None:
    make, shape = NETWORKS[name]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    for value in (np.nan, np.inf, -np.inf):
        bad = x.copy()
        bad.reshape(-1)[-1] = value
        with pytest.raises(nn.NotFiniteError, match="got x with 1 of"):
            model.forward(bad)
    np.testing.assert_array_equal(model.forward(x), by_stages(model, x))


def test_y_is_the_callers_own() -> None:
    make, shape = NETWORKS["few channels"]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    first = model.forward(x)
    kept = first.copy()
    model.forward(2 * x)
    np.testing.assert_array_equal(first, kept)
    assert first.base is None
    assert first.flags.writeable


@pytest.mark.parametrize("x", [rows(1, (5,)).astype(np.float64), rows(1, (4,)), np.float32(1), [1.0], None])
def test_what_does_not_fit_is_the_stages_error(x: object) -> None:
    model = nn.Sequential(dense(5, 4), rng=0)
    in_one_call(model, rows(1, (5,)))
    with pytest.raises((ValueError, AttributeError, TypeError, IndexError)) as one:
        model.forward(x)  # type: ignore[arg-type]
    with pytest.raises(type(one.value)) as other:
        nn.Sequential(dense(5, 4), rng=0).forward(x)  # type: ignore[arg-type]
    assert str(one.value) == str(other.value)


def test_what_has_no_steps_runs_by_stages() -> None:
    class Twice(nn.ReLU):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return 2 * x

    x = rows(1, (5,))
    for model, y in (
        (nn.Sequential(dense(5, 4), Twice(), rng=0), rows(1, (5,))),
        (nn.Sequential(dense(5, 4), rng=0).astype(np.float64), x.astype(np.float64)),
        (nn.Sequential(dense(5, 4), rng=0), rows(MOST_ROWS + 1, (5,))),
        (nn.Sequential(dense(5, 4), rng=0), rows(0, (5,))),
    ):
        for _ in range(PASSES):
            result = model.forward(y)
        assert result.shape == by_stages(model, y).shape
        assert not any(isinstance(call, OneCall) for call in model._runner._calls.values())


def test_an_x_that_is_not_contiguous() -> None:
    make, shape = NETWORKS["few channels"]
    x = rows(2, shape)
    model = in_one_call(make(), x)
    np.testing.assert_array_equal(model.forward(np.asfortranarray(x)), model.forward(x))
    np.testing.assert_array_equal(model.forward(x[::-1]), model.forward(x)[::-1])


def test_few_shapes_are_kept() -> None:
    model = nn.Sequential(dense(5, 4), rng=0)
    for count in range(1, 12):
        in_one_call(model, rows(count, (5,)))
    assert len(model._runner._calls) <= 6


def test_many_threads_with_networks_of_their_own_and_one_in_common() -> None:
    make, shape = NETWORKS["few channels"]
    x = rows(1, shape)
    shared, failures = in_one_call(make(), x), []
    expected = shared.forward(x)

    def work() -> None:
        own = in_one_call(make(), x)
        for _ in range(50):
            for model in (own, shared):
                if not np.array_equal(model.forward(x), expected):
                    failures.append(model)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_begins_without_helpers_and_packs_anew() -> None:
    make, shape = NETWORKS["few channels"]
    x = rows(1, shape)
    model = in_one_call(make(), x)
    expected = model.forward(x)
    child = os.fork()
    if child == 0:
        try:
            same = all(np.array_equal(model.forward(x), expected) for _ in range(PASSES + 2))
            os._exit(0 if same else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_listeners_hear_each_stage() -> None:
    model = nn.Sequential(dense(5, 4), nn.ReLU(), dense(4, 2), rng=0)
    x = rows(1, (5,))
    in_one_call(model, x)
    heard: list[str] = []
    model.time_stages(lambda stage, work, seconds: heard.append(work))
    model.forward(x)
    assert heard == ["forward", "forward"]
    model.time_stages(None)
    model.forward(x)
    assert len(heard) == 2


def test_parameters_that_share_no_memory_with_the_layers() -> None:
    layer = nn.Dense(5, 4, rng=0)
    model = nn.Sequential(layer)
    layer.params["weight"] = np.asfortranarray(layer.params["weight"])
    with pytest.raises(ValueError, match="not contiguous"):
        OneCall(model._runner.stages(model.layers), (1, 5))
    assert one_call.MOST_ROWS >= 16
