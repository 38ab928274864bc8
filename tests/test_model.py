from __future__ import annotations

import copy
import threading

import numpy as np
import pytest

import nnscratch as nn
from tests.stress import fused_networks


def small_cnn(dropout: float = 0.0) -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2D(1, 3, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dropout(dropout, rng=rng),
        nn.Dense(27, 4, rng=rng),
    )  # fmt: skip


def images(count: int) -> np.ndarray:
    return np.random.default_rng(1).random((count, 8, 8, 1), dtype=np.float32)


def test_forward_is_the_layers_in_turn() -> None:
    model, x = small_cnn(), images(3)
    y = x
    for layer in model.layers:
        y = layer.forward(y)
    np.testing.assert_array_equal(model.forward(x), y)


def test_input_gradient_only_if_asked() -> None:
    model, x = small_cnn(), images(3)
    dy = np.ones((3, 4), np.float32)
    model.forward(x, training=True)
    assert model.backward(dy) is None
    without = [{name: grad.copy() for name, grad in layer.grads.items()} for layer in model.layers]
    model.forward(x, training=True)
    dx = model.backward(dy, input_gradient=True)
    assert dx is not None
    assert dx.shape == x.shape
    for layer, grads in zip(model.layers, without, strict=True):
        for name, grad in grads.items():
            np.testing.assert_array_equal(layer.grads[name], grad)


def test_layers_without_parameters_before_the_first_that_has_some_are_skipped() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=0))
    for _ in range(2):  # the Flatten's unused memory of the first pass does not disturb the second
        model.forward(images(3), training=True)
        assert model.backward(np.ones((3, 2), np.float32)) is None
    assert set(model.layers[1].grads) == {"weight", "bias"}


def test_a_network_without_parameters() -> None:
    model = nn.Sequential(nn.Flatten(), nn.ReLU())
    model.forward(images(2), training=True)
    assert model.backward(np.ones((2, 64), np.float32)) is None


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_predict_is_forward_in_batches(batch_size: int) -> None:
    model, x = small_cnn(dropout=0.5), images(7)
    np.testing.assert_allclose(model.predict(x, batch_size), model.forward(x), rtol=1e-5, atol=1e-6)


def test_predict_nothing() -> None:
    assert small_cnn().predict(images(0)).shape == (0, 4)


NETWORKS: dict[str, list[nn.Layer]] = {  # one of each kind of stage
    "few channels": [nn.Conv2D(1, 3, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2)],
    "many channels": [nn.Conv2D(1, 40, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2)],
    "dense": [nn.Flatten(), nn.Dense(64, 5, rng=0), nn.ReLU(), nn.Dropout(0.5, rng=0)],
    "contrast": [nn.ContrastNormalization(), nn.Flatten(), nn.Dense(64, 5, rng=0)],
    "layer by layer": [nn.Conv2D(1, 3, 3, stride=2, rng=0), nn.MaxPool2D(2), nn.ReLU()],
}


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("rows", [2, 4, 9])  # fewer than the step's, as many, more
def test_predict_does_not_disturb_a_step_under_way(layers: list[nn.Layer], rows: int) -> None:
    x, other = images(4), 3 * images(rows)[::-1]
    gradients = []
    for disturbed in (False, True):
        model = copy.deepcopy(nn.Sequential(*layers))
        y = model.forward(x, training=True)
        if disturbed:
            model.predict(other)
        dx = model.backward(np.random.default_rng(2).random(y.shape, np.float32), input_gradient=True)
        gradients.append([dx, *(grad for layer in model.layers for grad in layer.grads.values())])
    for undisturbed, after_predict in zip(*gradients, strict=True):
        np.testing.assert_array_equal(undisturbed, after_predict)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), "got no layer, expected at least one"),
        ((nn.ReLU,), "got <class .*ReLU'>, expected layers"),
        (([nn.ReLU()],), r"got \[ReLU\(\)\], expected layers; pass them as Sequential\(\*layers\)"),
        (("Dense",), "got 'Dense', expected layers"),
    ],
)
def test_wrong_layers(layers: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"Sequential: {message}"):
        nn.Sequential(*layers)  # type: ignore[arg-type]


def test_one_layer_object_twice() -> None:
    layer = nn.ReLU()
    with pytest.raises(ValueError, match="one layer object twice"):
        nn.Sequential(layer, layer)


def test_backward_before_forward() -> None:
    with pytest.raises(RuntimeError, match="call forward"):
        small_cnn().backward(np.ones((3, 4), np.float32))


def test_wrong_batch_size() -> None:
    with pytest.raises(ValueError, match="predict: got batch_size=0, expected a whole number from 1 up"):
        small_cnn().predict(images(1), batch_size=0)


def test_a_layer_of_ones_own() -> None:
    class Scale(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.params["scale"] = np.full(1, 2.0, np.float32)

        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            if training:
                self.x = x
            return x * self.params["scale"]

        def backward(self, dy: np.ndarray) -> np.ndarray:
            self.grads["scale"] = np.sum(dy * self.take("x"), keepdims=True).reshape(1)
            return dy * self.params["scale"]

        def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
            return input_shape

    model = nn.Sequential(Scale(), nn.Dense(3, 2, rng=0))
    model.forward(np.ones((4, 3), np.float32), training=True)
    model.backward(np.ones((4, 2), np.float32))
    assert model.layers[0].grads["scale"].shape == (1,)
    assert max(nn.gradient_check(model, np.ones((2, 3))).values()) < 1e-7


def small_mlp(dtype: type = np.float32, outputs: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, outputs, bias=False, rng=1)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_copy_is_one_and_is_put_back_into_the_same_arrays(dtype: type) -> None:
    model = small_mlp(dtype)
    arrays = model.parameters()
    assert [w.shape for w in arrays] == [(3, 4), (4,), (4, 2)]
    kept = model.copy_parameters()
    expected = [w.tobytes() for w in arrays]
    for w in arrays:
        w += 1
    assert [w.tobytes() for w in kept] == expected
    model.put_back(kept)
    assert [w.tobytes() for w in arrays] == expected
    assert all(w is before for w, before in zip(model.parameters(), arrays, strict=True))
    assert all(w.dtype == dtype for w in kept)


def test_parameters_of_another_model_are_refused_before_any_is_written() -> None:
    model, other = small_mlp(), small_mlp(outputs=1)  # the last weights would fit by broadcasting, wrongly
    before = [w.copy() for w in model.parameters()]
    with pytest.raises(ValueError, match=r"got parameters of shapes .*\(4, 1\)\], expected .*\(4, 2\)\]; take those"):
        model.put_back(other.copy_parameters())
    with pytest.raises(ValueError, match="got parameters of shapes"):
        model.put_back(before[:2])
    for w, kept in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(w, kept)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_parameter_that_is_not_finite_is_found(value: float) -> None:
    model = small_mlp()
    model.check_finite()
    model.layers[2].params["weight"][1, 1] = value
    with pytest.raises(nn.NotFiniteError, match=r"Dense\(4, 2.*got weight with 1 of 8 values"):
        model.check_finite()


def gradients(model: nn.Sequential) -> list[np.ndarray]:
    return [grad.copy() for layer in model.layers for grad in layer.grads.values()]


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("fuse", [True, False])
def test_what_the_caller_does_with_y_dx_dy_and_grads_changes_nothing(layers: list[nn.Layer], fuse: bool) -> None:
    models = [nn.Sequential(*copy.deepcopy(layers), fuse=fuse) for _ in range(2)]
    x = images(4)
    for _ in range(2):
        results = []
        for model, overwrites in zip(models, (True, False), strict=True):
            predicted = model.forward(x)
            y = model.forward(x, training=True)
            dy = np.random.default_rng(2).random(y.shape, np.float32)
            assert not any(np.shares_memory(y, other) for other in (x, predicted))
            if overwrites:
                y[...], predicted[...] = np.nan, np.nan
            dx = model.backward(dy, input_gradient=True)
            assert dx is not None
            assert not any(np.shares_memory(dx, other) for other in (x, dy, y))
            results.append([dx.copy(), *gradients(model), model.predict(x)])
            if overwrites:
                dx[...], dy[...] = np.nan, np.nan
                for layer in model.layers:
                    for grad in layer.grads.values():
                        grad[...] = np.nan
        for changed, untouched in zip(*results, strict=True):
            np.testing.assert_array_equal(changed, untouched)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("layer", [nn.Flatten(), nn.Dropout(0.5), nn.ReLU()], ids=repr)
def test_a_network_of_one_layer_hands_out_a_copy(layer: nn.Layer, fuse: bool) -> None:
    model, x = nn.Sequential(layer, fuse=fuse), images(2)
    before = x.copy()
    model.forward(x)[...] = 5
    y = model.forward(x, training=True)
    dy = np.ones_like(y)
    dx = model.backward(dy, input_gradient=True)
    assert dx is not None
    y[...], dx[...] = 5, 5
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(dy, 1)


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("input_gradient", [True, False])
def test_a_gradient_that_is_not_finite(layers: list[nn.Layer], fuse: bool, value: float, input_gradient: bool) -> None:
    model = nn.Sequential(*copy.deepcopy(layers), fuse=fuse)
    dy = np.ones_like(model.forward(images(2), training=True))
    dy.flat[1] = value
    with pytest.raises(nn.NotFiniteError, match="got dy with 1 of .* values NaN or infinite") as raised:
        model.backward(dy, input_gradient)
    assert str(raised.value).startswith(repr(model.layers[-1]))


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("channels", [2, 40])
def test_numbers_that_overflow_on_the_way(fuse: bool, channels: int) -> None:
    model = nn.Sequential(
        nn.Conv2D(1, channels, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(9 * channels, 3, rng=0),
        fuse=fuse,
    )  # fmt: skip
    model.layers[0].params["weight"][:] = 1e30
    with pytest.raises(nn.NotFiniteError, match=rf"Conv2D\(1, {channels}, 3\): got y with"):
        model.forward(np.full((2, 8, 8, 1), 1e30, np.float32))
    # To -infinity, which ReLU turns into 0: nothing to report.
    y = model.forward(np.full((2, 8, 8, 1), -1e30, np.float32), training=True)
    np.testing.assert_array_equal(y, 0)
    model.backward(np.ones_like(y))
    assert all(np.isfinite(grad).all() for grad in gradients(model))


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("place", range(4))
def test_nan_on_the_way_is_never_turned_into_a_number(fuse: bool, place: int) -> None:
    class Spoil(nn.Layer):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            y = x.copy()
            y[0, 0, place, 0] = np.nan
            return y

    for rest in (
        [nn.MaxPool2D((1, 4))],
        [nn.ReLU(), nn.MaxPool2D(4)],
        [nn.Conv2D(1, 40, 1), nn.ReLU(), nn.MaxPool2D(2)],
    ):
        model = nn.Sequential(Spoil(), *rest, fuse=fuse)
        with pytest.raises(nn.NotFiniteError, match=r"Spoil\(\): got y with 1 of 128 values"):
            model.forward(images(2))


def test_astype_and_copies_keep_fuse() -> None:
    for fuse in (True, False):
        model = nn.Sequential(nn.Dense(3, 2, rng=0), nn.ReLU(), fuse=fuse)
        model.forward(np.ones((1, 3), np.float32))
        for other in (model.astype(np.float64), copy.copy(model), copy.deepcopy(model)):
            assert other.fuse is fuse
            assert len(other._runner.stages(other.layers)) == (1 if fuse else 2)


def test_predict_takes_256_rows_at_a_time_unless_told() -> None:
    class Counter(nn.ReLU):
        def __init__(self) -> None:
            super().__init__()
            self.rows: list[int] = []

        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            self.rows.append(len(x))
            return super().forward(x, training)

    model = nn.Sequential(counter := Counter())
    model.predict(np.zeros((600, 1), np.float32))
    assert counter.rows == [256, 256, 88]


def test_summary_of_a_given_shape_whatever_was_seen() -> None:
    model = nn.Sequential(nn.Conv2D(1, 2, 3, rng=0))
    before = model.summary((9, 8, 1))
    model.forward(np.zeros((1, 5, 5, 1), np.float32))
    assert model.summary((9, 8, 1)) == before != model.summary()


def test_a_summary_of_an_empty_shape_is_not_that_of_the_shape_seen() -> None:
    model = nn.Sequential(nn.Dense(3, 2, rng=0))
    model.forward(np.ones((1, 3), np.float32))
    assert model.summary([3]) == model.summary()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got x of shape \(1,\), expected \(N, 3\)"):
        model.summary(())


def test_random_networks_give_the_same_fused_and_layer_by_layer(capsys: pytest.CaptureFixture[str]) -> None:
    assert fused_networks.main(["--count", "90", "--seed", "1"]) == 0, capsys.readouterr().out
    last = capsys.readouterr().out.splitlines()[-1]
    assert int(last.split()[-1]) >= 40, last  # mostly the gradients could be compared


def test_a_network_that_differs_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    backward = nn.ReLU.backward
    monkeypatch.setattr(nn.ReLU, "backward", lambda self, dy: backward(self, dy) * dy.dtype.type(1.001))
    assert fused_networks.main(["--count", "8"]) == 1
    assert "--seed 0 --first 6 --count 1: ['dx', 'layer 0 dweight'" in capsys.readouterr().out


KEPT = {**NETWORKS, "new ones": [nn.Dense(6, 5, rng=0), nn.Tanh(), nn.Dense(5, 3, rng=1), nn.Sigmoid()]}


@pytest.mark.parametrize("layers", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_the_outputs_are_those_of_the_layers_and_the_callers_own(
    layers: list[nn.Layer], fuse: bool, training: bool
) -> None:
    model, twin = (copy.deepcopy(nn.Sequential(*layers, fuse=fuse)) for _ in range(2))
    x = np.random.default_rng(0).random((3, 6), np.float32) if isinstance(layers[0], nn.Dense) else images(3)
    expected, y = [], x
    for layer in copy.deepcopy(model).layers:
        y = layer.forward(y, training)
        expected.append(y.copy())
    assert model.outputs == []
    y = model.forward(x, training=training, keep=True)
    assert len(model.outputs) == len(model.layers)
    for output, wanted in zip(model.outputs, expected, strict=True):
        np.testing.assert_array_equal(output, wanted)
    np.testing.assert_array_equal(y, expected[-1])
    np.testing.assert_allclose(y, twin.forward(x, training=training), rtol=1e-5, atol=1e-6)
    for output in [*model.outputs, y]:
        output[...] = -7
    if training:
        dy = np.random.default_rng(2).random(y.shape, np.float32)
        dx, expected_dx = (each.backward(dy, input_gradient=True) for each in (model, twin))
        np.testing.assert_allclose(dx, expected_dx, rtol=1e-4, atol=1e-6)
        for layer, like in zip(model.layers, twin.layers, strict=True):
            assert layer.grads.keys() == like.grads.keys()
            for name, grad in layer.grads.items():
                np.testing.assert_allclose(grad, like.grads[name], rtol=1e-4, atol=1e-5)
        with pytest.raises(RuntimeError, match="call forward"):
            model.backward(dy)


@pytest.mark.parametrize("fuse", [True, False])
def test_passes_of_both_kinds_do_not_disturb_each_other(fuse: bool) -> None:
    model, x, dy = small_cnn(), images(3), np.ones((3, 4), np.float32)
    model.fuse = fuse
    model.forward(x, training=True)
    model.forward(2 * x, keep=True)
    outputs = model.outputs
    model.backward(dy)
    expected = model.layers[0].grads["weight"].copy()
    model.forward(x, training=True, keep=True)
    model.forward(2 * x)
    model.backward(dy)
    np.testing.assert_allclose(model.layers[0].grads["weight"], expected, rtol=1e-4, atol=1e-6)
    model.forward(x)
    assert model.outputs is not outputs
    np.testing.assert_array_equal(model.outputs[-1], model.forward(x, keep=True))


def test_a_copy_has_no_outputs() -> None:
    model = small_cnn()
    model.forward(images(1), keep=True)
    assert copy.deepcopy(model).outputs == model.astype(np.float64).outputs == []
    assert len(model.outputs) == 6


def test_outputs_show_where_numbers_overflow() -> None:
    layers = [nn.Dense(1, 1, weight_init="constant(1e30)", rng=0) for _ in range(2)]
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1])
    with pytest.raises(nn.NotFiniteError, match="Dense"):
        model.forward(np.full((1, 1), 1e5, np.float32), keep=True)
    assert [bool(np.isfinite(output).all()) for output in model.outputs] == [True, True, False]
    kept = model.outputs
    with pytest.raises(ValueError, match="got x of shape"):
        model.forward(np.ones((1, 2), np.float32), keep=True)
    assert model.outputs is kept


def frozen_below() -> nn.Sequential:
    layers = [nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, 4, rng=1), nn.Tanh(), nn.Dense(4, 2, rng=2)]
    return nn.Sequential(*layers)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_frozen_layers_below_the_first_that_learns_are_left_out_of_backward(fuse: bool, keep: bool) -> None:
    model, free, x = frozen_below(), frozen_below(), np.random.default_rng(0).random((5, 3), np.float32)
    model.fuse = free.fuse = fuse
    for step in range(2):  # in the second, gradients of the first are there
        model.layers[0].frozen = model.layers[2].frozen = step == 1
        for each in (model, free):
            y = each.forward(x, training=True, keep=keep)
            assert each.backward(np.ones_like(y)) is None
    assert model.layers[0].grads == model.layers[2].grads == {}
    for name, grad in free.layers[4].grads.items():
        np.testing.assert_array_equal(model.layers[4].grads[name], grad)
    y = model.forward(x, training=True, keep=keep)
    dx = model.backward(np.ones_like(y), input_gradient=True)
    assert dx is not None
    for layer, like in zip(model.layers, free.layers, strict=True):
        for name, grad in like.grads.items():
            np.testing.assert_array_equal(layer.grads[name], grad)


def test_a_frozen_layer_above_one_that_learns_passes_the_gradient_on() -> None:
    model, free, x = frozen_below(), frozen_below(), np.random.default_rng(0).random((5, 3), np.float32)
    model.layers[4].frozen = True
    for each in (model, free):
        each.backward(np.ones_like(each.forward(x, training=True)))
    np.testing.assert_array_equal(model.layers[0].grads["weight"], free.layers[0].grads["weight"])


def test_a_network_that_is_frozen_altogether() -> None:
    model = frozen_below()
    for layer in model.layers:
        layer.frozen = True
    y = model.forward(np.ones((1, 3), np.float32), training=True)
    assert model.backward(np.ones_like(y)) is None


def test_stages_are_not_timed_beside_another_threads_pass() -> None:
    model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.ReLU(), nn.Dense(3, 1, rng=1))
    model.forward(np.zeros((1, 2), np.float32))
    timing = threading.Thread(target=model.time_stages, args=(None,))
    with model._runner.lock:  # as a pass holds it
        timing.start()
        timing.join(0.2)
        assert timing.is_alive()
    timing.join(10)
    assert not timing.is_alive()
