"""ingredients.py: a table of the mean face, and of two scores for each variant of the recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.metrics import mean_face, rmse_px
from nnscratch.keypoints.splits import split_apart


def table(printed: str) -> list[list[str]]:
    """The cells of each line of a table in Markdown."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines() if "|" in line]


def test_a_table_of_ingredients(run_here: Any, folder: Path, tmp_path: Path) -> None:
    data = "--data", folder / "training.csv"
    outputs = "--out", tmp_path / "run", "--json", tmp_path / "a.json"
    done = run_here("experiments/ingredients.py", *data, "--epochs", 1, *outputs)
    assert done.stderr == ""
    rows = table(done.stdout)
    assert rows[0][0] == "1 epoch; validation RMSE"
    assert [row[0] for row in rows[2:4]] == ["mean face", "everything"]
    train, validation = split_apart(load_faces(folder / "training.csv"), 0.15, seed=0)
    constant = rmse_px(mean_face(train.points)[None].repeat(len(validation), 0), validation.points)
    assert rows[2][1] == f"{constant:.2f} px"
    scores = {name: [float(score.removesuffix(" px")) for score in each] for name, *each in rows[3:]}
    written = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert written["mean_face"] == pytest.approx(constant)
    for name, both in scores.items():
        assert list(written["variants"][name].values()) == pytest.approx(both, abs=0.0006)
    assert len(scores) == len(rows[3:]) > 8
    # An epoch of one step, at the lowest learning rate, from the mean face: none can be far from it
    # yet.
    for name, each in scores.items():
        assert each == pytest.approx([constant, constant], abs=1.0), name
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]  # it keeps no run


def test_variants_differ_from_everything_by_what_they_are_called(script: Any) -> None:
    example = script("experiments/ingredients.py")
    best = example["RECIPES"]["best"]
    recipe = replace(best, augment=replace(best.augment, offsets=LabelOffsets({}, other=1.0)))
    chosen = example["variants"](recipe, seed=0)
    everything = chosen.pop("everything")
    for name, variant in chosen.items():
        same = variant.recipe == everything.recipe, repr(variant.network) == repr(everything.network)
        assert (*same, variant.rows) != (True, True, everything.rows), name
