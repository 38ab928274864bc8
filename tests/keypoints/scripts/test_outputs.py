"""Output options: what cannot be written is said before the work, in one line."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnscratch.files import atomic
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts.outputs import check_output, check_outputs, png, results_folder, writable


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("mine")
    (tmp_path / "link.csv").symlink_to(data)
    for out, expected in (
        (tmp_path, "got a folder, expected the name of a file; give a name in it"),
        (tmp_path / "nowhere" / "a.csv", "got a folder that does not exist, expected one that does; make it, or give"),
        (data / "a.csv", "got a folder that does not exist"),
        (data, "got a file that is read"),
        (tmp_path / "link.csv", "got a file that is read"),
        (tmp_path / ("a" * 300), "got a file that cannot be written (File name too long), expected one that can; give"),
    ):
        with pytest.raises(DataError, match=re.escape(expected)) as caught:
            check_output(out, [str(data)])
        assert "\n" not in str(caught.value)
    check_output(tmp_path / "new.csv", [str(data), tmp_path / "missing"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "link.csv"]
    assert data.read_text() == "mine"


def refuses(*_: object, **__: object) -> Any:
    raise PermissionError(13, "Permission denied", "/a/.unfinished-1")


def test_a_folder_without_the_right_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "write", refuses)  # root may write everywhere
    with pytest.raises(DataError) as caught:
        check_output(tmp_path / "a.csv", [], option="--html")
    expected = "got a file that cannot be written (Permission denied), expected one that can; give another --html"
    assert str(caught.value) == f"{tmp_path / 'a.csv'}: {expected}"


@pytest.mark.skipif(os.name == "nt", reason="has no such files")
def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for out in (Path(os.devnull), tmp_path / "pipe"):
        with pytest.raises(DataError, match="got a device or a pipe, expected the name of a file"):
            check_output(out, [])


def test_one_file_for_two_options(tmp_path: Path) -> None:
    (tmp_path / "same").symlink_to(tmp_path)
    outputs = {"--json": tmp_path / "a", "--html": None, "--plot": tmp_path / "same" / "a"}
    with pytest.raises(DataError, match="a: got the file of --json, expected another one; give another --plot"):
        check_outputs(outputs, [])
    check_outputs({"--json": tmp_path / "a", "--plot": tmp_path / "b"}, iter([tmp_path / "c"]))
    (tmp_path / "b").write_text("")
    with pytest.raises(DataError, match="b: got a file that is read, expected another one; give another --plot"):
        check_outputs({"--json": tmp_path / "a", "--plot": tmp_path / "b"}, iter([tmp_path / "b"]))


@pytest.mark.parametrize("kind", [writable, png])
def test_the_type_of_a_file(kind: Callable[[str], Path], tmp_path: Path) -> None:
    assert kind(str(tmp_path / "a.PNG")) == tmp_path / "a.PNG"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "b.png").mkdir()
    for out in (tmp_path / "b.png", tmp_path / "no" / "a.png"):
        with pytest.raises(argparse.ArgumentTypeError, match="got a folder"):
            kind(str(out))


def test_the_type_of_a_picture() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"got 'a.pdf', expected a name that ends in .png"):
        png("a.pdf")


def test_the_type_of_a_folder_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert results_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(argparse.ArgumentTypeError, match="file is a file, expected a folder or a new name"):
            results_folder(str(out))
    with pytest.raises(argparse.ArgumentTypeError, match=r"where no folder can be \(File name too long\)"):
        results_folder("a" * 300)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(argparse.ArgumentTypeError, match="cannot be written; choose another folder"):
        results_folder(str(tmp_path / "a"))
