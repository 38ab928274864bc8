"""Blends pass by pass: centred on the last answers, judged by held-out faces that did not teach
them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.fit_blends import fit_blends, seconds_per_face
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.metrics import mean_face, rmse_per_point
from nnscratch.keypoints.start import start_from_mean_face

FACES = draw_faces(160, seed=0, missing=False)
TRAIN, HELD_OUT = FACES.select(slice(0, 100)), FACES.select(slice(100, 160))
REFERENCE = symmetrical(mean_face(FACES.points))
NOSE = POINTS.index("nose_tip")


def answers_for(faces: Faces) -> CascadeAnswers:
    """By a network that says the mean face."""
    network = nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=0))
    start_from_mean_face(network, TRAIN.points)
    return CascadeAnswers.of(Cascade(network, REFERENCE), faces)


def level() -> Level:
    """An untrained network: what it finds is of no use but for a regression."""
    network = nn.Sequential(nn.Flatten(), nn.Dense(144, 2, weight_init="normal(0.05)", rng=1))
    return Level((Region("nose", ("nose_tip",), 12, 40.0),), (network,), ())


def blended(held_out: Faces = HELD_OUT, passes: int = 2, **settings: Any) -> tuple[Level, np.ndarray]:
    train, others = answers_for(TRAIN), answers_for(held_out)
    return fit_blends(level(), REFERENCE, train, others, passes=passes, title="blends", **settings)


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_there_is_a_blend_for_each_pass(passes: int) -> None:
    after, answers = blended(passes=passes)
    assert len(after.blends) == passes
    assert after.regions == level().regions
    assert answers.shape == (60, 15, 2)
    before = answers_for(HELD_OUT).answers[-1]
    error_before, error = (rmse_per_point(points, HELD_OUT.points)["nose_tip"] for points in (before, answers))
    assert error < error_before


def test_held_out_labels_change_what_is_used_not_what_is_judged() -> None:
    """Except for which points are off: the nose, here, is on in both cases."""
    points = HELD_OUT.points.copy()
    points[:5, NOSE] += 4
    after, answers = blended()
    other, same = blended(replace(HELD_OUT, points=points))
    assert not after.blends[0].is_off[NOSE]
    assert [each.strength for each in after.blends] == [each.strength for each in other.blends]
    np.testing.assert_array_equal(answers[:, NOSE], same[:, NOSE])
    assert not np.allclose(after.blends[0].weight, other.blends[0].weight, atol=1e-6)


def test_the_second_pass_is_centred_on_the_answers_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    before = []
    sight = Level.sight

    def noting(self: Level, x: np.ndarray, points: np.ndarray, *rest: np.ndarray) -> object:
        before.append(points)
        return sight(self, x, points, *rest)

    monkeypatch.setattr(Level, "sight", noting)
    _, first = blended(passes=1)
    before.clear()
    blended(passes=2)
    assert [len(points) for points in before] == [100, 60, 100, 60]
    np.testing.assert_array_equal(before[1], answers_for(HELD_OUT).answers[-1])
    np.testing.assert_array_equal(before[3], first)


def test_some_faces_at_a_time_give_the_same() -> None:
    np.testing.assert_allclose(blended(at_once=32)[1], blended()[1], atol=1e-3)


def test_seconds_per_face_are_those_of_a_pass_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by 100 s for whatever is compiled, and by 0.25 s for each face that
    is seen.
    """
    now, seen = 0.0, []
    sight = Level.sight

    def slow(self: Level, x: np.ndarray, *rest: np.ndarray) -> object:
        nonlocal now
        now += 0.25 * len(x) + (0.0 if seen else 100.0)
        seen.append(len(x))
        return sight(self, x, *rest)

    monkeypatch.setattr(Level, "sight", slow)
    monkeypatch.setattr("time.perf_counter", lambda: now)
    assert seconds_per_face(level(), REFERENCE, answers_for(TRAIN)) == pytest.approx(0.25)
    assert seen == [1, len(TRAIN)]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_line_of_progress_is_for_terminals(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    blended()
    shown = capsys.readouterr().err
    assert ("| blends, 320 of 320 faces" in shown) == is_terminal
    assert is_terminal or shown == ""
    assert max(map(len, shown.replace("\n", "\r").split("\r"))) < 80


def test_a_set_of_labels_has_a_last_blend_of_its_own() -> None:
    """Faces with a nose alone have it 4 px lower: what lies between is wrong for all."""

    def two_sources(faces: Faces) -> Faces:
        points = faces.points.copy()
        points[::2] = np.nan
        points[::2, NOSE] = faces.points[::2, NOSE] + [0, 4]
        return replace(faces, points=points)

    train, held_out = two_sources(TRAIN), two_sources(HELD_OUT)
    between = {}
    for sets in ((), (1 << NOSE,)):
        known = answers_for(train), answers_for(held_out)
        after, answers = fit_blends(level(), REFERENCE, *known, passes=2, sets=sets, title="blends")
        assert len(after.blends) == 2
        assert tuple(after.by_set) == sets
        error = (answers - held_out.points)[:, NOSE, 1]
        between[sets] = error[1::2].mean() - error[::2].mean()
    assert between[()] > 1
    assert abs(between[1 << NOSE,]) < between[()] / 2
