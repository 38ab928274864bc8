"""Kaggle's archive of all its files, folders of them, and other zips of several tables."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.archives import LOOKUP, TEST, TRAINING, candidates
from nnscratch.keypoints.kaggle.files import DataError, Limits, open_lines, table_file
from nnscratch.keypoints.kaggle.submission import read_lookup
from nnscratch.keypoints.kaggle.training_file import load_faces, save_faces

LOOKUP_TABLE = "RowId,ImageId,FeatureName,Location\n1,1,nose_tip_x,\n"


def packed(members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.fixture(scope="module")
def faces() -> Faces:
    return draw_faces(3, seed=0)


@pytest.fixture(scope="module")
def kaggle(faces: Faces, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes | str]:
    """What is in facial-keypoints-detection.zip."""
    folder = tmp_path_factory.mktemp("tables")
    save_faces(faces, folder / "training.csv")
    rows = [f"{i},{' '.join(map(str, image.ravel()))}" for i, image in enumerate(faces.images[:2], 1)]
    return {
        "IdLookupTable.csv": LOOKUP_TABLE,
        "SampleSubmission.csv": "RowId,Location\n1,0\n",
        "test.zip": packed({"test.csv": "ImageId,Image\n" + "\n".join(rows)}),
        "training.zip": packed({"training.csv": (folder / "training.csv").read_bytes()}),
    }


def check(path: Path, faces: Faces) -> None:
    training, test = load_faces(path), load_faces(path, wanted=TEST)
    np.testing.assert_array_equal(training.images, faces.images)
    np.testing.assert_allclose(training.points, faces.points, atol=1e-3)
    np.testing.assert_array_equal(test.images, faces.images[:2])
    assert np.isnan(test.points).all()
    assert read_lookup(path).image_ids.tolist() == [1]
    again = load_faces(path), load_faces(path, wanted=TEST)  # from the cache
    assert [len(each) for each in again] == [3, 2]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_kaggles_whole_archive(
    method: int, tmp_path: Path, faces: Faces, kaggle: dict[str, bytes | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "downloaded.zip").write_bytes(packed(kaggle, method))
    check(tmp_path / "downloaded.zip", faces)


@pytest.mark.parametrize("kind", ["its files", "unpacked", "the archive", "other cases"])
def test_a_folder_of_kaggles_files(
    kind: str, tmp_path: Path, faces: Faces, kaggle: dict[str, bytes | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "kaggle"
    folder.mkdir()
    if kind == "the archive":
        (folder / "facial-keypoints-detection.zip").write_bytes(packed(kaggle))
    else:
        for name, content in kaggle.items():
            path = folder / (name.upper() if kind == "other cases" else name)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    if kind == "unpacked":
        for name in ("test", "training"):
            with zipfile.ZipFile(folder / f"{name}.zip") as archive:
                archive.extractall(folder)
            (folder / f"{name}.zip").write_bytes(b"not read, since the CSV is there")
    check(folder, faces)


def test_a_folder_without_the_table(tmp_path: Path) -> None:
    for names, there in (((), "it is empty"), (("faces.csv", "test.zip"), "faces.csv, test.zip")):
        for name in names:
            (tmp_path / name).write_bytes(b"")
        with pytest.raises(DataError) as caught:
            load_faces(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path}: got a folder, expected a CSV, plain, zipped or gzipped, or a folder with training.csv or "
            f"training.zip; give the path of the file in it ({there})"
        )
    with pytest.raises(DataError, match=r"a folder with IdLookupTable\.csv or"):
        read_lookup(tmp_path)


@pytest.mark.parametrize("wanted", [TRAINING, TEST, LOOKUP])
def test_which_member_is_read(wanted: str) -> None:
    names = ["a/b.csv", f"a/{wanted.upper()}.CSV", f"{wanted}.zip", f"{wanted}.csv.gz", "__MACOSX/._a.csv"]
    assert candidates(names, wanted) == names[1:2]
    assert candidates([names[0], *names[2:]], wanted) == names[2:3]
    assert candidates([names[0], *names[3:]], wanted) == names[3:4]
    assert candidates([names[0], names[4]], wanted) == names[:1]
    assert candidates([f"__MACOSX/._{wanted}.csv", f"{wanted}.csv/"], wanted) == []
    assert candidates([f"a/{wanted}.csv", f"b/{wanted}.csv"], wanted) == [f"a/{wanted}.csv", f"b/{wanted}.csv"]


WRONG: dict[str, tuple[dict[str, bytes | str], str]] = {
    "several": ({"a.csv": "", "b.csv": "", "c.txt": ""}, r"got a zip with 2 \.csv files \(a\.csv, b\.csv\), expected "
                r"a zip that holds one \.csv, or training\.csv or training\.zip; unpack it"),
    "twice": ({"a/training.csv": "", "b/training.csv": ""}, r"2 \.csv files \(a/training\.csv, b/training\.csv\)"),
    "the test alone": ({"test.zip": packed({"test.csv": ""}), "IdLookupTable.csv": "", "SampleSubmission.csv": ""},
                       r"2 \.csv files \(IdLookupTable\.csv, SampleSubmission\.csv, test\.zip\)"),
    "no table": ({"readme.txt": ""}, r"a zip with no \.csv files \(readme\.txt\)"),
    "several in the inner one": ({"training.zip": packed({"a.csv": "", "b.csv": ""})}, r"\(a\.csv, b\.csv\)"),
    "a zip in the inner one": ({"training.zip": packed({"training.zip": packed({"training.csv": ""})})},
                               r"\(training\.zip/training\.zip\): got a zip inside the archive"),
    "a damaged inner one": ({"training.zip": packed({"training.csv": "x" * 999})[:70]}, "cannot be unpacked"),
    "a picture": ({"training.zip": b"\x89PNG...."}, r"\(training\.zip\): got a PNG picture"),
    "a zip called CSV": ({"training.csv": packed({"a.csv": ""})}, r"\(training\.csv\): got a zip inside the archive"),
    "an inner one with a password": ({"training.zip": packed({"training.csv": "one"}).replace(
        b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01").replace(b"PK\x01\x02\x14\x03\x14\x00\x00",
                                                                      b"PK\x01\x02\x14\x03\x14\x00\x01")},
        "cannot be unpacked"),
}  # fmt: skip


@pytest.mark.parametrize(("members", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_read(
    members: dict[str, bytes | str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a long path would take the room of the rest
    Path("all.zip").write_bytes(packed(members))
    with pytest.raises(DataError, match=rf"^all\.zip.*{message}") as caught:
        load_faces("all.zip", cache=False)
    assert "\n" not in str(caught.value)


def test_errors_name_the_file_in_the_inner_archive(tmp_path: Path, kaggle: dict[str, bytes | str]) -> None:
    table = "ImageId,Image\n1,1 2 3\n"
    (tmp_path / "all.zip").write_bytes(packed({**kaggle, "test.zip": packed({"test.csv": table})}))
    with pytest.raises(DataError, match=r"all\.zip \(test\.zip/test\.csv\), line 2, column Image: got 3 pixels"):
        load_faces(tmp_path / "all.zip", wanted=TEST, cache=False)


def test_a_gzipped_table_in_a_zip(tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {"training.csv.gz": gzip.compress(b"one\n"), "test.csv": "two"}
    (tmp_path / "all.zip").write_bytes(packed(members))
    with open_lines(tmp_path / "all.zip") as lines:
        assert list(lines) == [(1, b"one")]
        assert lines.file.endswith("all.zip (training.csv.gz)")


def line_ends() -> bytes:
    return packed({"training.csv": b"\n" * (1 << 23)})


BOMBS: dict[str, Callable[[], bytes]] = {
    "line ends": lambda: packed({"training.zip": line_ends()}, zipfile.ZIP_STORED),
    "line ends, packed twice": lambda: packed({"training.zip": line_ends()}),
    "an inner archive of 8 MB": lambda: packed({"training.zip": b"PK\x03\x04" + b"\0" * (1 << 23)}),
    "an inner directory of 1.1 MB": lambda: packed(
        {"training.zip": packed({f"{i:0200}.csv": "" for i in range(4500)})}
    ),
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_an_archive_in_an_archive_takes_no_more_memory(make: Callable[[], bytes], tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(make())
    tracemalloc.start()
    with pytest.raises(DataError), open_lines(tmp_path / "all.zip", Limits(unpacked=1 << 22)) as lines:
        list(lines)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


def test_a_path_that_is_no_folder_is_the_file(tmp_path: Path) -> None:
    for name in ("a.csv", "no such file", "a\0b"):
        assert table_file(tmp_path / name, TRAINING) == tmp_path / name
