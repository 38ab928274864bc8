"""The names that the program writes, and what may be in their way."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from nnscratch.keypoints.cascade.cascade import MODEL_FILE as MODEL_OF_PREDICTORS
from nnscratch.keypoints.cascade.regions import one_per_point
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts import run_files
from nnscratch.keypoints.scripts.run_files import OwnNames, check_writable, names_in, read_metrics, results_in

MINE = ("notes.txt", "my_history.csv", "level_2.npz", "level_x_a.npz", "old_model.npz", "metrics.json.bak", "..", "")


def test_own_names(tmp_path: Path) -> None:
    own = OwnNames(tmp_path)
    for region in one_per_point(32, 32):
        assert own(f"level_2_{region.name}.npz")
        assert own(f"{region.name}_history.csv")
    assert own("half_face_history.csv")
    assert own(MODEL_OF_PREDICTORS)
    assert own(run_files.MODEL_FILE)
    assert [name for name in MINE if own(name)] == []
    assert not own("chin_history.csv")
    (tmp_path / "level_2_chin.npz").touch()
    assert OwnNames(tmp_path)("chin_history.csv")
    assert OwnNames(tmp_path / "nowhere", ["chin"])("chin_history.csv")


def test_what_an_earlier_run_left(tmp_path: Path) -> None:
    for name in ("model.npz", "chin_history.csv", "level_2_chin.npz", "notes.txt"):
        (tmp_path / name).touch()
    assert results_in(tmp_path) == ["chin_history.csv", "level_2_chin.npz", "model.npz"]
    assert results_in(tmp_path / "nowhere") == []
    assert names_in(tmp_path / "notes.txt") == []


@pytest.mark.parametrize("text", ["", "5", "null", "[" * 100_000, '{"a"', " " * (1 << 22) + "{}", "\xff"])
def test_damaged_metrics_say_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_bytes(text.encode("latin-1"))
    assert read_metrics(tmp_path) == {}
    (tmp_path / "metrics.json").write_text('{"finished": true}')
    assert read_metrics(tmp_path) == {"finished": True}
    assert read_metrics(tmp_path / "nowhere") == {}


@pytest.mark.parametrize("name", ["model.npz", "metrics.json", "level_2_eye.npz", "eye_history.csv", "faces.png"])
def test_a_folder_in_a_files_place(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"{name}: got a folder, expected a file or nothing"):
        check_writable(tmp_path)


def test_a_file_in_a_folders_place(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").touch()
    with pytest.raises(DataError, match="checkpoints: got a file, expected a folder or nothing"):
        check_writable(tmp_path)


def test_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "model.npz").touch(0o444)  # a rename replaces it all the same
    (tmp_path / "history.csv").symlink_to("nowhere")
    os.mkfifo(tmp_path / "metrics.json")
    (tmp_path / "checkpoints").mkdir()
    before = names_in(tmp_path)
    check_writable(tmp_path)
    assert names_in(tmp_path) == before
    assert names_in(tmp_path / "checkpoints") == []


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"cannot be written \(No space left on device\); give another --out") as error:
        check_writable(tmp_path)
    assert error.value.filename == str(tmp_path)
    assert names_in(tmp_path) == []


@pytest.mark.skipif(shutil.which("chattr") is None or os.geteuid() != 0, reason="only root can make a file immutable")
def test_an_immutable_file(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.touch()
    if subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False).returncode:
        pytest.skip("this file system knows no immutable files")
    try:
        with pytest.raises(DataError, match="model.npz: got a file that the system does not let anybody change"):
            check_writable(tmp_path)
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)
