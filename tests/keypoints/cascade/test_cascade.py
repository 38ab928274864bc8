"""Cascades: levels in turn, their crops and passes; saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, to_network_input, to_points, to_targets
from nnscratch.keypoints.geometry.conventions import LabelConventions
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.metrics import mean_face
from nnscratch.keypoints.mirror_pass import both_ways

REFERENCE = symmetrical(mean_face(draw_faces(40, seed=0, missing=False).points))
NOSE, LIP = POINTS.index("nose_tip"), POINTS.index("mouth_center_top_lip")


class Constant(nn.Layer):
    """A level-1 network that always says the same face; it notes its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = to_targets(REFERENCE[np.newaxis])
        self.batches: list[int] = []

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.batches.append(len(x))
        return np.repeat(self.answer, len(x), axis=0)


def dense(n_in: int, n_out: int, seed: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(n_in, n_out, weight_init="normal(0.01)", rng=seed))


def test_without_levels_it_is_its_network_both_ways() -> None:
    network, images = dense(9216, 30, seed=1), draw_faces(5, seed=1).images
    found = Cascade(network, REFERENCE).predict_points(images)
    np.testing.assert_array_equal(found, to_points(both_ways(network, to_network_input(images))[0]))


def some_cascade() -> Cascade:
    regions = (
        Region("eye_40", ("left_eye_center", "left_eye_inner_corner"), 8, 40.0),
        Region("nose", ("nose_tip",), 6, 20.5, window=5),
    )
    networks = dense(64, 4, seed=2), dense(36, 2, seed=3)
    rng = np.random.default_rng(4)
    first, second = (
        Blend(rng.normal(0, 0.01, (61, 30)), rng.normal(0, 1, 30), np.arange(15) == off, 30.0) for off in (5, 6)
    )
    levels = (
        Level(regions, networks, (first, second)),
        Level(regions[1:], (dense(36, 2, seed=5),), (Blend.none(),)),
    )
    return Cascade(dense(9216, 30, seed=1), REFERENCE, levels)


def test_saved_and_loaded(tmp_path: Path) -> None:
    saved = some_cascade()
    files = saved.save(tmp_path)
    assert sorted(files) == sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == len(set(files)) == 6
    images = draw_faces(5, seed=1).images
    loaded = Cascade.load(tmp_path)
    assert [level.regions for level in loaded.levels] == [level.regions for level in saved.levels]
    for one, other in zip(loaded.predict_levels(images), saved.predict_levels(images), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_few_pictures_at_a_time_give_the_same() -> None:
    images = draw_faces(11, seed=1).images
    noting = Constant()
    whole = Cascade(nn.Sequential(noting), REFERENCE, some_cascade().levels)
    at_once, offset = whole.answers(images)
    noting.batches.clear()
    some_at_once, some_offset = whole.answers(images, at_once=4)
    np.testing.assert_allclose(some_at_once, at_once, atol=1e-4)
    np.testing.assert_allclose(some_offset, offset, atol=1e-4)
    assert max(noting.batches) == 4
    assert sum(noting.batches) == 2 * 11  # pictures and mirror images


def test_no_pictures_are_no_answers() -> None:
    assert some_cascade().predict_points(np.zeros((0, 96, 96), np.uint8)).shape == (0, 15, 2)


def with_conventions(cascade: Cascade) -> Cascade:
    """The same, and faces with a nose alone have it lower."""
    lower = np.zeros((15, 2))
    lower[NOSE] = [0, 1.5]
    return replace(cascade, conventions=LabelConventions({1 << NOSE: lower}))


def test_who_asks_for_a_set_of_points_gets_its_convention(tmp_path: Path) -> None:
    cascade = with_conventions(some_cascade())
    images = draw_faces(3, seed=1).images
    plain = cascade.predict_points(images)
    np.testing.assert_array_equal(plain, some_cascade().predict_points(images))
    asked = np.zeros((3, 15), bool)
    asked[:2, NOSE] = True
    asked[1, LIP] = True  # no source labels these two
    moved = cascade.predict_points(images, asked) - plain
    assert not moved[1:].any()
    assert not np.delete(moved[0], NOSE, axis=0).any()
    assert np.abs(moved[0, NOSE]).max() > 0.1
    cascade.save(tmp_path)
    np.testing.assert_array_equal(Cascade.load(tmp_path).predict_points(images, asked), plain + moved)
    first = replace(cascade, levels=())  # level 1 answers in between
    np.testing.assert_array_equal(first.predict_points(images, asked), first.predict_points(images))


def test_who_asks_for_a_set_of_points_gets_its_own_last_blend(tmp_path: Path) -> None:
    cascade = some_cascade()
    lower = replace(Blend.none(), bias=np.tile([0.0, 3.0], 15))
    level = replace(cascade.levels[1], by_set={1 << NOSE: lower})
    cascade = replace(cascade, levels=(cascade.levels[0], level))
    images = draw_faces(3, seed=1).images
    plain = cascade.predict_points(images)
    np.testing.assert_array_equal(plain, some_cascade().predict_points(images))
    asked = np.zeros((3, 15), bool)
    asked[1, NOSE] = True
    moved = cascade.predict_points(images, asked)
    np.testing.assert_array_equal(moved[[0, 2]], plain[[0, 2]])
    np.testing.assert_allclose(moved[1] - plain[1], np.tile([0.0, 3.0], (15, 1)), atol=1e-4)
    np.testing.assert_allclose(cascade.answers(images, asked, at_once=2)[0][-1], moved, atol=1e-4)
    cascade.save(tmp_path)
    np.testing.assert_array_equal(Cascade.load(tmp_path).predict_points(images, asked), moved)
    content = json.loads((tmp_path / Cascade.FILE).read_text())
    content["levels"][1]["sets"] = [2]  # its arrays have another name
    (tmp_path / Cascade.FILE).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"cascade.json: got a damaged cascade .*; train again"):
        Cascade.load(tmp_path)


@pytest.mark.parametrize("sets", [3, ["1"], [0], [1 << 15], [1, 1], [1, 2], [True, 1], [None]])
def test_damaged_conventions(tmp_path: Path, sets: Any) -> None:
    with_conventions(some_cascade()).save(tmp_path)
    content = json.loads((tmp_path / Cascade.FILE).read_text())
    assert content["conventions"] == [1 << NOSE]
    (tmp_path / Cascade.FILE).write_text(json.dumps(content | {"conventions": sets}))
    with pytest.raises(ValueError, match=r"cascade.json: got a damaged cascade .*; train again"):
        Cascade.load(tmp_path)


def test_a_cascade_begins_with_the_conventions_of_its_faces() -> None:
    """Here of one source: none but its own."""
    faces = draw_faces(4, seed=0, missing=False)
    cascade = Cascade.begun(nn.Sequential(nn.MaxPool2D(16), nn.Flatten(), nn.Dense(36, 30, rng=0)), faces)
    np.testing.assert_array_equal(cascade.reference, symmetrical(mean_face(faces.points)))
    assert cascade.conventions.offsets == {}
    assert cascade.levels == ()


REGION = {"name": "nose", "points": ["nose_tip"], "side": 6, "width": 20.5}


def description(*regions: dict[str, Any], looks: Any = 1) -> str:
    return json.dumps({"levels": [{"looks": looks, "regions": regions}]})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"side": 8, "points": ["nose_tip"]}',  # of an earlier version
        '{"levels": 3}',
        '{"levels": [3]}',
        '{"levels": [[]]}',  # of an earlier version
        *(description(REGION | change) for change in (
            {"points": ["chin"]}, {"points": None}, {"side": 0}, {"side": "x"}, {"width": None}, {"colour": 3},
            {"window": 4}, {"window": "x"},
        )),
        description({"name": "nose"}),
        description(REGION, looks=3),  # there are no numbers for a third pass
        description(REGION, looks=None),
        json.dumps({"levels": [{"looks": 1, "regions": []}] * 3}),  # nor for a fourth level
    ],
)  # fmt: skip
def test_a_damaged_description(tmp_path: Path, content: str) -> None:
    some_cascade().save(tmp_path)
    (tmp_path / Cascade.FILE).write_text(content)
    with pytest.raises(ValueError, match=r"cascade.json: got a damaged cascade .*; train again"):
        Cascade.load(tmp_path)


def test_a_cascade_that_numpy_2_0_saved(tmp_path: Path, as_numpy_2_0: Callable[[Path], None]) -> None:
    cascade, images = some_cascade(), np.random.default_rng(0).integers(256, size=(2, 96, 96)).astype(np.uint8)
    cascade.save(tmp_path)
    for path in tmp_path.glob("*.npz"):
        as_numpy_2_0(path)
    np.testing.assert_array_equal(Cascade.load(tmp_path).predict_points(images), cascade.predict_points(images))


def without(folder: Path, name: str) -> None:
    with np.load(folder / "cascade.npz") as file:
        arrays: dict[str, Any] = {key: file[key] for key in file.files if key != name}
    np.savez(folder / "cascade.npz", **arrays)


DAMAGE = {
    "empty": lambda folder: (folder / "cascade.npz").write_bytes(b""),
    "text": lambda folder: (folder / "cascade.npz").write_bytes(b"hello, this is no archive"),
    "cut off": lambda folder: (folder / "cascade.npz").write_bytes((folder / "cascade.npz").read_bytes()[:-300]),
    "no reference": lambda folder: without(folder, "reference"),
    "no weight": lambda folder: without(folder, "2.1.weight"),
    "no network": lambda folder: (folder / "level_2_nose.npz").write_bytes(b"hello"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_numbers(tmp_path: Path, damage: Any) -> None:
    some_cascade().save(tmp_path)
    damage(tmp_path)
    with pytest.raises(ValueError, match=r"cascade.json: got a damaged cascade"):
        Cascade.load(tmp_path)


@pytest.mark.parametrize("file", ["cascade.npz", "level_3_nose.npz", "model.npz"])
def test_a_missing_file(tmp_path: Path, file: str) -> None:
    some_cascade().save(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(FileNotFoundError, match=file):
        Cascade.load(tmp_path)
