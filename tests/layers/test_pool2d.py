"""What both poolings take from their base; the tests of each say what they make of it."""

from __future__ import annotations

import pytest

import nnscratch as nn
from nnscratch.layers.pool2d import Pool2D


@pytest.mark.parametrize("kind", [nn.MaxPool2D, nn.AveragePool2D])
def test_sizes_are_pairs_and_shown_as_given(kind: type[Pool2D]) -> None:
    layer = kind(3, (2, 1))
    assert (layer.pool_size, layer.stride, layer.window) == ((3, 3), (2, 1), (3, 2))
    assert repr(layer) == f"{kind.__name__}(3, stride=(2, 1))"
    assert kind(2).config() == kind(2, 2).config() == {"pool_size": 2, "stride": None}


@pytest.mark.parametrize("kind", [nn.MaxPool2D, nn.AveragePool2D])
def test_a_message_names_the_class(kind: type[Pool2D]) -> None:
    with pytest.raises(ValueError, match=f"^{kind.__name__}: got stride=0, expected a whole number from 1 up"):
        kind(2, 0)
    with pytest.raises(ValueError, match=rf"^{kind.__name__}\(4\): got images of \(3, 9, 2\)"):
        kind(4).output_shape((3, 9, 2))
