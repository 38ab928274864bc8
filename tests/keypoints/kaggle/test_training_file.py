"""Reading faces: a mistake in a file is a DataError that names its place and a fix."""

from __future__ import annotations

import gzip
import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.faces import COLUMNS, Faces
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.training_file import load_faces, save_faces

HEADER = ",".join((*COLUMNS, "Image"))
PIXELS = " ".join(str(value % 256) for value in range(9216))


def row(coordinates: str = "48.5", pixels: str = PIXELS) -> str:
    return ",".join([coordinates] * 30 + [pixels])


def training(*rows: str, header: str = HEADER) -> bytes:
    return ("\n".join((header, *rows)) + "\n").encode()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_csv", ".csv"), content)
    return stream.getvalue()


def with_field(column: str, field: str) -> bytes:
    """A good row, then one with `field` in `column`."""
    fields = dict.fromkeys(COLUMNS, "48.5") | {"Image": PIXELS, column: field}
    return training(row(), ",".join(fields.values()))


GOOD = training(row(), row(""))
DAMAGED_ZIP = bytearray(zipped(a_csv=training(*[row()] * 50)))
DAMAGED_ZIP[900:910] = bytes(10)

BAD_FILES = {
    # name: (content, parts of the message)
    "empty": (b"", ["an empty file", "expected a CSV"]),
    "blank": (b"\n\n", ["line 1", "no header"]),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(50), ["a PNG picture", "expected a CSV"]),
    "web page": (b"\n<!DOCTYPE html><html>", ["a web page"]),
    "utf-16": ("ImageId,Image\n".encode("utf-16"), ["UTF-16", "CSV (UTF-8)"]),
    "binary": (bytes(range(1, 50)) + bytes(50), ["a binary file"]),
    "one endless line": (b"1 " * 600_000, ["line 1", "1,000,000 bytes"]),
    "header only": (HEADER.encode(), ["a header without rows"]),
    "no header": (training(header=row()), ["line 1", "no header"]),
    "semicolons": (GOOD.replace(b",", b";"), ["line 1", "with commas, not with semicolons"]),
    "old mac line ends": (GOOD.replace(b"\n", b"\r"), ["line 1", "carriage return"]),
    "no image": (training(header=",".join(COLUMNS)), ["line 1", "no column Image"]),
    "renamed column": (GOOD.replace(b"nose_tip_x", b"nose_x"), ["line 1", "no column nose_tip_x", "is it 'nose_x'?"]),
    "missing columns": (training(header="nose_tip_x,nose_tip_y,Image"), ["line 1", "left_eye_center_x", "and 25 more"]),
    "column twice": (training(header=HEADER + ",Image"), ["line 1, column Image", "two columns"]),
    "test file with x1": (
        training(f"1,2,{PIXELS}", header="ImageId,x1,Image"),
        ["line 1, column x1", "no column of a test file"],
    ),
    "image alone": (training(PIXELS, header="Image"), ["line 1", "no column left_eye_center_x"]),
    "9215 pixels": (with_field("Image", PIXELS[:-4]), ["line 3, column Image", "9,215 pixels", "9,216"]),
    "9217 pixels": (with_field("Image", PIXELS + " 0"), ["line 3, column Image", "9,217 pixels", "9,216"]),
    "cut in the pixels": (training(row(), row())[:-20_000], ["line 3, column Image", "pixels", "was cut"]),
    "cut in a coordinate": (training(row(), "48.5,48"), ["line 3, column right_eye_center_x", "2 fields", "31", "cut"]),
    "no pixels": (with_field("Image", ""), ["line 3, column Image", "an empty field"]),
    "pixel 256": (with_field("Image", "256" + PIXELS[1:]), ["line 3, column Image", "pixel 1 = '256'", "0..255"]),
    "pixel 1000": (with_field("Image", "1000" + PIXELS[1:]), ["pixel 1 = '1000'"]),
    "pixel -1": (with_field("Image", "0 -1" + PIXELS[3:]), ["pixel 2 = '-1'"]),
    "pixel x": (with_field("Image", PIXELS[:-3] + " x"), ["pixel 9,216 = 'x'"]),
    "pixel 1.5": (with_field("Image", "1.5" + PIXELS[1:]), ["pixel 1 = '1.5'"]),
    "pixel in Arabic digits": (with_field("Image", "٣" + PIXELS[1:]), ["pixel 1 = '٣'"]),
    "pixels not separated": (with_field("Image", "7" * 9216), ["pixel 1 = '777", "...' (9,216 characters)"]),
    "pixels by tabs": (with_field("Image", PIXELS.replace(" ", "\t")), ["pixel 1 = '0\\t1"]),
    "pixels by commas": (with_field("Image", PIXELS.replace(" ", ",")), ["line 3", "9246 fields", "31"]),
    "coordinate abc": (with_field("nose_tip_x", "abc"), ["line 3, column nose_tip_x", "'abc'", "leave"]),
    "coordinate 1_0": (with_field("nose_tip_x", "1_0"), ["'1_0'"]),
    "coordinate nan": (with_field("nose_tip_x", "nan"), ["'nan'", "nothing for a missing label"]),
    "coordinate inf": (with_field("nose_tip_x", "-inf"), ["'-inf'"]),
    "coordinate 1e9": (with_field("nose_tip_y", "1e9"), ["line 3, column nose_tip_y", "far outside", "-96..192"]),
    "coordinate -97": (with_field("nose_tip_y", "-97"), ["far outside", "-96..192"]),
    "too many fields": (training(row(), row() + ",1"), ["line 3", "32 fields", "31"]),
    "decimal comma": (with_field("nose_tip_y", "48,5"), ["line 3", "32 fields", "decimals with a point"]),
    "open quote": (with_field("nose_tip_y", '"48'), ["line 3", "double quote"]),
    "latin-1": (with_field("nose_tip_y", "é").replace(b"\xc3", b""), ["line 3, column nose_tip_y", "0xa9", "UTF-8"]),
    "zero byte": (with_field("nose_tip_y", "\0"), ["line 3, column nose_tip_y", r"'\x00'"]),
    "id abc": (training(f"abc,{PIXELS}", header="ImageId,Image"), ["line 2, column ImageId", "'abc'"]),
    "id 1.5": (training(f"1.5,{PIXELS}", header="ImageId,Image"), ["'1.5'", "whole number"]),
    "id too long": (training(f"{'9' * 99},{PIXELS}", header="ImageId,Image"), ["a whole number", "(99 characters)"]),
    "id twice": (
        training(f"7,{PIXELS}", f"7,{PIXELS}", header="ImageId,Image"),
        ["line 3", "id 7, which is also on line 2"],
    ),
    "zip without csv": (zipped(readme=b"hello"), ["no .csv", "readme"]),
    "zip of nothing": (zipped(), ["an empty zip archive"]),
    "zip with two": (zipped(a_csv=GOOD, b_csv=GOOD), ["2 .csv files (a.csv, b.csv)", "unpack it"]),
    "zip of a png": (zipped(a_csv=b"\x89PNG"), ["bad.csv (a.csv): got a PNG picture"]),
    "zip with a mistake": (
        zipped(a_csv=with_field("Image", "1")),
        ["bad.csv (a.csv), line 3, column Image: got 1 pixels"],
    ),
    "cut zip": (zipped(a_csv=GOOD)[:-30], ["cannot be unpacked", "damaged or cut"]),
    "damaged zip": (bytes(DAMAGED_ZIP), ["cannot be unpacked", "damaged or cut"]),
    "cut gzip": (gzip.compress(GOOD)[:-30], ["cannot be unpacked", "damaged or cut"]),
    "gzip, nothing but its magic": (b"\x1f\x8b", ["cannot be unpacked"]),
    "gzip of a gzip": (gzip.compress(gzip.compress(GOOD)), ["a gzip file inside the archive"]),
}


@pytest.mark.parametrize(("content", "parts"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_has_a_message_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, parts: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # a long path would take the room of the rest
    path = Path("bad.csv")
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_faces(path, cache=False)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert [part for part in parts if part not in message] == [], message
    assert message.isprintable()
    assert len(message) < len(str(path)) + 550
    assert ", expected " in message


def test_a_missing_file_names_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "training.zip").touch()
    with pytest.raises(DataError, match=r"trainin\.zip: got no file of this name, .*; is it '.*training\.zip'\?"):
        load_faces(tmp_path / "trainin.zip")
    with pytest.raises(DataError, match="no file of this name, .*; check the path"):
        load_faces(tmp_path / "nowhere" / "training.zip")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder, expected a CSV.*; give the path of the file in it"):
        load_faces(tmp_path)


WRITINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "windows line ends": lambda content: content.replace(b"\n", b"\r\n"),
    "no last line end": lambda content: content.rstrip(),
    "blank lines": lambda content: content.replace(b"\n", b"\n\n"),
    "more spaces": lambda content: content.replace(b" ", b"  ").replace(b"\n", b" \n").replace(b",", b", "),
    "quotes": lambda content: b'"' + content.rstrip().replace(b",", b'","').replace(b"\n", b'"\n"') + b'"',
    "zip under the name of a csv": lambda content: zipped(a_csv=content),
    "zip from a mac": lambda content: zipped(a_csv=content, **{"__MACOSX/._a_csv": b"\0"}),
    "gzip": gzip.compress,
    "one more column": lambda content: content.replace(b"\n", b",a\n"),
}


@pytest.mark.parametrize("rewrite", WRITINGS.values(), ids=WRITINGS.keys())
def test_other_ways_to_write_the_same_table(tmp_path: Path, rewrite: Callable[[bytes], bytes]) -> None:
    (tmp_path / "faces.csv").write_bytes(rewrite(GOOD))
    faces = load_faces(tmp_path / "faces.csv", cache=False)
    assert (faces.images == (np.arange(9216) % 256).reshape(96, 96)).all()
    assert (faces.points[0] == 48.5).all()
    assert np.isnan(faces.points[1]).all()
    assert faces.image_ids.tolist() == [1, 2]


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    fields = {column: str(index) for index, column in enumerate(COLUMNS)} | {"Image": PIXELS, "ImageId": "9"}
    names = sorted(fields)
    (tmp_path / "faces.csv").write_bytes(training(",".join(fields[name] for name in names), header=",".join(names)))
    faces = load_faces(tmp_path / "faces.csv", cache=False)
    assert faces.points[0].ravel().tolist() == list(range(30))
    assert faces.image_ids.tolist() == [9]


def test_a_test_file_has_no_points(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_bytes(training(f"5,{PIXELS}", f"3,{PIXELS}", header="ImageId,Image"))
    faces = load_faces(tmp_path / "test.csv", cache=False)
    assert faces.image_ids.tolist() == [5, 3]
    assert np.isnan(faces.points).all()
    assert not faces.complete.any()


def test_damaged_bytes_raise_nothing_else(tmp_path: Path) -> None:
    """A thousand mutated files: each loads or is a DataError, never another error or a warning."""
    rng = np.random.default_rng(0)
    sources = [GOOD, zipped(a_csv=GOOD), gzip.compress(GOOD)]
    path = tmp_path / "fuzzed.csv"
    loaded = refused = 0
    for trial in range(1000):
        content = bytearray(sources[trial % 3])
        for _ in range(rng.integers(1, 4)):
            position = int(rng.integers(len(content)) ** rng.choice([1.0, 0.6]))
            content[position : position + rng.integers(3)] = rng.bytes(int(rng.integers(3)))
        path.write_bytes(content)
        try:
            load_faces(path, cache=False)
            loaded += 1
        except DataError as error:
            refused += str(error).isprintable() and len(str(error)) < 300
    assert loaded + refused == 1000
    assert refused > 500


def some_faces(count: int = 5, first_id: int = 1, labelled: bool = True) -> Faces:
    rng = np.random.default_rng(1)
    points = rng.uniform(-20, 120, (count, 15, 2)).astype(np.float32)
    points[0, 3:] = np.nan
    points[1, 2, 0] = 1 / 3
    images = rng.integers(0, 256, (count, 96, 96), dtype=np.uint8)
    return Faces(images, points if labelled else points * np.float32(np.nan), np.arange(first_id, first_id + count))


@pytest.mark.parametrize("name", ["faces.csv", "faces.zip", "faces.gz", "faces.csv.gz"])
@pytest.mark.parametrize(("first_id", "labelled"), [(1, True), (40, True), (1, False), (40, False)])
def test_saved_faces_come_back_to_the_bit(tmp_path: Path, name: str, first_id: int, labelled: bool) -> None:
    faces = some_faces(first_id=first_id, labelled=labelled)
    save_faces(faces, tmp_path / name)
    save_faces(faces, tmp_path / f"again-{name}")
    loaded = load_faces(tmp_path / name, cache=False)
    np.testing.assert_array_equal(loaded.images, faces.images)
    np.testing.assert_array_equal(loaded.points, faces.points)
    np.testing.assert_array_equal(loaded.image_ids, faces.image_ids)


@pytest.mark.parametrize("name", ["faces.csv", "faces.zip", "faces.gz"])
def test_the_same_faces_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save_faces(some_faces(), tmp_path / folder / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert len(list((tmp_path / "a").iterdir())) == 1


def test_the_header_is_kaggles(tmp_path: Path) -> None:
    save_faces(some_faces(), tmp_path / "faces.csv")
    assert (tmp_path / "faces.csv").read_text().splitlines()[0] == HEADER
    assert HEADER.startswith("left_eye_center_x,left_eye_center_y,right_eye_center_x")
    assert HEADER.endswith("mouth_center_bottom_lip_x,mouth_center_bottom_lip_y,Image")


def test_another_ending_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'\.npz', expected \.csv, \.zip or \.gz"):
        save_faces(some_faces(), tmp_path / "faces.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "field", ["1" * 20_000 + "x", "1" * 900_000 + "x", "." * 900_000, "1." + "0" * 900_000, "1e999"]
)
def test_a_long_field_is_refused_at_once(tmp_path: Path, field: str) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{','.join([field, *['1'] * 29, PIXELS])}\n")
    began = time.process_time()
    with pytest.raises(DataError) as caught:
        load_faces(tmp_path / "a.csv", cache=False)
    assert time.process_time() - began < 0.5
    assert len(str(caught.value)) < 300


def test_memory_is_that_of_the_faces(tmp_path: Path) -> None:
    count = 600
    path = tmp_path / "a.gz"
    path.write_bytes(
        gzip.compress(f"ImageId,Image\n{''.join(f'{i},{PIXELS}' + chr(10) for i in range(count))}".encode())
    )
    tracemalloc.start()
    assert len(load_faces(path, cache=False)) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * count * 9216 + 6_000_000  # the lists of images and their stack were twice that
