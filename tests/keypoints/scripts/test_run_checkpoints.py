"""What an unfinished run keeps: options, time, states; and what of it is removed."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.run_checkpoints import RunCheckpoints, difference, steering
from nnscratch.keypoints.scripts.run_files import names_in


@dataclass(frozen=True)
class Options(TrainingOptions):
    level_2_epochs: int | None = None


OPTIONS = Options(Path("run"), data="a.csv")
DIFFERENT = {
    "rows": "complete", "recipe": "best", "network": "deep", "epochs": 2, "batch_size": 8, "time_limit": 0.5, "seed": 7,
    "level_2_epochs": 3, "data": None, "held_out": 0.3,
}  # fmt: skip
FREE = {
    "out": Path("b"),
    "threads": 2,
    "test": "t.csv",
    "lookup": "l.csv",
    "resume": True,
    "overwrite": True,
    "every": 2,
    "distributed": True,
    "quiet": True,
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_an_option_that_differs_is_named(name: str) -> None:
    before, now = steering(OPTIONS), steering(replace(OPTIONS, **{name: DIFFERENT[name]}))
    text = difference(before, now, same_file=False)
    assert text is not None
    assert f"--{name.replace('_', '-')}" in text
    back = difference(now, before, same_file=False)
    assert back is not None
    assert back != text


def test_options_that_do_not_steer_may_differ() -> None:
    assert difference(steering(OPTIONS), steering(replace(OPTIONS, **FREE)), same_file=True) is None
    assert set(DIFFERENT) | set(FREE) == set(vars(OPTIONS))


def test_data_may_have_moved_if_the_faces_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").touch()
    moved = {"data": "b.csv"}
    assert difference({"data": "a.csv"}, moved, same_file=False) is None
    assert difference({"data": "a.csv"}, moved, same_file=True) == "--data a.csv, now --data b.csv"
    assert difference({"data": "a.csv"}, {"data": str(tmp_path / "a.csv")}, same_file=True) is None


def test_time_goes_on(tmp_path: Path) -> None:
    """Also that of a process that was killed: its last checkpoint was its last sign of life."""
    first = RunCheckpoints(tmp_path / "checkpoints")
    assert not first.are_there
    first.begin(OPTIONS)
    assert (first.are_there, first.have_state) == (True, False)
    assert first.limit("network", 60.0) == 60.0
    state = first.folder / "network.npz"
    state.touch()
    os.utime(state, (time.time() + 30,) * 2)
    second = RunCheckpoints(first.folder)
    assert second.read() == steering(OPTIONS)
    assert second.have_state
    assert second.seconds == pytest.approx(30, abs=5)
    second.begin(OPTIONS)
    assert second.limit("network", 40.0) == 60.0
    third = RunCheckpoints(first.folder)
    third.read()
    assert 25 < third.seconds < 90


@pytest.mark.parametrize(
    "text", ["", "5", "{}", "[" * 100_000, '{"options": 1, "limits": {}, "seconds": 0, "began": 0}']
)
def test_a_damaged_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match="run.json: got a damaged file .* train anew with --overwrite"):
        RunCheckpoints(tmp_path).read()


def test_only_its_own_files_are_removed(tmp_path: Path) -> None:
    checkpoints = RunCheckpoints(tmp_path / "checkpoints")
    checkpoints.begin(OPTIONS)
    level = checkpoints.folder / "level_2"
    level.mkdir()
    for path in (checkpoints.folder / "network.npz", checkpoints.folder / "network.previous.npz", level / "nose.npz"):
        path.touch()
    (checkpoints.folder / ".unfinished-network.npz").touch()
    (checkpoints.folder / "notes.txt").touch()
    checkpoints.remove()
    assert names_in(checkpoints.folder) == ["notes.txt"]
    (checkpoints.folder / "notes.txt").unlink()
    checkpoints.remove()
    assert not checkpoints.folder.exists()


def test_what_a_run_writes_down(tmp_path: Path) -> None:
    checkpoints = RunCheckpoints(tmp_path / "checkpoints")
    checkpoints.begin(OPTIONS)
    content = json.loads((checkpoints.folder / "run.json").read_text())
    assert content["options"] == steering(OPTIONS)
    assert content["seconds"] == 0.0
