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
EYES = [POINTS.index("left_eye_center"), POINTS.index("right_eye_center")]
NOSE, LIP = POINTS.index("nose_tip"), POINTS.index("mouth_center_top_lip")


class Constant(nn.Layer):
    """A level-1 network that always says the same face, but for an offset of the labels; it notes
    its batches.
    """

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.answer = to_targets(REFERENCE[np.newaxis] + [offset, 0])
        self.batches: list[int] = []

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.batches.append(len(x))
        return np.repeat(self.answer, len(x), axis=0)


class Perfect(nn.Layer):
    """A level-2 network that finds the dot of a crop: the centre of mass of what is brighter than
    half of it.
    """

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        weight = np.maximum(x[..., 0] - x.max(axis=(1, 2, 3))[:, None, None] / 2, 0)
        middle = (x.shape[1] - 1) / 2
        row, column = (np.mgrid[: x.shape[1], : x.shape[2]] - middle) / middle
        places = [(weight * place).sum(axis=(1, 2)) / weight.sum(axis=(1, 2)) for place in (column, row)]
        return np.stack(places, axis=1).astype(np.float32)


def with_dots(points: np.ndarray) -> np.ndarray:
    """(N, 96, 96) uint8: black pictures with a soft white dot at each of (N, K, 2) px."""
    row, column = np.mgrid[:96, :96]
    squares = (column - points[..., 0, None, None]) ** 2 + (row - points[..., 1, None, None]) ** 2
    return np.rint(255 * np.exp(-squares / (2 * 1.5**2)).max(axis=1)).astype(np.uint8)


def near_the_reference(count: int) -> np.ndarray:
    """(N, 15, 2) px: every point off by up to 6 px in x and in y."""
    return REFERENCE + np.random.default_rng(0).uniform(-6, 6, (count, 15, 2))


def perfect(*regions: Region) -> Level:
    return Level(regions, tuple(nn.Sequential(Perfect()) for _ in regions), (Blend.none(),))


def test_a_perfect_level_2_finds_its_point_and_leaves_the_rest() -> None:
    true = near_the_reference(20)
    level = perfect(Region("nose", ("nose_tip",), side=40, width=32.0))
    found = Cascade(nn.Sequential(Constant()), REFERENCE, (level,)).predict_points(with_dots(true[:, [NOSE]]))
    assert (found.dtype, found.shape) == (np.float32, (20, 15, 2))
    assert np.linalg.norm(found[:, NOSE] - true[:, NOSE], axis=1).max() < 0.1
    others = np.arange(15) != NOSE
    np.testing.assert_allclose(found[:, others], np.broadcast_to(REFERENCE[others], (20, 14, 2)), atol=1e-4)


def test_one_network_finds_a_point_and_its_counterpart() -> None:
    true = near_the_reference(20)
    level = perfect(Region("eye", ("left_eye_center",), side=40, width=28.0))
    found = Cascade(nn.Sequential(Constant()), REFERENCE, (level,)).predict_points(with_dots(true[:, EYES]))
    assert np.linalg.norm(found[:, EYES] - true[:, EYES], axis=2).max() < 0.1
    others = np.setdiff1d(np.arange(15), EYES)
    np.testing.assert_allclose(found[:, others], np.broadcast_to(REFERENCE[others], (20, 13, 2)), atol=1e-4)


def test_several_regions_of_a_point_are_averaged() -> None:
    """One network sees the dot, the other one answers the middle of its crop, where level 1 thinks
    that the nose is.
    """
    true = near_the_reference(20)
    regions = Region("near", ("nose_tip",), side=40, width=32.0), Region("wide", ("nose_tip",), side=8, width=60.0)
    middle = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, weight_init="constant(0)", rng=0))
    level = Level(regions, (nn.Sequential(Perfect()), middle), (Blend.none(),))
    found = Cascade(nn.Sequential(Constant()), REFERENCE, (level,)).predict_points(with_dots(true[:, [NOSE]]))
    np.testing.assert_allclose(found[:, NOSE], (true[:, NOSE] + REFERENCE[NOSE]) / 2, atol=0.1)


def test_a_level_crops_where_the_level_before_found_the_points() -> None:
    """Level 3's small crop holds the dot only around what level 2 found."""
    true = near_the_reference(20)
    levels = perfect(Region("wide", ("nose_tip",), 40, 32.0)), perfect(Region("near", ("nose_tip",), 24, 8.0))
    images = with_dots(true[:, [NOSE]])
    whole = Cascade(nn.Sequential(Constant()), REFERENCE, levels).predict_levels(images)
    assert len(whole) == 3
    errors = [np.linalg.norm(answer[:, NOSE] - true[:, NOSE], axis=1).max() for answer in whole]
    assert errors[0] > 5
    assert errors[2] < 0.1
    short_sighted = Cascade(nn.Sequential(Constant()), REFERENCE, levels[1:]).predict_levels(images)[-1]
    assert np.linalg.norm(short_sighted[:, NOSE] - true[:, NOSE], axis=1).max() > 1


def test_a_second_pass_is_centred_on_the_answers_of_the_first() -> None:
    """The network answers the middle of its crop: where the crop is, a blend that adds 3 px has
    steered it.
    """
    step = np.array([3.0, 0])
    region = Region("nose", ("nose_tip",), side=24, width=8.0)
    network = nn.Sequential(nn.Flatten(), nn.Dense(576, 2, weight_init="constant(0)", rng=0))  # the middle of its crop
    steered = replace(Blend.none(), bias=np.tile(step, 15))
    images = with_dots(near_the_reference(10)[:, [NOSE]])
    once, twice = (np.tile(REFERENCE + times * step, (10, 1, 1)) for times in (1, 2))

    def answer(*blends: Blend) -> np.ndarray:
        level = Level((region,), (network,), blends)
        return Cascade(nn.Sequential(Constant()), REFERENCE, (level,)).predict_points(images)

    np.testing.assert_allclose(answer(steered), once, atol=1e-4)
    np.testing.assert_allclose(answer(steered, Blend.none()), once, atol=1e-4)
    np.testing.assert_allclose(answer(steered, steered), twice, atol=1e-4)


def test_an_offset_of_the_labels_stays_in_the_answers() -> None:
    """Level 1 puts points 2 px beside what it sees; a level 2 that sees dots does not bring the
    mirror image into it.

    Its crops lie 2 px beside in both pictures; the dots, found in both, lie 4 px apart when one is
    mirrored about the labels' axis, and their mean is where the label is: 2 px beside the dot.
    """
    true = near_the_reference(10)
    level = perfect(Region("lip", ("mouth_center_top_lip",), side=40, width=32.0))
    network = nn.Sequential(Constant(offset=2.0))
    answers, offset = Cascade(network, REFERENCE, (level,)).answers(with_dots(true[:, [LIP]]))
    np.testing.assert_allclose(offset, 2.0, atol=1e-5)
    np.testing.assert_allclose(answers[0], np.tile(REFERENCE + np.array([2, 0]), (10, 1, 1)), atol=1e-4)
    np.testing.assert_allclose(answers[1][:, LIP], true[:, LIP] + [2, 0], atol=0.1)


def test_the_blend_has_the_last_word() -> None:
    true = near_the_reference(5)
    region = Region("nose", ("nose_tip",), side=40, width=32.0)
    bias = np.arange(30.0)
    is_off = np.arange(15) == 3
    blend = Blend(np.zeros((61, 30)), bias, is_off, 10.0)
    level = Level((region,), (nn.Sequential(Perfect()),), (blend,))
    images = with_dots(true[:, [NOSE]])
    found = Cascade(nn.Sequential(Constant()), REFERENCE, (level,)).predict_points(images)
    plain = Cascade(nn.Sequential(Constant()), REFERENCE, (perfect(region),)).predict_points(images)
    expected = plain + bias.reshape(15, 2)
    expected[:, 3] = REFERENCE[3]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def dense(n_in: int, n_out: int, seed: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(n_in, n_out, weight_init="normal(0.01)", rng=seed))


def test_without_levels_it_is_its_network_both_ways() -> None:
    network, images = dense(9216, 30, seed=1), draw_faces(5, seed=1).images
    found = Cascade(network, REFERENCE).predict_points(images)
    np.testing.assert_array_equal(found, to_points(both_ways(network, to_network_input(images))[0]))


def some_cascade() -> Cascade:
    regions = (
        Region("eye_40", ("left_eye_center", "left_eye_inner_corner"), 8, 40.0),
        Region("nose", ("nose_tip",), 6, 20.5),
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
