from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnscratch.kernels.threads import get_threads, set_threads
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.recipes import Recipe
from nnscratch.keypoints.scripts import command_line


@pytest.fixture(autouse=True)
def _small_and_on_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "_GENERATED_FACES", 40)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    set_threads(None)


def start(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> command_line.Task:
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    parser = command_line.training_parser("Trains.", out="runs/x", recipes=["plain", "best"], networks=["a", "b"])
    return command_line.start(parser)


def test_defaults(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    task = start(monkeypatch)
    assert (task.arguments.recipe, task.arguments.out) == ("plain", Path("runs/x"))
    assert (task.arguments.epochs, task.arguments.network, task.arguments.batch_size) == (None, None, None)
    assert (task.test, task.lookup) == (None, None)
    assert (len(task.train), len(task.validation)) == (34, 6)
    assert task.seconds_left() is None
    assert capsys.readouterr().out == "faces: 34 to learn from, 6 to validate on (generated, all rows)\n"
    assert not Path("runs/x").exists()


def test_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_faces(draw_faces(30, seed=1), tmp_path / "faces.zip")
    began = time.perf_counter()
    task = start(
        monkeypatch, "--data", str(tmp_path / "faces.zip"), "--rows", "complete", "--threads", "3", "--network", "b",
        "--time-limit", "0.5", "--seed", "7",
    )  # fmt: skip
    assert get_threads() == 3
    assert task.train.complete.all()
    assert task.validation.complete.all()
    left = task.seconds_left()
    assert left is not None
    assert 0 < left <= 30 - (time.perf_counter() - began) + 1
    assert task.seconds_left(share=0.5) == pytest.approx(left / 2, abs=0.5)


def test_a_recipe_is_adjusted_by_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe("a", epochs=30, lr=0.5, batch_size=64, weight_decay=0.1)
    assert start(monkeypatch, "--recipe", "best").adjusted(recipe) == recipe
    task = start(monkeypatch, "--network", "b", "--epochs", "2", "--batch-size", "8")
    assert task.adjusted(recipe) == replace(recipe, network="b", epochs=2, batch_size=8)
    assert start(monkeypatch, "--epochs", "2").adjusted(recipe) == replace(recipe, epochs=2)


@pytest.mark.parametrize(
    ("default", "arguments", "number", "shown"),
    [
        (None, [], None, "(default: the recipe's)"),
        (None, ["--many", "4"], 4, "(default: the recipe's)"),
        (3, [], 3, "(default: 3)"),
        (3, ["--many", "4"], 4, "(default: 3)"),
    ],
)
def test_a_number_has_a_default_or_is_the_recipes(
    default: int | None, arguments: list[str], number: int | None, shown: str
) -> None:
    parser = command_line.Parser("Trains.")
    command_line.add_number(parser, "--many", help="how many", default=default)
    assert parser.parse_args(arguments).many == number
    assert f"how many {shown}" in parser.format_help()


@pytest.fixture
def wanted_files(tmp_path: Path) -> Path:
    """test.csv with the images 1 to 4, and lookup.csv, which asks for one value of image 3."""
    faces = draw_faces(4, seed=1)
    save_faces(Faces(faces.images, np.full_like(faces.points, np.nan), np.arange(1, 5)), tmp_path / "test.csv")
    (tmp_path / "lookup.csv").write_text("RowId,ImageId,FeatureName,Location\n7,3,nose_tip_x,\n")
    return tmp_path


def test_faces_whose_points_are_wanted(monkeypatch: pytest.MonkeyPatch, wanted_files: Path) -> None:
    given = ["--test", str(wanted_files / "test.csv")]
    task = start(monkeypatch, *given)
    assert task.test is not None
    assert (task.test.image_ids.tolist(), task.lookup) == ([1, 2, 3, 4], None)
    task = start(monkeypatch, *given, "--lookup", str(wanted_files / "lookup.csv"))
    assert task.test is not None
    assert task.lookup is not None
    assert (len(task.test), task.lookup.row_ids.tolist()) == (4, [7])


def test_a_lookup_table_of_other_faces_ends_it_before_the_training(
    monkeypatch: pytest.MonkeyPatch, wanted_files: Path
) -> None:
    (wanted_files / "lookup.csv").write_text("RowId,ImageId,FeatureName,Location\n7,5,nose_tip_x,\n")
    with pytest.raises(DataError, match=r"lookup.csv, column ImageId: got image 5 \(line 2\)"):
        start(monkeypatch, "--test", str(wanted_files / "test.csv"), "--lookup", str(wanted_files / "lookup.csv"))


@pytest.mark.parametrize("argument", ["--test", "--lookup"])
def test_a_file_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wanted_files: Path, argument: str
) -> None:
    arguments = {"--test": str(wanted_files / "test.csv"), "--lookup": str(wanted_files / "lookup.csv")}
    arguments[argument] = str(wanted_files / "nowhere.csv")
    with pytest.raises(DataError, match=r"nowhere.csv: got no file of this name"):
        start(monkeypatch, *(part for pair in arguments.items() for part in pair))
    assert capsys.readouterr().out == ""


def test_look_alikes_of_a_file_are_on_one_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    faces = draw_faces(10, seed=1)
    rows = np.tile(np.arange(10), 2)
    save_faces(Faces(faces.images[rows], faces.points[rows], np.arange(1, 21)), tmp_path / "faces.csv")
    task = start(monkeypatch, "--data", str(tmp_path / "faces.csv"))
    sides = [{picture.tobytes() for picture in side.images} for side in (task.train, task.validation)]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[0] | sides[1]) == 10


def test_the_seed_decides_the_faces_and_the_split(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again, other = (start(monkeypatch, "--seed", seed).validation.images for seed in ("1", "1", "2"))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "argument --epochs: got '0', expected a whole number from 1 up"),
        (["--epochs", "1.5"], "argument --epochs"),
        (["--batch-size", "-1"], "argument --batch-size"),
        (["--threads", "two"], "argument --threads"),
        (["--seed", "-1"], "argument --seed: got '-1', expected a whole number from 0 up"),
        (["--time-limit", "0"], "argument --time-limit: got '0', expected minutes"),
        (["--time-limit", "nan"], "argument --time-limit"),
        (["--time-limit", "inf"], "argument --time-limit"),
        (["--network", "c"], "argument --network: invalid choice: 'c'"),
        (["--rows", "some"], "argument --rows"),
        (["--recipe", "good"], "argument --recipe: invalid choice: 'good'"),
        (["--lookup", "IdLookupTable.csv"], "argument --lookup: got it without --test, whose faces it is about"),
        (["--unknown"], "unrecognized arguments: --unknown"),
        (["--out", __file__], "expected a folder or a new name"),
        (["--out", f"{__file__}/run"], "expected a folder or a new name"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        start(monkeypatch, *arguments)
    output = capsys.readouterr()
    assert stop.value.code == 2
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1


def test_rows_that_cannot_be_learnt_from() -> None:
    faces = draw_faces(20, seed=0, missing=False)
    faces.points[1:, 0] = np.nan
    assert len(command_line.usable_rows(faces, "all", "a.csv")) == 20
    with pytest.raises(DataError, match="a.csv: got 1 of 20 rows with all 15 points, .*; use --rows all"):
        command_line.usable_rows(faces, "complete", "a.csv")
    faces.points[:] = np.nan
    for rows in ("all", "complete"):
        with pytest.raises(DataError, match="is it the training file"):
            command_line.usable_rows(faces, rows, "a.csv")


def no_right_to_write() -> None:
    raise PermissionError(13, "Permission denied", "model.npz")


def no_data() -> None:
    raise DataError("a.csv: no such file")


def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("main", "status", "message"),
    [
        (no_data, 2, "train.py: error: a.csv: no such file\n"),
        (no_right_to_write, 2, "train.py: error: model.npz: Permission denied\n"),
        (interrupted, 130, "train.py: interrupted\n"),
    ],
)
def test_how_a_program_ends(main, status: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command_line.run(main)
    assert stop.value.code == status
    assert capsys.readouterr().err == message


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        command_line.run(lambda: 1 / 0 and None)
