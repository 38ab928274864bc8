"""The report: every number of the results is in it, and the sentences say what the numbers do."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.experiments import report_figures, report_text
from nnscratch.keypoints.experiments.settings import EXPERIMENTS
from nnscratch.keypoints.faces import POINTS


def result(error: float, spread: float, share: float, **changes: Any) -> dict[str, Any]:
    return {
        "rmse_px": error,
        "mean_face_rmse_px": 4.0,
        "ratio": error / 4.0,
        "spread_px": spread,
        "per_point": dict.fromkeys(POINTS, error),
        "active": {"conv 1": 0.5, "dense 1": share},
        "alive": {"conv 1": 1.0, "dense 1": share},
        "history": {"epoch": [1, 2], "loss": [0.1, 0.02], "validation_loss": [0.1, 0.02], "rmse_px": [9.0, error]},
        "seconds": 3.0,
        "stopped": "all 2 epochs done",
        "parameters": 1234,
    } | changes


MAP = {
    "point": "nose_tip", "loss_of_zeros": 1.085e-4, "loss_of_shares": 1.084e-4, "loss_of_this": 1.0845e-4,
    "highest_value": 0.004, "map": np.linspace(0, 1, 9216).tolist(), "true": [40.0, 50.0], "found": [60.0, 61.0],
}  # fmt: skip
LEVELS = [{"rmse_px": error, "per_point": dict.fromkeys(POINTS, error)} for error in (4.56, 3.0, 2.5)]
RESULTS: dict[str, dict[str, Any]] = {e.name: result(4.13, 0.05, 0.011) for e in EXPERIMENTS} | {
    "mean_face": result(4.0, 0.0, 0.0, active={}, history={}),
    "eyes": result(1.9, 2.1, 0.0, active={}, history={}),
    "mlp": result(3.61, 3.05, 0.4),
    "f1_cured": result(2.22, 3.33, 0.44),
    "map_squares": result(9.99, 0.0, 0.3, extra=MAP),
    "map_softmax": result(1.77, 3.0, 0.3, extra=MAP),
    "cascade": result(3.0, 3.0, 0.3, extra={"levels": LEVELS[:2]}),
    "sun": result(2.5, 3.0, 0.3, extra={"levels": LEVELS}),
}


def test_the_report_has_every_number(tmp_path: Path) -> None:
    files = report_text.write(RESULTS, tmp_path, heading="Some faces.")
    text = (tmp_path / "report.md").read_text()
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    for file in files[1:]:
        assert f"({file})" in text
        assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")
    for experiment in EXPERIMENTS:
        line = next(line for line in text.splitlines() if line.startswith(f"| {experiment.title} |"))
        assert f" {RESULTS[experiment.name]['rmse_px']:.2f} |" in line
        assert report_text.reported(experiment) in line
    assert "6.14 at 100, 4.76 at 1,000, 3.96 at 3,000, 3.61 at 10,000" in text
    assert "| nose tip | 4.56 | 3.00 |" in text
    assert "| all | 4.56 | 3.00 | 2.50 |" in text
    for line in text.splitlines():  # every row of a table has its table's columns
        if line.startswith("|"):
            assert line.count("|") in {8, 10, 4, 5}


def test_the_sentences_follow_the_numbers() -> None:
    text = " ".join(report_text.findings(RESULTS))
    assert "the same answer whatever the picture" in text
    assert "1.1% of the values" in text
    healthy = RESULTS | {"f1": result(3.0, 2.0, 0.4)}
    assert "has not collapsed" in " ".join(report_text.findings(healthy))
    alone = {"mean_face": RESULTS["mean_face"]}
    assert report_text.findings(alone) == ["Too few experiments were run to say anything."]


def test_beside_the_report_stands_the_same_epoch() -> None:
    history = {"rmse_px": [9.0] * 99 + [4.56] + [1.0] * 10}
    (sentence,) = report_text._beside_the_report({"mlp": result(1.0, 1.0, 0.4, history=history), "f1": RESULTS["f1"]})
    assert sentence.endswith("at the same epoch: MLP 256-100, epoch 100: 4.56 px here, 6.14 there.")


@pytest.mark.parametrize("names", [["mean_face"], ["mlp"], ["eyes"], ["map_squares"], ["f1", "f1_cured"]])
def test_some_experiments_are_enough(names: list[str], tmp_path: Path) -> None:
    report_text.write({name: RESULTS[name] for name in names}, tmp_path, heading="")
    text = (tmp_path / "report.md").read_text()
    assert text.count("\n| --- |") == 2


def test_one_epoch_or_none_and_nothing_finite_can_be_drawn(tmp_path: Path) -> None:
    results = copy.deepcopy({name: RESULTS[name] for name in ("mlp", "f1", "large")})
    results["mlp"]["history"] = {name: values[:1] for name, values in results["mlp"]["history"].items()}
    results["f1"]["history"] = {name: [] for name in results["f1"]["history"]}  # diverged in its first epoch
    results["large"]["history"]["rmse_px"] = [None, None]
    assert "curves.png" in report_figures.draw(results, tmp_path)


def test_rows_for_the_terminal_fit_80_columns() -> None:
    for experiment in EXPERIMENTS:
        line = report_text.terminal_row(experiment, RESULTS[experiment.name])
        assert len(line) <= 80
        assert f"{RESULTS[experiment.name]['rmse_px']:.2f}" in line
    assert len(report_text.TERMINAL_HEADING) <= 80
