"""Active units of dense layers and of maps."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.activity import active_units, can_die, can_saturate, saturated_values, silent_share


def test_a_map_is_one_unit() -> None:
    h = np.zeros((3, 4, 4, 5))
    h[1, 2, 3, 0] = 0.1  # one position of one image is enough
    h[..., 4] = 7.0
    assert active_units(h).tolist() == [True, False, False, False, True]
    assert silent_share(h) == 3 / 5


def test_below_0_is_silent() -> None:
    assert silent_share(np.array([[-1.0, 0.0, 2.0, 0.0]])) == 3 / 4


@pytest.mark.parametrize(("layer", "edge"), [(nn.Sigmoid(), 5.98), (nn.Tanh(), 2.993)])
def test_saturated_where_the_slope_is_a_hundredth_of_the_largest(layer: nn.Layer, edge: float) -> None:
    x = np.array([[-100.0, -edge - 0.02, -edge + 0.02, 0.0], [edge - 0.02, edge + 0.02, 50.0, 1.0]])
    assert saturated_values(layer, layer.forward(x)) == 4


def test_which_layers_can_die_and_which_can_saturate() -> None:
    layers = [nn.ReLU(), nn.LeakyReLU(), nn.LeakyReLU(0), nn.Sigmoid(), nn.Tanh(), nn.Flatten()]
    assert [can_die(layer) for layer in layers] == [True, False, True, False, False, False]
    assert [can_saturate(layer) for layer in layers] == [False, False, False, True, True, False]
    assert not can_saturate(None)
