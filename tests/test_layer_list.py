from __future__ import annotations

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
