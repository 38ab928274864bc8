"""The page of predictions as a file: whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.scripts import predictions_report as module
from nnscratch.keypoints.scripts.predictions_report import write_predictions_page
from tests.keypoints.report_page.made_runs import ALL, network
from tests.pages.parsed_page import check_page

NAMES = "model", "test.zip", "points.csv"


def test_it_has_command_versions_and_the_models_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["predict.py", "--html", "a b.html"])
    (tmp_path / "metrics.json").write_text(json.dumps({"rmse_px": 1.0, "mean_face_rmse_px": 4.0, "ratio": 0.25}))
    predictor = SingleNetwork(network())
    points = predictor.predict_points(ALL.images)
    write_predictions_page(tmp_path / "page.html", tmp_path, predictor, ALL, points, NAMES)
    page = check_page((tmp_path / "page.html").read_text(encoding="utf-8"))
    for part in ("python predict.py --html 'a b.html'", f"numpy {np.__version__}", "75% less error", "points.csv"):
        assert part in page.text, part


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> str:
        raise MemoryError

    monkeypatch.setattr(module, "predictions_page", fail)
    with pytest.raises(MemoryError):
        write_predictions_page(tmp_path / "page.html", tmp_path, SingleNetwork(network()), ALL, ALL.points, NAMES)
    assert list(tmp_path.iterdir()) == []
