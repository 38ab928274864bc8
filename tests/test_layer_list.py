from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn


def network(fuse: bool = True) -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Dense(3, 4, rng=rng), nn.ReLU(), nn.Dense(4, 4, rng=rng), nn.Tanh(), nn.Dense(4, 2, rng=rng), fuse=fuse
    )


X = np.random.default_rng(1).random((5, 3), np.float32)


def test_a_network_is_the_list_of_its_layers() -> None:
    model = network()
    assert len(model) == 5
    assert list(model) == model.layers
    assert list(reversed(model)) == model.layers[::-1]
    assert model.layers[1] in model
    assert nn.ReLU() not in model
    for i in range(-5, 5):
        assert model[i] is model[np.int64(i)] is model.layers[i]
    first, *_ = model
    assert first is model[0]
    assert nn.Sequential(*model).layers == model.layers


def test_the_list_follows_the_layers() -> None:
    model = network()
    model.layers.append(nn.Sigmoid())
    assert len(model) == 6
    assert isinstance(model[-1], nn.Sigmoid)
    model.layers = (nn.ReLU(), nn.Tanh())  # type: ignore[assignment]
    assert len(model[1:]) == 1


@pytest.mark.parametrize("fuse", [True, False])
def test_calling_a_network_is_forward_without_training(fuse: bool) -> None:
    model = nn.Sequential(*network(), nn.Dropout(0.5, rng=0), fuse=fuse)
    np.testing.assert_array_equal(model(X), model.forward(X))
    with pytest.raises(RuntimeError, match="call forward"):
        model.backward(np.ones((5, 2), np.float32))
    with pytest.raises(ValueError, match=r"got x of shape \(5, 2\), expected \(N, 3\)"):
        model(X[:, :2])


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("part", [slice(3), slice(1, 4), slice(-2, None), slice(None), slice(0, 99), slice(0, 3, 2)])
def test_a_slice_is_a_network_of_the_same_layers(fuse: bool, part: slice) -> None:
    model = network(fuse)
    some = model[part]
    assert type(some) is nn.Sequential
    assert some.layers == model.layers[part]
    assert some.fuse is fuse
    some.layers.pop()
    assert len(model) == 5


def test_a_slice_computes_with_the_same_parameters() -> None:
    model = network()
    body, head = model[:3], model[3:]
    np.testing.assert_allclose(head(body(X)), model(X), rtol=1e-6)
    optimizer = nn.SGD(body, lr=0.1)
    before = model.copy_parameters()
    y = body.forward(X, training=True)
    body.backward(np.ones_like(y))
    optimizer.step()
    moved = [not np.array_equal(w, old) for w, old in zip(model.parameters(), before, strict=True)]
    assert moved == [True] * 4 + [False] * 2
    np.testing.assert_allclose(head(body(X)), model(X), rtol=1e-6)


@pytest.mark.parametrize("index", [5, -6, 10**30, np.int64(7)])
def test_no_layer_at_that_place(index: int) -> None:
    with pytest.raises(IndexError, match=r"Sequential: got index -?\d+, expected -5 to 4; it has 5 layers"):
        network()[index]


@pytest.mark.parametrize(
    "index", ["0", 1.0, True, np.True_, None, (0, 1), [0], np.float32(1), slice("a", 2), slice(0.0, 2), slice(True)]
)
def test_no_place(index: object) -> None:
    with pytest.raises(TypeError, match="Sequential: got the index .*, expected a whole number or a slice"):
        network()[index]  # type: ignore[call-overload]


def test_a_slice_without_a_layer() -> None:
    with pytest.raises(ValueError, match=r"Sequential: got the slice 3:3, expected some of the 5 layers"):
        network()[3:3]
    with pytest.raises(ValueError, match="slice step cannot be zero"):
        network()[::0]


def test_a_network_of_ones_own_class_gives_plain_ones() -> None:
    class Own(nn.Sequential):
        def __init__(self, units: int) -> None:
            super().__init__(nn.Dense(3, units, rng=0), nn.ReLU(), fuse=False)

    assert type(Own(2)[:1]) is nn.Sequential
    assert Own(2)[1:].fuse is False


# Copies and files: what goes along, and what does not


def tied(fuse: bool = True) -> nn.Sequential:
    """A network whose two layers have one weight."""
    model = nn.Sequential(nn.Dense(3, 3), nn.Tanh(), nn.Dense(3, 3), nn.Dropout(0.5), rng=0, fuse=fuse)
    model[2].params["weight"] = model[0].params["weight"]
    return model


def saved_and_loaded(model: nn.Sequential) -> nn.Sequential:
    with tempfile.TemporaryDirectory() as folder:
        nn.save(model, Path(folder) / "model.npz")
        return nn.load(Path(folder) / "model.npz")


COPIES: dict[str, Callable[[nn.Sequential], nn.Sequential]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "float32": lambda model: model.astype(np.float32),
    "float64": lambda model: model.astype(np.float64),
    "file": saved_and_loaded,
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("fuse", [True, False])
def test_a_copy_has_fuse_and_an_array_of_two_layers_is_one_in_it(
    copied: Callable[[nn.Sequential], nn.Sequential], fuse: bool
) -> None:
    model = tied(fuse)
    other = copied(model)
    assert other.fuse is fuse
    assert other[0].params["weight"] is other[2].params["weight"]
    assert other[0].params["bias"] is not other[2].params["bias"]
    assert not np.shares_memory(other[0].params["weight"], model[0].params["weight"])
    x = np.random.default_rng(0).random((4, 3)).astype(other.parameters()[0].dtype)
    before = other(x)
    np.testing.assert_allclose(before, model(x.astype(np.float32)), rtol=1e-5)
    for _ in range(2):
        other.backward(other.forward(x, training=True))
        nn.SGD(other, lr=0.1).step()
    assert other[0].params["weight"] is other[2].params["weight"]
    assert not np.allclose(other(x), before)


def test_a_copy_of_the_network_alone_has_the_same_layers_in_a_list_of_its_own() -> None:
    model = tied(fuse=False)
    other = copy.copy(model)
    assert other.layers == model.layers
    assert other.fuse is False
    other.layers.pop()
    assert len(model) == 4


def test_sgd_adds_the_gradients_of_an_array_of_two_layers() -> None:
    model, apart = tied(), nn.Sequential(*copy.deepcopy([*tied()][:1]), *copy.deepcopy([*tied()][1:]))
    assert apart[0].params["weight"] is not apart[2].params["weight"]
    del model.layers[3], apart.layers[3]
    x = np.random.default_rng(0).random((4, 3), np.float32)
    for each in (model, apart):
        each.backward(each.forward(x, training=True))
    expected = model[0].params["weight"] - 0.1 * (apart[0].grads["weight"] + apart[2].grads["weight"])
    nn.SGD(model, lr=0.1).step()
    np.testing.assert_allclose(model[0].params["weight"], expected, rtol=1e-5)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_what_a_copy_leaves_behind(copied: Callable[[nn.Sequential], nn.Sequential]) -> None:
    model = tied()
    x = np.random.default_rng(0).random((4, 3), np.float32)
    model.forward(x, training=True, keep=True)
    other = copied(model)
    assert other.outputs == []
    with pytest.raises(RuntimeError, match="call forward"):  # the step stays with the original
        other.backward(np.ones((4, 3), other.parameters()[0].dtype))
    model.backward(np.ones((4, 3), np.float32))


@pytest.mark.parametrize("kind", ["deepcopy", "pickle", "float32"])
def test_masks_go_on_in_a_copy_as_in_the_original(kind: str) -> None:
    model = tied()
    x = np.random.default_rng(0).random((4, 3), np.float32)
    model.forward(x, training=True)
    other = COPIES[kind](model)
    for _ in range(2):
        np.testing.assert_array_equal(other.forward(x, training=True), model.forward(x, training=True))


class Counting(nn.Layer):
    """Keeps an array that is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = np.zeros(1)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.passes = self.passes + 1
        return x.copy()


def test_arrays_besides_the_parameters_are_in_copies_and_in_no_file(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Dense(3, 3, rng=0), Counting())
    model(np.ones((1, 3), np.float32))
    for kind in ("deepcopy", "pickle", "float64"):
        assert COPIES[kind](model)[1].passes == 1  # type: ignore[attr-defined]
    nn.save(model, tmp_path / "model.npz")
    assert nn.load(tmp_path / "model.npz", custom_layers={"Counting": Counting})[1].passes == 0  # type: ignore[attr-defined]


def test_a_network_of_ones_own_class_can_be_cast() -> None:
    class Own(nn.Sequential):
        def __init__(self, units: int) -> None:
            super().__init__(nn.Dense(3, units, rng=0), fuse=False)
            self.units = units

    other = Own(2).astype(np.float64)
    assert type(other) is Own
    assert (other.units, other.fuse, other[0].params["weight"].dtype) == (2, False, np.float64)
