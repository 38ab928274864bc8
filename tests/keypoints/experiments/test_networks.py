"""The networks of the report: their layers, their first weights, their shapes."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.experiments.networks import REPORT, report_level_2, sun_level_1, sun_level_2


def test_networks_of_the_report() -> None:
    early = REPORT["f1-early"](rng=0)
    assert 0.005 < early.layers[0].params["weight"].std() < 0.02
    assert np.abs(early.layers[0].params["bias"]).max() > 0.05
    dense = [layer for layer in REPORT["f1-figure"](rng=0).layers if isinstance(layer, nn.Dense)]
    assert [layer.n_in for layer in dense] == [144]
    cured = REPORT["f1-cured"](rng=0).layers
    assert all(not layer.params["bias"].any() for layer in cured if isinstance(layer, nn.Dense))
    for make, side, outputs in (
        (report_level_2, 50, 2),
        (sun_level_1, 39, 30),
        (sun_level_2, 15, 2),
    ):
        assert make(rng=0).predict(np.zeros((1, side, side, 1), np.float32)).shape == (1, outputs)
    with pytest.raises(ValueError, match="head='neck'"):
        networks.report_cnn(head="neck")
