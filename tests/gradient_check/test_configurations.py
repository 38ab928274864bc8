"""Every layer and loss of the library has configurations, and every gradient of each is right."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import layers, losses
from nnscratch.gradient_check import configurations
from nnscratch.gradient_check.configurations import CONFIGURATIONS, Configuration, configurations_of, distinct_numbers


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda each: each.title)
def test_every_gradient_is_right(configuration: Configuration) -> None:
    comparisons = configuration.compare()
    assert comparisons
    for each in comparisons:
        assert each.right, (each.name, each.worst)
        assert len(each.places) == np.prod(each.shape)
    if configuration.names & {"Dense", "Conv2D"}:
        names = [each.name.rpartition(" ")[2] for each in comparisons]
        assert "weight" in names
        assert ("bias" in names) == ("bias=False" not in configuration.title)


def public_classes() -> set[str]:
    """The names of all layers and losses that the library exports."""
    found = {name for name in layers.__all__ if issubclass(getattr(layers, name), nn.Layer)} - {"Layer"}
    for module in (nn, losses):
        for name, value in inspect.getmembers(module, inspect.isclass):
            if value.__module__.startswith("nnscratch.losses") and hasattr(value, "backward") and name != "Loss":
                found.add(name)
    return found


def test_every_public_layer_and_loss_has_a_configuration() -> None:
    assert {"Dense", "MSELoss"} <= public_classes()
    assert public_classes() == set(configurations.known_names())


def test_what_the_list_contains() -> None:
    titles = [each.title for each in CONFIGURATIONS]
    assert len(set(titles)) == len(titles)
    for part in ("stride=", "padding=", "bias=False", "fused", "x (1, ", "MaxPool2D(3, stride=2)", "(2, 4)"):
        assert any(part in title for title in titles), part


@pytest.mark.parametrize("name", ["Conv2D", "conv2d", "CONV2D", "mseloss"])
def test_names_are_found_whatever_their_capitals(name: str) -> None:
    found = configurations_of(name)
    assert found
    assert all(name.lower() in each.title.lower() for each in found)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="^gradcheck: got the layer 'conv3d', expected one of Dense, Conv2D, .*MSELoss"
    ):
        configurations_of("conv3d")
    with pytest.raises(ValueError, match="got the layer ''"):
        configurations_of("")


def test_a_wrong_layer_is_wrong_in_each_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.ReLU, "backward", lambda self, dy: 1.001 * dy * self.take("positive"))
    for configuration in configurations_of("ReLU"):
        if "fused" not in configuration.title:
            assert not all(each.right for each in configuration.compare()), configuration.title


def test_distinct_numbers_are_distinct_and_not_zero() -> None:
    values = np.sort(np.abs(distinct_numbers((3, 5, 2))).ravel())
    assert values[0] > 0.05
    assert np.diff(np.sort(distinct_numbers((3, 5, 2)).ravel())).min() > 0.1
