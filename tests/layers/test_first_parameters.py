from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.checks import random_streams


def layers() -> list[nn.Layer]:
    """Without a seed of their own."""
    return [nn.Conv2D(1, 2, 3), nn.Conv2D(2, 2, 3), nn.Flatten(), nn.Dropout(0.5), nn.Dense(8, 8), nn.Dense(8, 8)]


def bits(model: nn.Sequential) -> list[bytes]:
    return [w.tobytes() for w in model.parameters()]


X = np.random.default_rng(0).random((3, 6, 6, 1), np.float32)


@pytest.mark.parametrize("seed", [0, 7, np.int64(3)])
def test_two_networks_of_one_seed_are_equal_to_the_bit(seed: int) -> None:
    first, second = (nn.Sequential(*layers(), rng=seed) for _ in range(2))
    assert bits(first) == bits(second)
    np.testing.assert_array_equal(first.forward(X, training=True), second.forward(X, training=True))  # masks too
    assert bits(nn.Sequential(*layers(), rng=seed + 1)) != bits(first)
    assert bits(nn.Sequential(*layers(), rng=np.random.default_rng(seed))) == bits(first)


def test_equal_layers_begin_different() -> None:
    model = nn.Sequential(*layers(), rng=0)
    assert not np.array_equal(model[4].params["weight"], model[5].params["weight"])
    masked = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5), rng=0)
    ones = np.ones((4, 8), np.float32)
    assert not np.array_equal(masked[0].forward(ones, training=True), masked[1].forward(ones, training=True))


def test_layers_behind_change_none_before() -> None:
    short = nn.Sequential(*layers(), rng=0)
    long = nn.Sequential(*layers(), nn.ReLU(), nn.Dense(8, 3), rng=0)
    assert bits(long)[: len(bits(short))] == bits(short)


def test_one_generator_for_two_networks_gives_other_weights() -> None:
    rng = np.random.default_rng(0)
    assert bits(nn.Sequential(*layers(), rng=rng)) != bits(nn.Sequential(*layers(), rng=rng))


def test_a_layer_with_a_seed_keeps_it() -> None:
    own = [nn.Dense(4, 4, rng=5), nn.Dropout(0.5, rng=5), nn.Conv2D(1, 2, 3, rng=np.random.default_rng(5))]
    before = copy.deepcopy(own)
    for layer in own:
        nn.Sequential(layer, rng=0)
    for layer, like in zip(own, before, strict=True):
        for name, w in like.params.items():
            np.testing.assert_array_equal(layer.params[name], w)
    ones = np.ones((4, 8), np.float32)
    np.testing.assert_array_equal(own[1].forward(ones, training=True), before[1].forward(ones, training=True))


def test_a_layer_that_a_network_seeded_keeps_that() -> None:
    model = nn.Sequential(*layers(), rng=0)
    before = bits(model)
    assert bits(nn.Sequential(*model, rng=1)) == before


def test_weights_that_were_trained_loaded_or_set_stay(tmp_path: Path) -> None:
    trained = nn.Sequential(nn.Dense(3, 4), nn.Dense(4, 4))
    y = trained.forward(np.ones((2, 3), np.float32), training=True)
    trained.backward(np.ones_like(y))
    nn.SGD(trained, lr=0.1).step()
    nn.save(nn.Sequential(nn.Dense(3, 4)), tmp_path / "model.npz")
    loaded = nn.load(tmp_path / "model.npz")
    by_hand = nn.Sequential(nn.Dense(3, 4))
    by_hand[0].params["bias"][1] = 1
    taken = nn.Sequential(nn.Dense(3, 4))
    nn.load_state_dict(taken, nn.state_dict(loaded))
    for model in (trained, loaded, by_hand, taken):
        before = bits(model)
        new = nn.Dense(4, 2)
        random = new.params["weight"].copy()
        assert bits(nn.Sequential(*model, new, rng=0))[: len(before)] == before
        assert not np.array_equal(new.params["weight"], random)


def test_copies_of_a_layer_without_a_seed_are_drawn_anew_in_place() -> None:
    layer = nn.Dense(3, 2, weight_init="he_normal", bias_init="normal(0.1)")
    weight = layer.params["weight"]
    expected = nn.Sequential(nn.Dense(3, 2, weight_init="he_normal", bias_init="normal(0.1)"), rng=0)
    for each in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer.astype(np.float64), layer):
        nn.Sequential(each, rng=0)
        for name, w in expected[0].params.items():
            np.testing.assert_array_equal(each.params[name], w)
    assert layer.params["weight"] is weight
    assert layer.astype(np.float64).params["weight"].dtype == np.float64


def test_without_a_bias_and_in_float64() -> None:
    first, second = (nn.Sequential(nn.Dense(3, 2, bias=False, dtype=np.float64), rng=0) for _ in range(2))
    assert bits(first) == bits(second)
    assert first[0].params["weight"].dtype == np.float64
    assert not np.array_equal(first[0].params["weight"], first[0].params["weight"].astype(np.float32))


def test_what_the_network_keeps_of_it() -> None:
    model = nn.Sequential(*layers(), rng=0)
    assert "rng" not in repr(model)
    x = X.astype(np.float64)
    np.testing.assert_array_equal(model.astype(np.float64)(x), copy.deepcopy(model).astype(np.float64)(x))
    assert bits(copy.deepcopy(model)) == bits(pickle.loads(pickle.dumps(model))) == bits(model)
    first, second = copy.deepcopy(model), copy.deepcopy(model)  # masks go on from where they were
    np.testing.assert_array_equal(first.forward(X, training=True), second.forward(X, training=True))


class Noise(nn.Layer):
    """A layer of somebody's own, which draws."""

    def __init__(self) -> None:
        super().__init__()
        self.first = 0.0

    def draw_anew(self, rng: np.random.Generator) -> None:
        self.first = rng.random()


def test_a_layer_of_ones_own_may_follow_the_seed() -> None:
    first, second = Noise(), Noise()
    nn.Sequential(first, second, rng=0)
    assert first.first == random_streams("", 0, 1)[0].random() != second.first


@pytest.mark.parametrize("rng", [-1, 1.5, "0", True, np.False_, [1, -2], object()])
def test_no_seed(rng: object) -> None:
    message = "got rng=.*, expected a seed, a whole number from 0 up, or a NumPy Generator; write rng=0"
    for make in (lambda: nn.Sequential(nn.Dense(2, 2), rng=rng), lambda: nn.Dropout(0.5, rng=rng)):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=message):
            make()
    for make in (lambda: nn.Dense(2, 2, rng=rng), lambda: nn.Conv2D(1, 1, 1, rng=rng)):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=message):
            make()


class _Fixed(np.random.bit_generator.ISeedSequence):
    """A seed that cannot be split."""

    def generate_state(self, n_words: int, dtype: type = np.uint32) -> np.ndarray:
        return np.ones(n_words, dtype)


def test_a_generator_that_cannot_be_split() -> None:
    rng = np.random.Generator(np.random.PCG64(_Fixed()))
    with pytest.raises(ValueError, match="Sequential: got rng=.*, expected a Generator that can spawn others; pass"):
        nn.Sequential(nn.Dense(2, 2), rng=rng)
