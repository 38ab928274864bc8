"""One level: its crops, its passes, several networks for a point, its blends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import nnscratch as nn
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, to_targets
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.metrics import mean_face

REFERENCE = symmetrical(mean_face(draw_faces(40, seed=0, missing=False).points))
EYES = [POINTS.index("left_eye_center"), POINTS.index("right_eye_center")]
NOSE, LIP = POINTS.index("nose_tip"), POINTS.index("mouth_center_top_lip")


class Constant(nn.Layer):
    """A level-1 network that always says the same face, but for an offset of the labels."""

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.answer = to_targets(REFERENCE[np.newaxis] + [offset, 0])

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
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
