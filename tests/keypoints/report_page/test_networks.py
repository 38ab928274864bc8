"""The networks of a run on its page."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.report_page.networks import filters, first_network, networks
from tests.keypoints.report_page.made_runs import cascade, network
from tests.pages.parsed_page import ParsedPage


def test_layers_and_the_networks_behind_the_first() -> None:
    page = ParsedPage(networks(cascade()))
    assert page.problems == []
    for part in ("Conv2D(1, 4, 5)", "Dense(64, 2)", "nose 2 1 20 px 8 130 1"):
        assert part in page.text, part
    assert "mirror image" in networks(SingleNetwork(network(), both_ways=True))
    assert first_network(cascade()) is not None


def test_filters_of_a_convolution_and_of_whole_pictures() -> None:
    model = network()
    weight = model.layers[0].params["weight"]
    weight[..., 2] *= 10
    weight[0, 0, 0, 0] = np.nan
    page = ParsedPage(filters(model))
    assert page.problems == []
    assert page.attributes("alt")[0] == "Weights of unit 2"
    assert len(page.attributes("alt")) == 4

    wide = nn.Sequential(nn.Flatten(), nn.Dense(9216, 40, rng=0))
    page = ParsedPage(filters(wide))
    assert "The 12 with the largest weights" in page.text
    assert len(page.attributes("alt")) == 12
    assert len(filters(wide)) < 500_000


def test_a_network_without_filters_or_pictures() -> None:
    assert "No layer has filters" in filters(nn.Sequential(nn.ReLU()))
    assert "do not look at a picture" in filters(nn.Sequential(nn.MaxPool2D(2), nn.Flatten(), nn.Dense(5, 3, rng=0)))
