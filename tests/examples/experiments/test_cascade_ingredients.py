"""cascade_ingredients.py: a table of what the parts of a trained level 2 bring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nnscratch.keypoints import networks
from nnscratch.keypoints.predictors import SingleNetwork


@pytest.mark.nightly
def test_a_table_of_what_level_2_is_made_of(run_here: Any, folder: Path, tmp_path: Path) -> None:
    """With everything it is what the training said."""
    data, out = ("--data", folder / "training.csv", "--held-out", 0.15), tmp_path / "run"
    run_here("train_cascade.py", "--recipe", "best", "--epochs", 1, "--level-2-epochs", 1, *data, "--out", out)
    done = run_here("experiments/cascade_ingredients.py", "--model", out, *data, "--json", tmp_path / "a.json")
    assert done.stderr == ""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    table = {name: float(number.removesuffix(" px")) for name, number in cells[2:]}
    assert len(table) == 8
    scores = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["validation_rmse_px"]
    assert scores == pytest.approx(table, abs=0.0006)
    metrics = json.loads((out / "metrics.json").read_text())
    assert table["everything"] == pytest.approx(metrics["rmse_px"], abs=0.0006)


def test_a_network_alone_is_refused(run_here: Any, folder: Path, tmp_path: Path) -> None:
    SingleNetwork(networks.report_mlp(rng=0)).save(tmp_path)
    given = "--model", tmp_path, "--data", folder / "training.csv"
    done = run_here("experiments/cascade_ingredients.py", *given, expect=2)
    assert "a network without a level 2" in done.stderr
    assert done.stderr.count("\n") == 1
