"""Some entries of each gradient: how many, which, and those at kinks."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check.sampling import compare_some


def network() -> nn.Sequential:
    return nn.Sequential(nn.Dense(40, 30, rng=0), nn.ReLU(), nn.Dense(30, 3, rng=1))


X = np.random.default_rng(0).random((4, 40))


def test_so_many_entries_of_each_array_or_all_of_a_smaller_one() -> None:
    found = list(compare_some(network(), X, entries=5))
    assert [each.name for each in found] == ["x", *(f"layer {i} {name}" for i in (0, 2) for name in ("weight", "bias"))]
    assert [len(each.places) for each in found] == [5, 5, 5, 5, 3]
    assert all(each.verdict == "right" for each in found)
    for each in found:
        assert len(set(each.places.tolist())) == len(each.places)


def test_the_seed_decides_which() -> None:
    first, again, other = (
        [each.places.tolist() for each in compare_some(network(), X, entries=5, seed=seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_large_gradients_are_among_them_and_others_too() -> None:
    _, weight, *_ = compare_some(network(), X, entries=20, seed=3)
    written = nn.Sequential(*network().astype(np.float64).layers)
    rng = np.random.default_rng(3)
    written.forward(X, training=True)
    written.backward(rng.standard_normal((4, 3)))
    sizes = np.abs(written.layers[0].grads["weight"]).ravel()
    tenth = np.sort(sizes)[-120]
    large = (sizes[weight.places] >= tenth).sum()
    assert 10 <= large < 20


@pytest.mark.parametrize("place", [0, 2])
def test_a_wrong_layer_is_found(place: int) -> None:
    class Doubled(nn.Dense):
        def backward_parameters(self, dy: np.ndarray) -> None:
            super().backward_parameters(dy)
            self.grads["weight"] = 1.001 * self.grads["weight"]

    layers = network().layers
    layers[place] = Doubled(layers[place].n_in, layers[place].n_out, rng=0)  # type: ignore[attr-defined]
    target = np.random.default_rng(1).random((4, 3))
    found = list(compare_some(nn.Sequential(*layers), X, entries=6, loss=nn.MSELoss(), target=target))
    assert [each.name for each in found if each.verdict == "wrong"] == [f"layer {place} weight"]


def test_entries_at_kinks_are_left_out_and_counted() -> None:
    x = np.array([[0.0, 1.0, -1.0, 0.0, 2.0, -3.0]])
    found, *_ = compare_some(nn.Sequential(nn.ReLU()), x, entries=6)
    assert (len(found.places), found.kinks) == (4, 2)
    assert found.verdict == "right"
    (nothing,) = compare_some(nn.Sequential(nn.ReLU()), np.zeros((1, 6)), entries=6)
    assert (len(nothing.places), nothing.kinks, nothing.verdict) == (0, 6, "kinks")
