"""What a layer and the network around it tell each other."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers.networks import attribute_changes, inside_network


def test_inside_a_network_a_layer_leaves_nan_to_it() -> None:
    x = np.array([[np.nan, 1.0]])
    with inside_network, inside_network:
        assert np.isnan(nn.ReLU().forward(x)[0, 0])
    with pytest.raises(nn.NotFiniteError, match="got x with 1 of 2"):
        nn.ReLU().forward(x)


def test_another_thread_is_not_inside() -> None:
    depths = []
    with inside_network:
        thread = threading.Thread(target=lambda: depths.append(inside_network.depth))
        thread.start()
        thread.join()
        assert (depths, inside_network.depth) == ([0], 1)


def test_each_attribute_that_is_set_counts() -> None:
    layer = nn.Dense(3, 2)
    before = attribute_changes.latest
    layer.forward(np.ones((1, 3), np.float32))
    layer.n_out = 2
    assert attribute_changes.latest != before
