"""Operations and bytes, counted by hand for small networks; and what bounds a time."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.profiling.cost import Count, bound, count_stages, count_update
from nnscratch.profiling.roof import Roof
from nnscratch.stages import Single, plan

CONV = 2 * (3 * 4 * 4 * 2) * (3 * 3 * 1)  # 3 images, 4 x 4 windows, 2 channels, 9 taps
DENSE = 2 * 3 * 8 * 5


def network() -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Conv2D(1, 2, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(8, 5, rng=rng))


def test_stages_by_hand() -> None:
    conv, dense = count_stages(plan(network().layers), (3, 6, 6, 1), itemsize=4)
    x, conv_weights, between, dense_weights, y = 4 * 3 * 36, 4 * (18 + 2), 4 * 3 * 8, 4 * (40 + 5), 4 * 3 * 5
    assert conv.forward == (CONV, x + conv_weights + between)
    assert conv.backward == (CONV, between + x + conv_weights)  # nobody wants the gradient of the images
    assert conv.input_gradient is False
    assert dense.x_shape == (3, 2, 2, 2)
    assert dense.forward == (DENSE, between + dense_weights + y)
    assert dense.backward == (2 * DENSE, y + between + dense_weights + dense_weights + between)
    assert dense.input_gradient is True


def test_layer_by_layer_the_operations_are_the_same_and_more_moves() -> None:
    layers = network().layers
    fused, single = (
        count_stages(stages, (3, 6, 6, 1), itemsize=4) for stages in (plan(layers), [Single(x) for x in layers])
    )
    for work in ("forward", "backward"):
        counts = [[getattr(count, work) for count in counts] for counts in (fused, single)]
        assert sum(c.operations for c in counts[0]) == sum(c.operations for c in counts[1])
        assert sum(c.moved for c in counts[0]) < sum(c.moved for c in counts[1])


def test_before_the_first_parameters_nothing_goes_backward() -> None:
    counts = count_stages([Single(nn.ReLU()), Single(nn.Dense(4, 3, rng=0))], (2, 4), itemsize=8)
    assert counts[0].input_gradient is None
    assert counts[0].backward == Count(0, 0)
    assert counts[1].input_gradient is False


def test_below_the_first_layer_that_learns_nothing_goes_backward() -> None:
    model = network()
    model.layers[0].frozen = True
    conv, dense = count_stages(plan(model.layers), (3, 6, 6, 1), itemsize=4)
    assert conv.input_gradient is None
    assert conv.backward == Count(0, 0)
    assert dense.input_gradient is False
    assert dense.backward.operations == DENSE
    optimizer = nn.SGD(model, lr=0.1, momentum=0.9)
    learning, frozen = 40 + 5, 18 + 2
    assert optimizer.state()["means"][0].size == 18
    assert count_update(optimizer) == (
        0,
        4 * learning * 3 + 2 * 4 * (learning + frozen) * learning // (learning + frozen),
    )


@pytest.mark.parametrize(("optimizer", "means"), [(nn.SGD, 1), (nn.Adam, 2)])
def test_an_update_moves_parameters_gradients_and_means(optimizer: type, means: int) -> None:
    model = network()
    numbers = sum(w.size for w in model.parameters())
    assert count_update(optimizer(model, lr=0.1)) == (0, 4 * numbers * (3 + 2 * means))


@pytest.mark.parametrize(
    ("count", "share", "what"),
    [
        (Count(10**8, 10**6), 1.0, "compute"),
        (Count(10**7, 5 * 10**6), 0.5, "memory"),
        (Count(2 * 10**7, 2 * 10**6), 0.2, "compute"),  # both alike
        (Count(9 * 10**6, 0), 0.09, "overhead"),
        (Count(0, 0), 0.0, "overhead"),
        (Count(2 * 10**8, 0), 2.0, "compute"),  # fewer operations were done than are counted
    ],
)
def test_the_larger_of_the_two_least_times_bounds(count: Count, share: float, what: str) -> None:
    found, name = bound(count, 1.0, Roof(gflops=100, gigabytes_per_second=10, threads=1))
    assert found == pytest.approx(share)
    assert name == what


def test_an_update_moves_the_layers_of_its_optimizer() -> None:
    model = network()
    numbers = sum(w.size for w in model.layers[0].params.values())
    optimizer = nn.Adam(model, layers=[model.layers[0]])
    assert count_update(optimizer) == (0, 4 * numbers * (3 + 2 * 2))
