"""Every example, as a user runs it: a program of its own, on a small file, in a pipe."""

from __future__ import annotations

import gzip
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import COLUMNS, Faces
from nnscratch.keypoints.kaggle.training_file import load_faces, save_faces

Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.relative_to(ROOT / "examples").as_posix() for path in (ROOT / "examples").rglob("*.py"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training file, a test file, and the lookup table of a few of its values."""
    folder = tmp_path_factory.mktemp("faces")
    faces = draw_faces(72, seed=3)
    save_faces(faces.select(slice(0, 60)), folder / "training.csv")
    test = faces.select(slice(60, 72))
    unlabelled = np.full_like(test.points, np.nan)
    save_faces(Faces(test.images, unlabelled, np.arange(1, 13)), folder / "test.zip")
    rows = [f"{i + 1},{image},{column}," for i, (image, column) in enumerate((n, c) for n in (1, 12) for c in COLUMNS)]
    (folder / "lookup.csv").write_text("\n".join(["RowId,ImageId,FeatureName,Location", *rows]) + "\n")
    return folder


TRAINING = {
    "mlp": ["train_mlp.py", "--epochs", 2],
    "mlp, report-dropout": ["train_mlp.py", "--epochs", 1, "--network", "report-dropout"],
    "cnn": ["train_cnn.py", "--epochs", 2, "--batch-size", 16, "--threads", 1],
    "cnn, report": ["train_cnn.py", "--epochs", 1, "--network", "report", "--rows", "complete"],
    "cnn, report-large": ["train_cnn.py", "--epochs", 1, "--network", "report-large"],
    "cnn, kfkd, out of time": ["train_cnn.py", "--epochs", 500, "--network", "kfkd", "--time-limit", 0.05],
    "cascade": ["train_cascade.py", "--epochs", 1, "--level-2-epochs", 1],
    "mlp, best": ["train_mlp.py", "--epochs", 2, "--recipe", "best"],
    "cnn, best": ["train_cnn.py", "--epochs", 1, "--recipe", "best"],
    "cascade, best": ["train_cascade.py", "--epochs", 1, "--level-2-epochs", 1, "--recipe", "best"],
}


@pytest.mark.parametrize("arguments", TRAINING.values(), ids=TRAINING)
def test_train_and_predict(run: Run, arguments: list[object], folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = run(*arguments, "--data", folder / "training.csv", "--out", out)  # type: ignore[arg-type]
    assert done.stderr == ""  # no progress bar in a pipe
    assert "the mean face gets" in done.stdout
    summary = [line for line in done.stdout.splitlines() if str(out) not in line]  # the folder's name may be long
    assert max(map(len, summary)) <= 80
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["ratio"] == metrics["rmse_px"] / metrics["mean_face_rmse_px"] > 0
    assert {"per_point", "epochs", "seconds", "images_per_second", "config"} <= set(metrics)
    for file in metrics["files"]:
        assert (out / file).stat().st_size > 10
    if "--time-limit" in arguments:
        assert "time limit" in done.stdout
        assert metrics["seconds"] < 60

    run("predict.py", "--model", out, "--data", folder / "test.zip", "--out", tmp_path / "points.csv")
    lines = (tmp_path / "points.csv").read_text().splitlines()
    assert lines[0] == ",".join(("ImageId", *COLUMNS))
    assert [line.split(",")[0] for line in lines[1:]] == [str(i) for i in range(1, 13)]
    points = np.array([[float(value) for value in line.split(",")[1:]] for line in lines[1:]])
    assert points.shape == (12, 30)

    lookup = "--lookup", folder / "lookup.csv", "--out", tmp_path / "submission.csv"
    run("predict.py", "--model", out, "--data", folder / "test.zip", *lookup)
    lines = (tmp_path / "submission.csv").read_text().splitlines()
    assert lines[0] == "RowId,Location"
    values = np.array([float(line.split(",")[1]) for line in lines[1:]])
    np.testing.assert_allclose(values, np.clip(points[[0, 11]].ravel(), 0, 95), atol=1e-9)


@pytest.mark.parametrize(
    ("script", "arguments", "written"),
    [
        ("train_mlp.py", [], "test.csv"),
        ("train_cascade.py", ["--level-2-epochs", 1, "--lookup", "lookup.csv"], "submission.csv"),
    ],
)
def test_points_of_a_test_file_are_those_of_predict(
    run: Run, script: str, arguments: list[object], written: str, folder: Path, tmp_path: Path
) -> None:
    """All of them, or those of a lookup table: the training script writes them itself."""
    given = [folder / each if each == "lookup.csv" else each for each in arguments]
    out, test = tmp_path / "run", folder / "test.zip"
    run(script, "--epochs", 1, "--data", folder / "training.csv", "--out", out, "--test", test, *given)
    run("predict.py", "--model", out, "--data", test, "--out", tmp_path / "predicted.csv", *given[2:])
    assert (out / written).read_bytes() == (tmp_path / "predicted.csv").read_bytes()
    assert {"test.csv", "submission.csv"} & set(json.loads((out / "metrics.json").read_text())["files"]) == {written}


def test_a_lookup_table_needs_test_faces(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("train_cnn.py", "--data", folder / "training.csv", "--out", tmp_path / "run",
               "--lookup", folder / "lookup.csv", expect=2)  # fmt: skip
    assert done.stderr.count("\n") == 1
    assert "--test" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_cascade_says_what_its_second_level_brought(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("train_cascade.py", "--epochs", 1, "--level-2-epochs", 1, "--data", folder / "training.csv",
               "--out", tmp_path / "run")  # fmt: skip
    assert "level 1  level 2" in done.stdout
    for column in COLUMNS[::2]:
        assert f"\n{column.removesuffix('_x')} " in done.stdout
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    total = next(line.split() for line in done.stdout.splitlines() if line.startswith("all "))
    assert metrics["rmse_px"] == pytest.approx(
        float(total[2]), abs=0.006
    )  # held-out faces are scored, by a weighing without them
    assert len(metrics["stopped"]) == 1 + 9  # the first network, and one for each point or pair


def test_the_same_seed_gives_the_same_model(run: Run, folder: Path, tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 3)):
        run("train_cnn.py", "--epochs", 1, "--data", folder / "training.csv", "--out", tmp_path / name,
            "--threads", threads)  # fmt: skip
    with np.load(tmp_path / "a" / "model.npz") as a, np.load(tmp_path / "b" / "model.npz") as b:
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def truncated_zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "training.csv", "training.csv")
    path.write_bytes(path.read_bytes()[:-1000])


def changed(old: str, new: str) -> Callable[[Path, Path], object]:
    """Replaces the first occurrence of `old` in the training file."""
    return lambda folder, path: path.write_text((folder / "training.csv").read_text().replace(old, new, 1))


def coordinate(value: str) -> Callable[[Path, Path], object]:
    return first_face(lambda fields: fields.__setitem__(0, value))


def first_face(change: Callable[[list[str]], object]) -> Callable[[Path, Path], object]:
    """Changes the fields of the first row."""

    def write(folder: Path, path: Path) -> None:
        header, row, rest = (folder / "training.csv").read_text().split("\n", 2)
        fields = row.split(",")
        change(fields)
        path.write_text("\n".join([header, ",".join(fields), rest]))

    return write


def pixels(change: Callable[[list[str]], list[str]]) -> Callable[[Path, Path], object]:
    return first_face(lambda fields: fields.__setitem__(30, " ".join(change(fields[30].split()))))


BAD_FILES: dict[str, tuple[Callable[[Path, Path], object], list[str]]] = {
    "missing": (lambda folder, path: None, ["no file of this name"]),
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
}  # fmt: skip


@pytest.mark.parametrize(("write", "expected"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_line_and_nothing_is_written(
    run: Run, write: Callable[[Path, Path], object], expected: list[str], folder: Path, tmp_path: Path
) -> None:
    write(folder, tmp_path / "bad.csv")
    before = sorted(tmp_path.iterdir())
    done = run("train_mlp.py", "--data", tmp_path / "bad.csv", "--out", tmp_path / "run", expect=2)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    for part in ("bad.csv", *expected):
        assert part in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_no_complete_row(run: Run, folder: Path, tmp_path: Path) -> None:
    faces = load_faces(folder / "training.csv")
    save_faces(faces.select(~faces.complete), tmp_path / "bad.csv")
    done = run("train_cnn.py", "--rows", "complete", "--data", tmp_path / "bad.csv", expect=2)
    assert "0 of" in done.stderr
    assert "use --rows all" in done.stderr


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1,1,third_eye_x,", ["line 2", "FeatureName", "'third_eye_x'"]),
        ("1,99,nose_tip_x,", ["line 2", "image 99", "test file"]),
    ],
    ids=["unknown point", "unknown image"],
)
def test_a_lookup_table_that_asks_for_too_much(
    run: Run, row: str, expected: list[str], folder: Path, tmp_path: Path
) -> None:
    run("train_mlp.py", "--epochs", 1, "--data", folder / "training.csv", "--out", tmp_path / "run")
    (tmp_path / "lookup.csv").write_text(f"RowId,ImageId,FeatureName,Location\n{row}\n")
    done = run("predict.py", "--model", tmp_path / "run", "--data", folder / "test.zip",
               "--lookup", tmp_path / "lookup.csv", "--out", tmp_path / "submission.csv", expect=2)  # fmt: skip
    assert done.stderr.count("\n") == 1
    for part in ("lookup.csv", *expected):
        assert part in done.stderr
    assert not (tmp_path / "submission.csv").exists()


@pytest.mark.parametrize("script", EXAMPLES)
def test_help(run: Run, script: str) -> None:
    done = run(script, "--help")
    assert "--out" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_table_of_ingredients(run: Run, folder: Path, tmp_path: Path) -> None:
    """A row for the mean face, and two numbers for each recipe; nothing is written."""
    done = run(
        "experiments/ingredients.py", "--data", folder / "training.csv", "--epochs", 1, "--out", tmp_path / "run"
    )
    assert done.stderr == ""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    assert rows[0][0] == "1 epoch; validation RMSE"
    assert [row[0] for row in rows[2:4]] == ["mean face", "everything"]
    for name, *scores in rows[3:]:
        assert len(scores) == 2, name
        assert all(0 < float(score.removesuffix(" px")) < 100 for score in scores)
    assert len(rows) > 10
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_what_level_2_is_made_of(run: Run, folder: Path, tmp_path: Path) -> None:
    """With everything it is what the training said."""
    data, out = ("--data", folder / "training.csv"), tmp_path / "run"
    run("train_cascade.py", "--recipe", "best", "--epochs", 1, "--level-2-epochs", 1, *data, "--out", out)
    done = run("experiments/cascade_ingredients.py", "--model", out, *data)
    assert done.stderr == ""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    table = {name: float(number.removesuffix(" px")) for name, number in cells[2:]}
    assert len(table) == 8
    metrics = json.loads((out / "metrics.json").read_text())
    assert table["everything"] == pytest.approx(metrics["rmse_px"], abs=0.0006)


def test_a_table_of_level_2_wants_one(run: Run, folder: Path, tmp_path: Path) -> None:
    data = "--data", folder / "training.csv"
    run("train_cnn.py", "--epochs", 1, *data, "--out", tmp_path / "run")
    done = run("experiments/cascade_ingredients.py", "--model", tmp_path / "run", *data, expect=2)
    assert "a network without a level 2" in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_example_is_run() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    trained = {arguments[0] for arguments in TRAINING.values()}
    for script in EXAMPLES:
        assert script in trained or f'"{script}"' in tests, script
