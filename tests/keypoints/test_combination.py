"""The weighing of what a level found against what was known: it learns what there is to learn, and judges honestly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnscratch.keypoints.combination import Combination
from nnscratch.keypoints.metrics import rmse_px

Points = tuple[np.ndarray, np.ndarray, np.ndarray]  # before, found, true


def some_faces(count: int, seed: int, *, before: float = 2.0, found: float = 1.0) -> Points:
    """Points that differ by N(0, 5^2) from face to face; `before` and `found` are how far they are off, px."""
    rng = np.random.default_rng(seed)
    true = 48 + rng.normal(0, 5, (count, 15, 2))
    return true + rng.normal(0, before, true.shape), true + rng.normal(0, found, true.shape), true


def linearly_wrong(count: int, seed: int) -> Points:
    """What is found is the truth, but for a linear map of all points found, and of those before."""
    before, found, _ = some_faces(count, seed)
    rng = np.random.default_rng(99)
    weight, bias = rng.normal(0, 0.1, (60, 30)), rng.normal(0, 2, 30)
    inputs = np.concatenate([found.reshape(count, 30) - 48, (before - found).reshape(count, 30)], axis=1)
    return before, found, found + (inputs @ weight + bias).reshape(found.shape)


@pytest.fixture(scope="module")
def planted() -> tuple[Combination, np.ndarray]:
    return Combination.fit(*linearly_wrong(600, seed=0), seed=0)


def test_none_takes_what_was_found() -> None:
    before, found, _ = some_faces(5, seed=0)
    np.testing.assert_array_equal(Combination.none()(before, found), found)
    assert Combination.none()(before[:0], found[:0]).shape == (0, 15, 2)


def test_a_planted_linear_relation_is_recovered(planted: tuple[Combination, np.ndarray]) -> None:
    combination, answers = planted
    before, found, true = linearly_wrong(200, seed=1)
    assert not combination.is_off.any()
    assert rmse_px(combination(before, found), true) < 0.05 * rmse_px(found, true)
    assert rmse_px(answers, linearly_wrong(600, seed=0)[2]) < 0.05 * rmse_px(found, true)


def test_a_useless_level_is_off_for_its_point() -> None:
    """For points 3 and 7, what was found is what was known, and noise."""
    before, found, true = some_faces(300, seed=2)
    useless = [3, 7]
    found[:, useless] = before[:, useless] + np.random.default_rng(3).normal(0, 5, (300, 2, 2))
    combination, answers = Combination.fit(before, found, true, seed=0)
    assert np.flatnonzero(combination.is_off).tolist() == useless
    np.testing.assert_array_equal(answers[:, useless], before[:, useless])
    new_before, new_found, _ = some_faces(10, seed=4)
    answer = combination(new_before, new_found)
    np.testing.assert_array_equal(answer[:, useless], new_before[:, useless])
    assert (answer[:, 0] != new_before[:, 0]).all()


def test_cross_validated_answers_are_honest() -> None:
    """From noise nothing can be learnt, though 60 faces are few enough for 60 numbers to fit them."""
    before, _, true = some_faces(60, seed=5)
    found = before + np.random.default_rng(6).normal(0, 3, before.shape)
    combination, answers = Combination.fit(before, found, true, seed=0)
    in_sample = replace(combination, is_off=np.zeros(15, bool))(before, found)
    assert rmse_px(in_sample, true) < 0.95 * rmse_px(before, true)  # so it looks, on faces that it was fitted to
    assert rmse_px(answers, true) > 0.97 * rmse_px(before, true)
    assert rmse_px(answers, true) <= rmse_px(before, true)  # what is worse is off


def test_no_face_is_answered_by_a_regression_that_knows_it() -> None:
    """What a face's label is has no say in that face's cross-validated answer, unless through the strength."""
    before, found, true = linearly_wrong(300, seed=0)
    answers = Combination.fit(before, found, true, seed=0)[1]
    true[17] += 3
    changed = Combination.fit(before, found, true, seed=0)[1]
    np.testing.assert_array_equal(changed[17], answers[17])
    assert (changed != answers).any(axis=(1, 2)).sum() >= 0.85 * 300  # but in those of nine tenths of the others


@pytest.mark.parametrize(("labelled", "is_off"), [(0, True), (1, True), (19, True), (20, False)])
def test_points_with_few_labels_are_off(labelled: int, is_off: bool) -> None:
    """Twenty will do."""
    before, found, true = some_faces(200, seed=8, before=6.0, found=0.1)
    true[labelled:, 4] = np.nan
    combination, answers = Combination.fit(before, found, true, seed=0)
    assert combination.is_off[4] == is_off
    assert combination.is_off.sum() == is_off
    assert np.isfinite(answers).all()
    assert np.isfinite(combination(before, found)).all()


def test_missing_labels_are_left_out() -> None:
    """Half of the labels say as much as all: those of the other faces, and of the other points, count."""
    before, found, true = linearly_wrong(1000, seed=0)
    true[np.random.default_rng(0).random((1000, 15)) < 0.5] = np.nan
    combination, _ = Combination.fit(before, found, true, seed=0)
    new_before, new_found, new_true = linearly_wrong(200, seed=1)
    assert rmse_px(combination(new_before, new_found), new_true) < 0.1 * rmse_px(new_found, new_true)


def test_the_strength_is_chosen_by_what_there_is_to_learn(planted: tuple[Combination, np.ndarray]) -> None:
    before, _, true = some_faces(60, seed=9)
    noise, _ = Combination.fit(before, before + np.random.default_rng(1).normal(0, 0.5, before.shape), true, seed=0)
    assert planted[0].strength == 10.0
    assert noise.strength > 100


def test_the_same_seed_gives_the_same_result() -> None:
    faces = some_faces(100, seed=10)
    (first, a), (again, b), (_, other) = (Combination.fit(*faces, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, vars(again)[name])
    assert not np.array_equal(a, other)
