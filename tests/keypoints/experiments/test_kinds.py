"""Every kind of experiment runs, and is scored on what it was trained on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nnscratch.keypoints.experiments import running
from nnscratch.keypoints.experiments.kinds import RUN
from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Experiment, Split

Tiny = Callable[..., Experiment]


def test_every_experiment_has_a_kind() -> None:
    assert {experiment.kind for experiment in EXPERIMENTS} == set(RUN)


@pytest.mark.parametrize("changes", [{}, {"centred": True}])
def test_a_network_is_scored_on_what_it_was_trained_on(changes: dict[str, object], split: Split, tiny: Tiny) -> None:
    """Its result is its last epoch's, on the same pictures, prepared alike."""
    result = running.run(tiny("f1_cured", epochs=2, **changes), split, seed=0)
    for name in ("rmse_px", "spread_px"):
        assert result[name] == pytest.approx(result["history"][name][-1], rel=1e-4)
