"""predict.py: all coordinates, or Kaggle's submission, from a run's folder."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints import networks
from nnscratch.keypoints.faces import COLUMNS
from nnscratch.keypoints.predictors import SingleNetwork
from tests.pages.parsed_page import check_page


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a network that has not been trained."""
    folder = tmp_path / "run"
    folder.mkdir()
    SingleNetwork(networks.report_mlp(rng=0), both_ways=True).save(folder)
    return folder


def test_all_coordinates_and_a_submission(run: Any, run_here: Any, model: Path, folder: Path, tmp_path: Path) -> None:
    given = "--model", model, "--data", folder / "test.zip"
    done = run("predict.py", *given, "--out", tmp_path / "points.csv")
    assert done.stderr == ""
    assert "12 faces, 30 coordinates each" in done.stdout
    lines = (tmp_path / "points.csv").read_text().splitlines()
    assert lines[0] == ",".join(("ImageId", *COLUMNS))
    assert [line.split(",")[0] for line in lines[1:]] == [str(i) for i in range(1, 13)]
    points = np.array([[float(value) for value in line.split(",")[1:]] for line in lines[1:]])
    assert points.shape == (12, 30)

    lookup = "--lookup", folder / "lookup.csv"
    done = run_here("predict.py", *given, *lookup, "--out", tmp_path / "submission.csv")
    assert "60 values for 12 faces" in done.stdout
    lines = (tmp_path / "submission.csv").read_text().splitlines()
    assert lines[0] == "RowId,Location"
    values = np.array([float(line.split(",")[1]) for line in lines[1:]])
    np.testing.assert_allclose(values, np.clip(points[[0, 11]].ravel(), 0, 95), atol=1e-9)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1,1,third_eye_x,", ["line 2", "FeatureName", "'third_eye_x'"]),
        ("1,99,nose_tip_x,", ["line 2", "image 99", "test file"]),
    ],
    ids=["unknown point", "unknown image"],
)
def test_a_lookup_table_that_asks_for_too_much(
    run_here: Any, row: str, expected: list[str], model: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "lookup.csv").write_text(f"RowId,ImageId,FeatureName,Location\n{row}\n")
    given = "--model", model, "--data", folder / "test.zip", "--lookup", tmp_path / "lookup.csv"
    done = run_here("predict.py", *given, "--out", tmp_path / "submission.csv", expect=2)
    assert done.stderr.count("\n") == 1
    for part in ("lookup.csv", *expected):
        assert part in done.stderr
    assert not (tmp_path / "submission.csv").exists()


def test_a_folder_that_is_no_run(run_here: Any, folder: Path, tmp_path: Path) -> None:
    given = "--model", tmp_path, "--data", folder / "test.zip", "--out", tmp_path / "points.csv"
    done = run_here("predict.py", *given, expect=2)
    assert done.stderr.count("\n") == 1
    assert "a folder without model.npz" in done.stderr


def test_it_does_not_replace_what_it_reads(run_here: Any, model: Path, folder: Path, tmp_path: Path) -> None:
    test, before = tmp_path / "test.zip", (folder / "test.zip").read_bytes()
    test.write_bytes(before)
    for out in (test, model / "model.npz"):
        done = run_here("predict.py", "--model", model, "--data", test, "--out", out, expect=2)
        assert "got a file that is read" in done.stderr
        assert done.stderr.count("\n") == 1
    assert test.read_bytes() == before


def test_an_output_that_cannot_be_written_is_found_before_the_work(run_here: Any, model: Path, tmp_path: Path) -> None:
    given = "--model", model, "--data", tmp_path / "missing.csv"
    for out, expected in ((tmp_path, "got a folder"), (tmp_path / "no" / "a.csv", "a folder that does not exist")):
        done = run_here("predict.py", *given, "--out", out, expect=2)
        assert expected in done.stderr


def test_a_run_that_is_just_being_replaced(run_here: Any, model: Path, folder: Path, tmp_path: Path) -> None:
    (model / ".arriving").mkdir()
    given = "--model", model, "--data", folder / "test.zip", "--out", tmp_path / "points.csv"
    done = run_here("predict.py", *given, expect=2)
    assert "got files of two runs" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN or infinite"), (1e30, "answers beyond 1,000,000 px")])
def test_a_network_that_diverged_ends_in_one_line(
    run_here: Any, model: Path, folder: Path, tmp_path: Path, value: float, message: str
) -> None:
    network = networks.report_mlp(rng=0)
    network.layers[-1].params["weight"][:] = value
    SingleNetwork(network).save(model)
    given = "--model", model, "--data", folder / "test.zip"
    done = run_here("predict.py", *given, "--out", tmp_path / "p.csv", expect=2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 300
    assert not (tmp_path / "p.csv").exists()


def test_a_page_to_look_at(run_here: Any, model: Path, folder: Path, tmp_path: Path) -> None:
    given = "--model", model, "--data", folder / "test.zip", "--out", tmp_path / "points.csv"
    done = run_here("predict.py", *given, "--html", tmp_path / "points.html")
    assert "page for a browser written to" in done.stdout
    page = check_page((tmp_path / "points.html").read_text(encoding="utf-8"))
    assert page.headings[0] == (1, "Points by run")
    for part in ("faces 12 ", "test.zip", "points.csv", "--html", "Most uncertain"):
        assert part in page.text, part


def test_a_page_that_cannot_be_written_is_found_before_the_work(
    run_here: Any, model: Path, folder: Path, tmp_path: Path
) -> None:
    given = "--model", model, "--data", folder / "test.zip", "--out", tmp_path / "points.csv"
    cases = {
        tmp_path / "points.csv": "the file of --out",
        tmp_path / "no" / "a.html": "give another --html",
        model / "model.npz": "give another --html",
        tmp_path: "got a folder",
    }
    for page, expected in cases.items():
        done = run_here("predict.py", *given, "--html", page, expect=2)
        assert expected in done.stderr
        assert done.stderr.strip().count("\n") == 0
        assert not (tmp_path / "points.csv").exists()


def test_kaggles_whole_archive_and_a_folder_of_its_files(
    run_here: Any, model: Path, folder: Path, tmp_path: Path
) -> None:
    kaggle = tmp_path / "kaggle"
    kaggle.mkdir()
    for name, source in (("test.zip", "test.zip"), ("IdLookupTable.csv", "lookup.csv"), ("training.csv", "lookup.csv")):
        (kaggle / name).write_bytes((folder / source).read_bytes())
    with zipfile.ZipFile(tmp_path / "facial-keypoints-detection.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in kaggle.iterdir():
            archive.write(path, path.name)
    for data in (kaggle, tmp_path / "facial-keypoints-detection.zip"):
        out = tmp_path / "submission.csv"
        given = "--model", model, "--data", data, "--lookup", data
        assert "60 values for 12 faces" in run_here("predict.py", *given, "--out", out).stdout
        out.unlink()
    done = run_here("predict.py", *given[:2], "--data", kaggle, "--out", kaggle / "test.zip", expect=2)
    assert "got a file that is read" in done.stderr


def test_predictions_in_the_folder_of_the_run_can_be_made_again(run_here: Any, model: Path, folder: Path) -> None:
    for _ in range(2):
        run_here("predict.py", "--model", model, "--data", folder / "test.zip", "--out", model / "points.csv")


def test_json_holds_what_the_csv_does(run_here: Any, model: Path, folder: Path, tmp_path: Path) -> None:
    given = "--model", model, "--data", folder / "test.zip"
    done = run_here("predict.py", *given, "--json", "-")
    assert list(tmp_path.glob("*.csv")) == []
    faces = json.loads(done.stdout)["faces"]
    done = run_here("predict.py", *given, "--out", tmp_path / "points.csv", "--json", tmp_path / "a.json", "--quiet")
    assert (done.stdout, done.stderr) == ("", "")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["faces"] == faces
    names, *rows = (line.split(",") for line in (tmp_path / "points.csv").read_text().splitlines())
    assert [dict(zip(names, map(float, row), strict=True)) for row in rows] == faces


def test_something_must_be_written_and_nothing_twice(run_here: Any, model: Path, folder: Path, tmp_path: Path) -> None:
    given = "--model", model, "--data", folder / "test.zip"
    for more in ((), ("--lookup", folder / "lookup.csv"), ("--html", tmp_path / "a.html")):
        done = run_here("predict.py", *given, *(("--json", "-", *more) if more else ()), expect=2)
        assert "argument --out: got none" in done.stderr
    done = run_here("predict.py", *given, "--out", tmp_path / "a", "--json", tmp_path / "a", expect=2)
    assert "got the file of --out, expected another one; give another --json" in done.stderr
