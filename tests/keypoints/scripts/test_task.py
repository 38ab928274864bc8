"""A training task: which faces are learnt from, which judge, and how long it may take."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels.threads import get_threads, set_threads
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.task import TrainingTask, start_task, training_task, usable_rows


@pytest.fixture(autouse=True)
def _all_cores_again() -> Iterator[None]:
    yield
    set_threads(None)


def start(**given: Any) -> TrainingTask:
    return start_task(TrainingOptions(Path("runs/x"), **given), drawn=40)


def test_faces_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    task = start()
    assert (task.test, task.lookup) == (None, None)
    assert (len(task.train), len(task.validation)) == (34, 6)
    assert task.seconds_left() is None
    assert capsys.readouterr().out == "faces: 34 to learn from, 6 to validate on (drawn faces, all rows)\n"
    assert not Path("runs/x").exists()


def test_faces_of_a_file(tmp_path: Path) -> None:
    save_faces(draw_faces(30, seed=1), tmp_path / "faces.zip")
    task = start(data=str(tmp_path / "faces.zip"), rows="complete", threads=3)
    assert get_threads() == 3
    assert task.train.complete.all()
    assert task.validation.complete.all()


def test_time_runs_from_the_start_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0, 110.0, 129.5, 200.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    faces = draw_faces(2, seed=0)
    began = time.perf_counter()
    task = TrainingTask(TrainingOptions(Path("run")), faces, faces, deadline=began + 30)
    assert [task.seconds_left(), task.seconds_left(share=0.5)] == [20.0, 10.0]
    assert [task.seconds_left(), task.seconds_left()] == [1.0, 1.0]  # time for a step, also when it is over


def test_a_time_limit_includes_reading_the_data() -> None:
    before = time.perf_counter()
    task = start(time_limit=0.5)
    assert task.deadline is not None
    assert task.deadline == task.began + 30
    assert before <= task.began < time.perf_counter()


@pytest.fixture
def wanted_files(tmp_path: Path) -> Path:
    """test.csv with the images 1 to 4, and lookup.csv, which asks for one value of image 3."""
    faces = draw_faces(4, seed=1)
    save_faces(Faces(faces.images, np.full_like(faces.points, np.nan), np.arange(1, 5)), tmp_path / "test.csv")
    (tmp_path / "lookup.csv").write_text("RowId,ImageId,FeatureName,Location\n7,3,nose_tip_x,\n")
    return tmp_path


def test_faces_whose_points_are_wanted(wanted_files: Path) -> None:
    test = str(wanted_files / "test.csv")
    task = start(test=test)
    assert task.test is not None
    assert (task.test.image_ids.tolist(), task.lookup) == ([1, 2, 3, 4], None)
    task = start(test=test, lookup=str(wanted_files / "lookup.csv"))
    assert task.test is not None
    assert task.lookup is not None
    assert (len(task.test), task.lookup.row_ids.tolist()) == (4, [7])


def test_a_lookup_table_of_other_faces_ends_it_before_the_training(wanted_files: Path) -> None:
    (wanted_files / "lookup.csv").write_text("RowId,ImageId,FeatureName,Location\n7,5,nose_tip_x,\n")
    with pytest.raises(DataError, match=r"lookup.csv, column ImageId: got image 5 \(line 2\), without a prediction"):
        start(test=str(wanted_files / "test.csv"), lookup=str(wanted_files / "lookup.csv"))


@pytest.mark.parametrize("missing", ["test", "lookup"])
def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], wanted_files: Path, missing: str) -> None:
    given = {"test": str(wanted_files / "test.csv"), "lookup": str(wanted_files / "lookup.csv")}
    with pytest.raises(DataError, match=r"nowhere.csv: got no file of this name"):
        start(**given | {missing: str(wanted_files / "nowhere.csv")})
    assert capsys.readouterr().out == ""


def test_look_alikes_of_a_file_are_on_one_side(tmp_path: Path) -> None:
    faces = draw_faces(10, seed=1)
    rows = np.tile(np.arange(10), 2)
    save_faces(Faces(faces.images[rows], faces.points[rows], np.arange(1, 21)), tmp_path / "faces.csv")
    task = start(data=str(tmp_path / "faces.csv"))
    sides = [{picture.tobytes() for picture in side.images} for side in (task.train, task.validation)]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[0] | sides[1]) == 10


def test_the_seed_decides_the_faces_and_the_split() -> None:
    first, again, other = (start(seed=seed).validation.images for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_that_cannot_be_learnt_from() -> None:
    faces = draw_faces(20, seed=0, missing=False)
    faces.points[1:, 0] = np.nan
    assert len(usable_rows(faces, "all", "a.csv")) == 20
    with pytest.raises(DataError, match="a.csv: got 1 of 20 rows with all 15 points, .*; use --rows all"):
        usable_rows(faces, "complete", "a.csv")
    faces.points[:] = np.nan
    for rows in ("all", "complete"):
        with pytest.raises(DataError, match="is it the training file"):
            usable_rows(faces, rows, "a.csv")


def test_a_task_that_leaves_a_run(tmp_path: Path) -> None:
    options = TrainingOptions(tmp_path / "run", time_limit=1.0, resume=True)
    with training_task(options, drawn=20) as task:
        assert task.run is not None
        assert task.checkpoint == tmp_path / "run" / "checkpoints" / "network.npz"
        assert task.stop is task.run.interruption.stop
        assert task.checkpoint_failed == task.run.checkpoint_failed
        first = task.time_limit(share=0.5)
        assert first is not None
        assert task.deadline == task.began + 60
        task.checkpoint.touch()
        os.utime(task.checkpoint, (time.time() + 20,) * 2)
    with training_task(options, drawn=20) as task:
        assert task.time_limit(share=0.5) == first  # all of it, of which it has used some
        left = task.seconds_left()
        assert left is not None
        assert left < 42


def test_a_task_alone_keeps_nothing() -> None:
    task = start(time_limit=1.0)
    assert (task.checkpoint, task.checkpoints, task.stop, task.checkpoint_failed) == (None, None, None, None)
    assert task.time_limit() == pytest.approx(60, abs=30)


def test_bad_data_leave_no_folder_and_an_earlier_run_alone(tmp_path: Path) -> None:
    bad = TrainingOptions(tmp_path / "run", data=str(tmp_path / "nowhere.csv"))
    with pytest.raises(DataError, match="no file of this name"), training_task(bad):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_is_certain_before_the_first_step_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe too; of the networks of the scripts, which learn, nothing is."""
    faces = draw_faces(40, seed=0)
    task = TrainingTask(TrainingOptions(out=Path("unused")), faces, faces)
    for dark, expected in ((0.0, 0), (-60.0, 1)):
        hidden = nn.Dense(96 * 96, 8, bias_init=f"constant({dark})", rng=0)
        network = nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), nn.Dense(8, 30, rng=1))
        task.warn(nn.Trainer(network, nn.MSELoss(), nn.Adam(network)))
        printed = capsys.readouterr()
        assert printed.out == ""
        lines = printed.err.splitlines()
        assert len(lines) == expected
        assert all("warning: saturated_by_bias (layer 1): In Dense(9216, 8" in line for line in lines)
