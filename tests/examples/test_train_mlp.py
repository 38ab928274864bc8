"""train_mlp.py: what it trains and writes, and how it ends on a file that cannot be used."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Write = Callable[[Path, Path], object]
ROOT = Path(__file__).parents[2]


def test_it_trains_and_shows_no_bar(run_here: Any, check_run: Any, folder: Path, tmp_path: Path) -> None:
    """The other two are tested in a process of their own, and with a page that is drawn."""
    done = run_here("train_mlp.py", "--epochs", 2, "--data", folder / "training.csv", "--out", tmp_path / "run")
    assert check_run(done, tmp_path / "run")["epochs"] == 2


@pytest.mark.nightly
def test_it_trains_without_stderr_as_a_service_does(check_run: Any, folder: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(folder / "training.csv"), "--epochs", "1", "--out", str(tmp_path / "run")]
    command = shlex.join([sys.executable, str(ROOT / "examples" / "train_mlp.py"), *arguments])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["/bin/sh", "-c", f"{command} 2>&-"], env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"written to" in done.stdout
    assert (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.parametrize("options", [["--network", "report-dropout"], ["--recipe", "best"]], ids=" ".join)
def test_networks_and_recipes(run_here: Any, check_run: Any, options: list[str], folder: Path, tmp_path: Path) -> None:
    data = "--data", folder / "training.csv"
    done = run_here("train_mlp.py", "--epochs", 1, *options, *data, "--out", tmp_path / "run")
    config = check_run(done, tmp_path / "run")["config"]
    assert config["network"] == ("wide" if "best" in options else "report-dropout")
    assert config["both_ways"] == ("best" in options)


def test_recipes_have_networks_that_can_be_named(script: Any) -> None:
    example = script("train_mlp.py")
    assert list(example["RECIPES"]) == ["plain", "best"]  # the first one is the default
    for recipe in example["RECIPES"].values():
        assert example["NETWORKS"][recipe.network.__name__] is recipe.network
    for make in example["NETWORKS"].values():
        network = make(rng=np.random.default_rng(0))
        assert network.predict(np.zeros((1, 96, 96, 1), np.float32)).shape == (1, 30)


def test_points_of_a_test_file_are_those_of_predict(run_here: Any, folder: Path, tmp_path: Path) -> None:
    """The training script can write them itself."""
    out, test = tmp_path / "run", folder / "test.zip"
    given = "--data", folder / "training.csv", "--out", out, "--test", test
    done = run_here("train_mlp.py", "--epochs", 1, *given, "--quiet")
    assert (done.stdout, done.stderr) == ("", "")
    run_here("predict.py", "--model", out, "--data", test, "--out", tmp_path / "predicted.csv")
    assert (out / "test.csv").read_bytes() == (tmp_path / "predicted.csv").read_bytes()
    files = json.loads((out / "metrics.json").read_text())["files"]
    assert {"test.csv", "submission.csv"} & set(files) == {"test.csv"}


def truncated_zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "training.csv", "training.csv")
    path.write_bytes(path.read_bytes()[:-1000])


def changed(old: str, new: str) -> Write:
    """Replaces the first occurrence of `old` in the training file."""
    return lambda folder, path: path.write_text((folder / "training.csv").read_text().replace(old, new, 1))


def first_face(change: Callable[[list[str]], object]) -> Write:
    """Changes the fields of the first row."""

    def write(folder: Path, path: Path) -> None:
        header, row, rest = (folder / "training.csv").read_text().split("\n", 2)
        fields = row.split(",")
        change(fields)
        path.write_text("\n".join([header, ",".join(fields), rest]))

    return write


def coordinate(value: str) -> Write:
    return first_face(lambda fields: fields.__setitem__(0, value))


def pixels(change: Callable[[list[str]], list[str]]) -> Write:
    return first_face(lambda fields: fields.__setitem__(30, " ".join(change(fields[30].split()))))


BAD_FILES: dict[str, tuple[Write, list[str]]] = {
    "missing": (lambda folder, path: None, ["got no file of this name"]),
    "empty": (lambda folder, path: path.write_bytes(b""), ["empty"]),
    "picture": (lambda folder, path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(90)), ["PNG"]),
    "renamed column": (changed("nose_tip_x", "nosetip_x"), ["line 1", "nose_tip_x", "is it 'nosetip_x'?"]),
    "9,215 pixels": (pixels(lambda values: values[:-1]), ["line 2", "Image", "9,215", "9,216"]),
    "a pixel of 256": (pixels(lambda values: ["256", *values[1:]]), ["line 2", "Image", "'256'", "0..255"]),
    "a pixel of x": (pixels(lambda values: [*values[:-1], "x"]), ["line 2", "Image", "'x'"]),
    "coordinate abc": (coordinate("abc"), ["line 2", "left_eye_center_x", "'abc'"]),
    "coordinate 1e9": (coordinate("1e9"), ["line 2", "left_eye_center_x", "'1e9'"]),
    "truncated zip": (truncated_zip, ["cannot be unpacked"]),
    "truncated gzip": (
        lambda folder, path: path.write_bytes(gzip.compress((folder / "training.csv").read_bytes())[:-5000]),
        ["cannot be unpacked"],
    ),
    "no label": (
        lambda folder, path: path.write_bytes(zipfile.ZipFile(folder / "test.zip").read("test.csv")),
        ["0 of 12 rows", "training file"],
    ),
}


@pytest.mark.parametrize(("write", "expected"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_line_and_nothing_is_written(
    run_here: Any, write: Write, expected: list[str], folder: Path, tmp_path: Path
) -> None:
    write(folder, tmp_path / "bad.csv")
    before = sorted(tmp_path.iterdir())
    done = run_here("train_mlp.py", "--data", tmp_path / "bad.csv", "--out", tmp_path / "run", expect=2)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for part in ("train_mlp.py: error: ", "bad.csv", *expected):
        assert part in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_bad_file_leaves_no_traceback(run: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(b"")
    done = run("train_mlp.py", "--data", tmp_path / "bad.csv", "--out", tmp_path / "run", expect=2)
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
