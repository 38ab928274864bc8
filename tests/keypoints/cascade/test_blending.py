"""Blends: fitted on some faces, judged by others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnscratch.keypoints.cascade import blending
from nnscratch.keypoints.cascade.blending import Blend, Sighting
from nnscratch.keypoints.metrics import rmse_px

Known = tuple[Sighting, np.ndarray]  # what was seen, and the truth


def some_faces(count: int, seed: int, *, before: float = 2.0, found: float = 1.0) -> Known:
    """Points that differ by N(0, 5^2) from face to face; `before` and `found` are how far they are
    off, px.
    """
    rng = np.random.default_rng(seed)
    true = 48 + rng.normal(0, 5, (count, 15, 2))
    sighting = Sighting(
        before=true + rng.normal(0, before, true.shape),
        found=true + rng.normal(0, found, true.shape),
        offset=rng.normal(1.5, 0.5, count),
    )
    return sighting, true


def linearly_wrong(count: int, seed: int) -> Known:
    """What is found is the truth, but for a linear map of all points found, of those before, and of
    the offset.
    """
    sighting, _ = some_faces(count, seed)
    rng = np.random.default_rng(99)
    weight, bias = rng.normal(0, 0.1, (61, 30)), rng.normal(0, 2, 30)
    weight[60] *= 10
    inputs = [
        (sighting.found - 48).reshape(count, 30),
        (sighting.before - sighting.found).reshape(count, 30),
        sighting.offset[:, None],
    ]
    return sighting, sighting.found + (np.concatenate(inputs, axis=1) @ weight + bias).reshape(count, 15, 2)


def test_none_takes_what_was_found() -> None:
    sighting, _ = some_faces(5, seed=0)
    np.testing.assert_array_equal(Blend.none()(sighting), sighting.found)
    nobody = Sighting(sighting.before[:0], sighting.found[:0], sighting.offset[:0])
    assert Blend.none()(nobody).shape == (0, 15, 2)


def test_sightings_are_joined() -> None:
    one, other = some_faces(3, seed=0)[0], some_faces(4, seed=1)[0]
    both = Sighting.joined([one, other])
    np.testing.assert_array_equal(both.found[3:], other.found)
    np.testing.assert_array_equal(both.before[:3], one.before)
    assert both.inputs().shape == (7, 61)
    np.testing.assert_array_equal(both.inputs()[:3], one.inputs())


def test_a_planted_linear_relation_is_recovered() -> None:
    for blend in Blend.fit(*linearly_wrong(600, seed=0), *linearly_wrong(100, seed=2)):
        sighting, true = linearly_wrong(200, seed=1)
        assert not blend.is_off.any()
        assert rmse_px(blend(sighting), true) < 0.05 * rmse_px(sighting.found, true)


def test_a_useless_level_is_off_for_its_point() -> None:
    """For points 3 and 7, what was found is what was known, and noise."""
    useless = [3, 7]

    def faces(count: int, seed: int) -> Known:
        sighting, true = some_faces(count, seed)
        noise = np.random.default_rng(seed + 100).normal(0, 5, (count, 2, 2))
        sighting.found[:, useless] = sighting.before[:, useless] + noise
        sighting.before[:, useless] = true[:, useless]  # as good as can be: whatever a regression does is worse
        return sighting, true

    for blend in Blend.fit(*faces(300, 2), *faces(100, 3)):
        assert np.flatnonzero(blend.is_off).tolist() == useless
        sighting, _ = faces(10, 4)
        answer = blend(sighting)
        np.testing.assert_array_equal(answer[:, useless], sighting.before[:, useless])
        assert (answer[:, 0] != sighting.before[:, 0]).all()


def test_faces_that_are_learnt_from_do_not_judge() -> None:
    """Noise teaches nothing, though 62 faces are few enough for 61 numbers to fit them."""

    def noise(count: int, seed: int) -> Known:
        sighting, true = some_faces(count, seed)
        wrong = np.random.default_rng(seed + 100).normal(0, 3, true.shape)
        return replace(sighting, found=sighting.before + wrong), true

    own, others = noise(62, 5), noise(300, 6)
    judged, _ = Blend.fit(*own, *others)
    everywhere = replace(judged, is_off=np.zeros(15, bool))
    assert rmse_px(everywhere(own[0]), own[1]) < 0.95 * rmse_px(own[0].before, own[1])  # they fit themselves
    assert rmse_px(judged(others[0]), others[1]) <= rmse_px(others[0].before, others[1])  # what is worse is off
    assert judged.is_off.any()


def test_held_out_labels_do_not_teach_the_blend_that_is_judged() -> None:
    """What their labels are has no say in the answers that are judged, unless through strength and
    what is off.
    """
    own, (sighting, true) = linearly_wrong(300, seed=0), linearly_wrong(60, seed=1)
    judged, final = Blend.fit(*own, sighting, true)
    true[17] += 3
    again, changed = Blend.fit(*own, sighting, true)
    np.testing.assert_array_equal(again(sighting), judged(sighting))
    assert not np.allclose(changed(sighting), final(sighting), atol=1e-4)


def test_the_last_regression_learns_from_held_out_faces_too() -> None:
    """It is the one on all faces: half of them held out give what none held out would."""
    one, other = linearly_wrong(100, seed=0), linearly_wrong(100, seed=1)
    _, final = Blend.fit(*one, *other)
    _, swapped = Blend.fit(*other, *one)
    assert final.strength == swapped.strength
    np.testing.assert_allclose(final.weight, swapped.weight, atol=1e-9)


@pytest.mark.parametrize(("labelled", "is_off"), [(0, True), (1, True), (19, True), (20, False)])
def test_points_that_few_can_judge_are_off(labelled: int, is_off: bool) -> None:
    """Twenty will do."""
    own, (sighting, true) = (
        some_faces(200, seed=8, before=6.0, found=0.1),
        some_faces(50, seed=9, before=6.0, found=0.1),
    )
    true[labelled:, 4] = np.nan
    for blend in Blend.fit(*own, sighting, true):
        assert blend.is_off[4] == is_off
        assert blend.is_off.sum() == is_off
        assert np.isfinite(blend(sighting)).all()


@pytest.mark.parametrize("labelled", [0, 1, 2])
def test_a_point_that_nobody_could_learn_is_taken_as_found(labelled: int) -> None:
    (sighting, true), others = some_faces(200, seed=8), some_faces(50, seed=9, before=6.0, found=0.1)
    true[labelled:, 4] = np.nan
    judged, _ = Blend.fit(sighting, true, *others)
    answer = judged(others[0])
    assert np.isfinite(answer).all()
    if labelled < 2:
        np.testing.assert_array_equal(answer[:, 4], others[0].found[:, 4])


def test_missing_labels_are_left_out() -> None:
    """Half of the labels say as much as all: those of the other faces, and of the other points,
    count.
    """
    sighting, true = linearly_wrong(1000, seed=0)
    true[np.random.default_rng(0).random((1000, 15)) < 0.5] = np.nan
    blend, _ = Blend.fit(sighting, true, *linearly_wrong(100, seed=2))
    new, new_true = linearly_wrong(200, seed=1)
    assert rmse_px(blend(new), new_true) < 0.1 * rmse_px(new.found, new_true)


def test_the_strength_is_chosen_by_what_there_is_to_learn() -> None:
    planted, _ = Blend.fit(*linearly_wrong(600, seed=0), *linearly_wrong(100, seed=1))
    noise, _ = Blend.fit(*some_faces(62, seed=9, found=0.3), *some_faces(100, seed=10, found=0.3))
    assert planted.strength == 10.0
    assert noise.strength > 100


def test_faces_that_count_more_are_met_better() -> None:
    """Two sources that disagree by 2 px: a blend lies where the weights have it."""
    one, other = some_faces(150, seed=0), some_faces(150, seed=1)
    seen, true = Sighting.joined([one[0], other[0]]), np.concatenate([one[1], other[1] + 2])
    judges = some_faces(60, seed=2)
    means = []
    for share in (1e-3, 1.0, 1e3):
        weights = np.repeat([1.0, share], 150), np.ones(60)
        judged, _ = Blend.fit(seen, true, *judges, weights=weights)
        means.append((replace(judged, is_off=np.zeros(15, bool))(judges[0]) - judges[1]).mean())
    np.testing.assert_allclose(means, [0, 1, 2], atol=0.3)


def test_equal_weights_are_no_weights() -> None:
    faces = *linearly_wrong(100, seed=0), *linearly_wrong(50, seed=1)
    for one, other in zip(Blend.fit(*faces), Blend.fit(*faces, weights=(np.ones(100), np.ones(50))), strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)


def test_judges_that_count_more_decide() -> None:
    """For half of the held-out faces the blend is right, for the others what was known before."""
    own, (sighting, true) = (
        some_faces(200, seed=8, before=6.0, found=0.1),
        some_faces(80, seed=9, before=6.0, found=0.1),
    )
    true[40:] = sighting.before[40:]
    for weight, is_off in ((1e-3, False), (1e3, True)):
        judged, _ = Blend.fit(*own, sighting, true, weights=(np.ones(200), np.repeat([1.0, weight], 40)))
        assert judged.is_off.all() == is_off == judged.is_off.any()


def test_answers_that_are_not_finite_are_no_better() -> None:
    true, ones = np.zeros((30, 2)), np.ones(30)
    answer = np.zeros((30, 2))
    answer[3] = np.nan
    assert not blending._is_better(answer, true + 1, true, ones)
    answer[3] = 0
    assert blending._is_better(answer, true + 1, true, ones)
