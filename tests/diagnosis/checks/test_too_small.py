"""Bottlenecks, and maps that are pooled to a single value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.checks.too_small import components, copies_its_input
from tests.diagnosis.small_networks import Rows, adam, asked, case_of, dense, first, table


@pytest.mark.parametrize(("units", "activation"), [((1, 2), nn.ReLU), ((24, 1, 24, 2), nn.Tanh)])
def test_a_bottleneck_of_one_unit(units: tuple[int, ...], activation: Any) -> None:
    model = dense(*units, activation=activation)
    assert nn.diagnose(model, *table(), optimizer=adam(model)).codes == []  # fresh: it may suffice
    diagnosis = asked(model, table(), 80, adam(model, lr=0.01), try_remedies=True)
    finding = first(diagnosis, "too_small")
    assert finding.evidence["units"] == 1
    assert diagnosis.trials[0].brings


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_a_narrow_layer_that_suffices(activation: Any) -> None:
    x, _ = table()
    y = np.abs(x[:, :1] + x[:, 1:2]) if activation is nn.ReLU else np.tanh(x[:, :1] + x[:, 1:2])
    model = dense(16, 3, 1, activation=activation)
    assert asked(model, (x, y.astype(np.float32)), 60, adam(model, lr=0.01)).codes == []


def test_an_autoencoder_is_there_to_leave_something_out() -> None:
    """Noise in each of eight columns, which a rule copies and three units do not."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 8)) + 0.5 * rng.standard_normal((300, 8))
    x = (x / x.std(axis=0)).astype(np.float32)
    assert copies_its_input(case_of(dense_of(8, 3), (x, x)))
    assert not copies_its_input(case_of(dense_of(8, 3), (x, np.roll(x, 1, axis=0))))
    assert asked(dense_of(8, 3), (x, x), 60, None).codes == []
    assert first(asked(dense_of(8, 1), (x, x), 60, None), "too_small").evidence["units"] == 1


def dense_of(columns: int, code: int) -> Any:
    return nn.Sequential(
        nn.Dense(columns, 24, rng=0), nn.Tanh(), nn.Dense(24, code, rng=1), nn.Dense(code, 24, rng=2), nn.Tanh(),
        nn.Dense(24, columns, rng=3),
    )  # fmt: skip


def test_components_are_those_of_nine_tenths() -> None:
    x = np.random.default_rng(0).standard_normal((500, 3))
    assert components(x) == 3
    assert components(x[:, [0, 0, 0, 1]] + 1e-3) == 2
    assert components(np.ones((10, 2))) == 0


def blobs(place: bool) -> Rows:
    """The place of a blob, or how large it is."""
    rng = np.random.default_rng(0)
    centre, size = rng.uniform(4, 12, (300, 2)), rng.uniform(1, 3, 300) if not place else np.full(300, 1.5)
    at = np.arange(16)
    rows, columns = at[None, :, None] - centre[:, 0, None, None], at[None, None, :] - centre[:, 1, None, None]
    x = np.exp(-(rows**2 + columns**2) / (2 * size[:, None, None] ** 2))[..., np.newaxis].astype(np.float32)
    y = (centre - 8) / 2.3 if place else size[:, np.newaxis] - 2
    return x, y.astype(np.float32)


def pooled(pool: nn.Layer, outputs: int) -> Any:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2D(1, 6, 5, padding=2, rng=rng), nn.ReLU(), pool, nn.Flatten(), nn.Dense(6, 16, rng=rng), nn.ReLU(),
        nn.Dense(16, outputs, rng=rng),
    )  # fmt: skip


@pytest.mark.parametrize("kind", [nn.MaxPool2D, pytest.param(nn.AveragePool2D, marks=pytest.mark.nightly)])
def test_the_place_of_a_blob_is_pooled_away(kind: Any) -> None:
    diagnosis = asked(pooled(kind(16), 2), blobs(place=True), 25, try_remedies=True)
    finding = first(diagnosis, "pooled_away")
    assert finding.evidence["places"] == 1
    assert diagnosis.trials[0].brings


def test_its_size_is_not() -> None:
    for epochs in (1, 25):
        assert asked(pooled(nn.AveragePool2D(16), 1), blobs(place=False), epochs).codes == []
