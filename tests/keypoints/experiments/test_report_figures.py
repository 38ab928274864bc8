"""Figures can be drawn of whatever there is."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from nnscratch.keypoints.experiments import report_figures


def test_one_epoch_or_none_and_nothing_finite_can_be_drawn(tmp_path: Path, made_up: dict[str, Any]) -> None:
    results = copy.deepcopy({name: made_up[name] for name in ("mlp", "f1", "large")})
    results["mlp"]["history"] = {name: values[:1] for name, values in results["mlp"]["history"].items()}
    results["f1"]["history"] = {name: [] for name in results["f1"]["history"]}  # diverged in its first epoch
    results["large"]["history"]["rmse_px"] = [None, None]
    assert "curves.png" in report_figures.draw(results, tmp_path)
