"""The report: every number of the results is in it, and the sentences say what the numbers do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnscratch.keypoints.experiments import report_text
from nnscratch.keypoints.experiments.settings import EXPERIMENTS

Make = Callable[..., dict[str, Any]]


def test_the_report_has_every_number(tmp_path: Path, made_up: dict[str, Any]) -> None:
    files = report_text.write(made_up, tmp_path, heading="Some faces.")
    text = (tmp_path / "report.md").read_text()
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    for file in files[1:]:
        assert f"({file})" in text
        assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")
    for experiment in EXPERIMENTS:
        line = next(line for line in text.splitlines() if line.startswith(f"| {experiment.title} |"))
        assert f" {made_up[experiment.name]['rmse_px']:.2f} |" in line
        assert report_text.reported(experiment) in line
    assert "6.14 at 100, 4.76 at 1,000, 3.96 at 3,000, 3.61 at 10,000" in text
    assert "| nose tip | 4.56 | 3.00 |" in text
    assert "| all | 4.56 | 3.00 | 2.50 |" in text
    for line in text.splitlines():  # every row of a table has its table's columns
        if line.startswith("|"):
            assert line.count("|") in {8, 10, 4, 5}


def test_the_sentences_follow_the_numbers(made_up: dict[str, Any], made_up_result: Make) -> None:
    text = " ".join(report_text.findings(made_up))
    assert "the same answer whatever the picture" in text
    assert "1.1% of the values" in text
    healthy = made_up | {"f1": made_up_result(3.0, 2.0, 0.4)}
    assert "has not collapsed" in " ".join(report_text.findings(healthy))
    alone = {"mean_face": made_up["mean_face"]}
    assert report_text.findings(alone) == ["Too few experiments were run to say anything."]


def test_beside_the_report_stands_the_same_epoch(made_up: dict[str, Any], made_up_result: Make) -> None:
    history = {"rmse_px": [9.0] * 99 + [4.56] + [1.0] * 10}
    (sentence,) = report_text._beside_the_report(
        {"mlp": made_up_result(1.0, 1.0, 0.4, history=history), "f1": made_up["f1"]}
    )
    assert sentence.endswith("at the same epoch: MLP 256-100, epoch 100: 4.56 px here, 6.14 there.")


@pytest.mark.parametrize("names", [["mean_face"], ["mlp"], ["eyes"], ["map_squares"], ["f1", "f1_cured"]])
def test_some_experiments_are_enough(names: list[str], tmp_path: Path, made_up: dict[str, Any]) -> None:
    report_text.write({name: made_up[name] for name in names}, tmp_path, heading="")
    text = (tmp_path / "report.md").read_text()
    assert text.count("\n| --- |") == 2


def test_rows_for_the_terminal_fit_80_columns(made_up: dict[str, Any]) -> None:
    for experiment in EXPERIMENTS:
        line = report_text.terminal_row(experiment, made_up[experiment.name])
        assert len(line) <= 80
        assert f"{made_up[experiment.name]['rmse_px']:.2f}" in line
    assert len(report_text.TERMINAL_HEADING) <= 80
