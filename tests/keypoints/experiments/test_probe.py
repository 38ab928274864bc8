"""A probe measures what is there, and disturbs nothing."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.experiments import running
from nnscratch.keypoints.experiments.ablation import settings
from nnscratch.keypoints.experiments.settings import Split

EXPERIMENTS = settings.experiments(epochs=2, race_epochs=3)


@pytest.fixture(scope="module")
def split() -> Split:
    return Split.of(draw_faces(40, seed=0, missing=False), "drawn")


def test_l2_is_in_adams_gradient_and_centring_in_its_input(split: Split) -> None:
    """Under Adam, a decay of 1e6 is all that a weight sees: each step goes against the weight's
    sign, by lr.
    """
    first = EXPERIMENTS["alone", "+ Adam"].changed(epochs=1, probe_epochs=(1,), weight_decay=1e6)
    fresh = first.make(0).layers[0].params["weight"]
    shrunk = running.run(first, split, seed=0)["probes"][1]["layers"]["0 Conv2D"]["weight"]
    expected = np.sqrt(np.mean((fresh - 0.002 * np.sign(fresh)) ** 2))  # one batch of 32: one step
    assert shrunk == pytest.approx(expected, rel=1e-4)
    centred = EXPERIMENTS["alone", "+ input centred"].changed(epochs=1, probe_epochs=())
    plain = EXPERIMENTS["alone", "the report's CNN"].changed(epochs=1, probe_epochs=())
    assert running.run(centred, split, seed=0)["rmse_px"] != running.run(plain, split, seed=0)["rmse_px"]


def test_a_probe_does_not_disturb_the_training(split: Split) -> None:
    failing = EXPERIMENTS["alone", "the report's CNN"]
    watched, unwatched = (running.run(failing.changed(probe_epochs=epochs), split, seed=0) for epochs in ((1, 2), ()))
    assert watched["history"] == unwatched["history"]
    assert list(watched["probes"]) == [0, 1, 2]
    assert "probes" not in unwatched
    start = watched["probes"][0]
    hidden = start["layers"]["13 Dense"]
    assert hidden["active"] > 0.99  # a bias of 1 keeps every unit on
    assert hidden["constant"] > 0.9
    assert start["noise_px"] > 10
    for layer in start["layers"].values():
        assert layer["decay_gradient"] == pytest.approx(0.001 * layer["weight"])
        assert layer["gradient"] > 0
