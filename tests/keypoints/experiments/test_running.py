"""Results are kept, found again, and are the same for the same seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import generate_faces
from nnscratch.keypoints.experiments import running
from nnscratch.keypoints.experiments.settings import Experiment, Split

Tiny = Callable[..., Experiment]


@pytest.mark.parametrize("name", ["mean_face", "eyes", "f1_figure", "sun", "map_squares", "map_softmax", "cascade"])
def test_every_kind_runs_and_is_found_again(name: str, split: Split, tmp_path: Path, tiny: Tiny) -> None:
    experiment = tiny(name)
    assert running.load(experiment, split, tmp_path, seed=0) is None
    running.run_and_keep(experiment, split, tmp_path, seed=0)
    result = running.load(experiment, split, tmp_path, seed=0)
    assert result is not None
    assert result["ratio"] == pytest.approx(result["rmse_px"] / result["mean_face_rmse_px"])
    assert result["spread_px"] >= 0
    if experiment.network:
        assert len(result["history"]["rmse_px"]) == 1
        assert all(0 <= share <= 1 for shares in (result["active"], result["alive"]) for share in shares.values())
    assert (running.expected_seconds(experiment, split) > 0) == (experiment.network is not None)


def test_a_result_of_other_settings_is_another_result(split: Split, tmp_path: Path, tiny: Tiny) -> None:
    experiment = tiny("mean_face")
    running.run_and_keep(experiment, split, tmp_path, seed=0)
    assert running.load(experiment, split, tmp_path, seed=1) is None
    assert running.load(replace(experiment, epochs=2), split, tmp_path, seed=0) is None
    other = Split.of(generate_faces(60, seed=1), "drawn")
    assert running.load(experiment, other, tmp_path, seed=0) is None
    (tmp_path / "mean_face.json").write_text("{")
    assert running.load(experiment, split, tmp_path, seed=0) is None


def test_the_same_seed_gives_the_same_result(split: Split, tiny: Tiny) -> None:
    results = [running.run(tiny("f1"), split, seed=seed) for seed in (0, 0, 1)]
    assert results[0]["rmse_px"] == results[1]["rmse_px"] != results[2]["rmse_px"]


def test_a_training_that_diverges_ends_and_says_so(split: Split, tmp_path: Path, tiny: Tiny) -> None:
    experiment = tiny("f1_figure", lr=1e30, epochs=5)
    running.run_and_keep(experiment, split, tmp_path, seed=0)
    result = running.load(experiment, split, tmp_path, seed=0)
    assert result is not None
    assert result["outcome"] == "DIVERGED"
    assert "diverged in epoch" in result["stopped"]
    assert np.isfinite(result["rmse_px"])  # as it was before
    assert len(result["history"]["epoch"]) < 5
    json.loads((tmp_path / "f1_figure.json").read_text(), parse_constant=pytest.fail)  # no NaN in it
