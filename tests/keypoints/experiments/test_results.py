"""Results are kept as JSON, and those of earlier versions are read under the names of today."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from nnscratch.keypoints.experiments import results

MADE_FROM: dict[str, object] = {"epochs": 3, "seed": 0}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f1.json"
    results.write(path, MADE_FROM, {"rmse_px": 4.0, "spread_px": math.nan, "outcome": "ALL_EPOCHS", "stopped": "done"})
    json.loads(path.read_text(), parse_constant=pytest.fail)  # no NaN in it
    found = results.read(path, MADE_FROM)
    assert found == {"rmse_px": 4.0, "spread_px": None, "outcome": "ALL_EPOCHS", "stopped": "done"}


def test_other_settings_are_another_result(tmp_path: Path) -> None:
    results.write(tmp_path / "f1.json", MADE_FROM, {"rmse_px": 4.0})
    assert results.read(tmp_path / "f1.json", {**MADE_FROM, "epochs": 4}) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"made_from": {"epochs": 3, "seed": 0}, "result": [1]}'])
def test_a_damaged_file_is_no_result(text: str, tmp_path: Path) -> None:
    (tmp_path / "f1.json").write_text(text)
    assert results.read(tmp_path / "f1.json", MADE_FROM) is None


@pytest.mark.parametrize(
    ("stopped", "outcome"),
    [("all 3 epochs done", "ALL_EPOCHS"), ("diverged in epoch 2, and is scored as it was before", "DIVERGED")],
)
def test_files_of_earlier_versions(stopped: str, outcome: str, tmp_path: Path) -> None:
    """They said "inside" where we say "probes", and how a training ended in words alone."""
    old = {"made_from": MADE_FROM, "result": {"inside": {"0": {"layers": {}, "noise_px": 1.0}}, "stopped": stopped}}
    (tmp_path / "f1.json").write_text(json.dumps(old))
    found = results.read(tmp_path / "f1.json", MADE_FROM)
    assert found is not None
    assert found["outcome"] == outcome
    assert found["probes"] == {"0": {"layers": {}, "noise_px": 1.0}}
    assert "inside" not in found


@pytest.mark.parametrize(
    "result",
    [
        {"rmse_px": "4"}, {"rmse_px": True}, {"seconds": []}, {"stopped": 5}, {"outcome": "DONE"}, {"per_point": 5},
        {"per_point": {"nose_tip": "x"}}, {"history": {"epoch": 5}}, {"history": {"epoch": ["1"]}}, {"probes": []},
        {"probes": {"x": {"layers": {}}}}, {"probes": {"0": {}}}, {"probes": {"0": {"layers": {"a": {"mean": "x"}}}}},
        {"extra": 5},
    ],
)  # fmt: skip
def test_a_field_of_another_type_is_no_result(tmp_path: Path, result: dict[str, object]) -> None:
    (tmp_path / "f1.json").write_text(json.dumps({"made_from": MADE_FROM, "result": result}))
    assert results.read(tmp_path / "f1.json", MADE_FROM) is None
    (tmp_path / "f1.json").write_text('{"made_from": {"epochs": 3, "seed": 0}, "result": ' + "[" * 10**5)
    assert results.read(tmp_path / "f1.json", MADE_FROM) is None
