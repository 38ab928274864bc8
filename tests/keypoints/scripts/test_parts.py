"""The networks of a run by name, and what each of them sees."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files.json_files import Record
from nnscratch.keypoints import networks
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.metrics import mean_face
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.scripts import diagnose
from nnscratch.keypoints.scripts.parts import chosen_part, parts_of
from nnscratch.keypoints.start import start_from_mean_face

FACES = draw_faces(40, seed=5)
NAMES = ["level_1", "level_2_nose_tip_32", "level_2_mouth", "level_2_mouth_8", "level_3_nose_tip_32"]


def small(side: int, values: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(side * side, 4, rng=0), nn.ReLU(), nn.Dense(4, values, rng=1))


def level(*regions: Region) -> Level:
    return Level(regions, tuple(small(region.side, 2 * len(region.points)) for region in regions), ())


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    """One with three levels; its first answers with the mean face."""
    first = small(96, 30)
    start_from_mean_face(first, FACES.points)
    nose, mouth = Region("nose_tip_32", ("nose_tip",), 16, 32), Region("mouth", POINTS[-2:], 8, 30)
    levels = level(nose, mouth, replace(mouth, name="mouth_8")), level(replace(nose, side=8))
    return Cascade(first, symmetrical(mean_face(FACES.points)), levels)


def test_names_of_a_cascade_and_of_a_single_network(cascade: Cascade) -> None:
    assert [part.name for part in parts_of(cascade)] == NAMES
    assert [part.name for part in parts_of(SingleNetwork(small(96, 30)))] == ["model"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, "level_1"), ("model", "level_1"), ("level_1", "level_1"), ("level_2_nose_tip_32", "level_2_nose_tip_32"),
        ("level_2_nose_tip", "level_2_nose_tip_32"), ("level_2_mouth", "level_2_mouth"),
        ("level_3_nose_tip", "level_3_nose_tip_32"),
    ],
)  # fmt: skip
def test_a_name_may_be_shortened_if_only_one_begins_so(cascade: Cascade, name: str | None, expected: str) -> None:
    part = chosen_part(cascade, name, "run")
    assert part.name == expected
    assert part.history_file == ("history.csv" if part.level == 1 else f"{expected[len('level_2_') :]}_history.csv")


@pytest.mark.parametrize("name", ["level_2", "level_2_nose", "level_4_x", "", "mlp", "level_2_nose_tip_3.", ".*"])
def test_a_wrong_name_is_answered_with_the_names_there_are(cascade: Cascade, name: str) -> None:
    with pytest.raises(ValueError, match=f"run: got the network .*, expected one of {', '.join(NAMES)}; give one"):
        chosen_part(cascade, name, "run")


def test_crops_are_those_of_a_training(cascade: Cascade) -> None:
    """The nose tip is off the middle by what level 1, here the mean face, is off."""
    part = chosen_part(cascade, "level_2_nose_tip", "run")
    crops = part.crops(FACES, seed=0, drawn=True)
    assert crops is not None
    x, y = crops
    assert x.shape == (34, 16, 16, 1)
    assert y.shape == (34, 2)
    assert x.dtype == y.dtype == np.float32
    off = 32 / 2 * y  # px of an average face, and nearly those of the picture
    expected = cascade.predict_levels(FACES.images)[0][:, 10] - FACES.points[:, 10]
    assert 0.7 < np.nanstd(off) / np.nanstd(expected) < 1.4
    again = part.crops(FACES, seed=0, drawn=True)
    assert again is not None
    np.testing.assert_array_equal(again[0], x)
    assert chosen_part(cascade, "level_1", "run").crops(FACES, seed=0, drawn=True) is None


def test_faces_without_its_points_are_named(cascade: Cascade) -> None:
    points = FACES.points.copy()
    points[:, POINTS.index("nose_tip")] = np.nan
    part = chosen_part(cascade, "level_2_nose_tip", "run")
    with pytest.raises(ValueError, match="level_2_nose_tip_32: got 0 faces with its points, expected at least two"):
        part.crops(Faces(FACES.images, points, FACES.image_ids), seed=0, drawn=True)


def test_a_later_level_has_its_own_numbers(cascade: Cascade) -> None:
    config = Record({"lr": 0.1, "level_2_lr": 0.2, "optimizer": "adam"}, "config.")
    for name, lr in (("level_1", 0.1), ("level_2_mouth", 0.2), ("level_3_nose_tip", 0.1)):
        own = chosen_part(cascade, name, "run").config(config)
        assert (own.number("lr", 0, least=0, most=1), own.text("optimizer")) == (lr, "adam")


def test_a_run_is_diagnosed_by_part(cascade: Cascade, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its labels, its history and its optimizer; a dead unit is in the part that has it."""
    (dead := cascade.levels[0].networks[1]).layers[1].params["bias"][:] = -100
    cascade.save(tmp_path)
    (tmp_path / "mouth_history.csv").write_text("epoch,loss,lr\n1,0.5,0.001\n")
    save_faces(FACES, tmp_path / "faces.csv")
    (tmp_path / "metrics.json").write_text(json.dumps({"config": {"optimizer": "adam", "level_2_lr": 0.001}}))
    data = ["--data", str(tmp_path / "faces.csv")]
    diagnose.main([str(tmp_path), *data, "--network", "level_2_mouth", "--json", str(tmp_path / "mouth.json")])
    printed = capsys.readouterr().out
    assert printed.startswith("Judged on ")
    assert "crops of 8 x 8 pixels, as its training makes them.\n" in printed
    assert max(map(len, printed.splitlines())) <= 80
    facts = json.loads((tmp_path / "mouth.json").read_text())
    assert facts["layers"][0]["name"] == repr(dead.layers[1])
    assert facts["layers"][0]["update_ratio"] is not None
    assert "saturated_by_bias" in [finding["code"] for finding in facts["findings"]]
    assert "saturated_by_bias" not in diagnose.diagnose_run(tmp_path, data[1], "level_2_nose_tip").codes


def test_a_single_network_has_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SingleNetwork(networks.report_mlp(rng=0)).save(tmp_path)
    with pytest.raises(ValueError, match="got the network 'level_2_nose_tip', expected one of model; give one"):
        diagnose.diagnose_run(tmp_path, None, "level_2_nose_tip")
    with pytest.raises(SystemExit) as stop:
        diagnose.main(["--network", "level_2_nose_tip"])
    assert stop.value.code == 2
    assert "argument --network: got 'level_2_nose_tip', expected one of report, " in capsys.readouterr().err
