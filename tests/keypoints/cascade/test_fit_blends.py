"""Weighing look by look: around the last answers, by combinations that held-out faces judge and do not teach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.cascade import fit_blends
from nnscratch.keypoints.cascade.answers import Answered
from nnscratch.keypoints.cascade.cascade import Cascade, Level
from nnscratch.keypoints.cascade.fit_blends import seconds_a_face, weighed
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.metrics import mean_face, rmse_per_point
from nnscratch.keypoints.start import start_from_mean_face

FACES = draw_faces(160, seed=0, missing=False)
LEARNT, HELD_OUT = FACES.select(slice(0, 100)), FACES.select(slice(100, 160))
REFERENCE = symmetrical(mean_face(FACES.points))
NOSE = POINTS.index("nose_tip")


def answered(faces: Faces) -> Answered:
    """By a network that says the mean face."""
    network = nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=0))
    start_from_mean_face(network, LEARNT.points)
    return Answered.of(Cascade(network, REFERENCE), faces)


def level() -> Level:
    """An untrained network: what it finds is of no use but for a regression."""
    network = nn.Sequential(nn.Flatten(), nn.Dense(144, 2, weight_init="normal(0.05)", rng=1))
    return Level((Region("nose", ("nose_tip",), 12, 40.0),), (network,), ())


def weighed_with(held_out: Faces = HELD_OUT, looks: int = 2) -> tuple[Level, np.ndarray]:
    return weighed(level(), REFERENCE, answered(LEARNT), answered(held_out), looks=looks, title="weighing")


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_there_is_a_combination_for_each_look(looks: int) -> None:
    after, answers = weighed_with(looks=looks)
    assert len(after.combinations) == looks
    assert after.regions == level().regions
    assert answers.shape == (60, 15, 2)
    before, now = (
        rmse_per_point(points, HELD_OUT.points)["nose_tip"] for points in (answered(HELD_OUT).answers[-1], answers)
    )
    assert now < before


def test_held_out_labels_change_what_is_used_not_what_is_judged() -> None:
    """But for what is off: the nose, here, is on all the same."""
    points = HELD_OUT.points.copy()
    points[:5, NOSE] += 4
    after, answers = weighed_with()
    other, same = weighed_with(replace(HELD_OUT, points=points))
    assert not after.combinations[0].is_off[NOSE]
    assert [each.strength for each in after.combinations] == [each.strength for each in other.combinations]
    np.testing.assert_array_equal(answers[:, NOSE], same[:, NOSE])
    assert not np.allclose(after.combinations[0].weight, other.combinations[0].weight, atol=1e-6)


def test_the_second_look_is_around_the_first_ones_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    before = []
    look = Level.look

    def noting(self: Level, x: np.ndarray, points: np.ndarray, *rest: np.ndarray) -> object:
        before.append(points)
        return look(self, x, points, *rest)

    monkeypatch.setattr(Level, "look", noting)
    _, first = weighed_with(looks=1)
    before.clear()
    weighed_with(looks=2)
    assert [len(points) for points in before] == [100, 60, 100, 60]
    np.testing.assert_array_equal(before[1], answered(HELD_OUT).answers[-1])
    np.testing.assert_array_equal(before[3], first)


def test_some_faces_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    _, at_once = weighed_with()
    monkeypatch.setattr(fit_blends, "PICTURES", 32)
    _, in_parts = weighed_with()
    np.testing.assert_allclose(in_parts, at_once, atol=1e-3)


def test_a_look_takes_time() -> None:
    assert 0 < seconds_a_face(level(), answered(LEARNT), REFERENCE) < 0.1


def test_a_terminal_shows_one_line_of_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    weighed_with()
    shown = capsys.readouterr().err
    assert "| weighing, 320 of 320 faces" in shown
    assert max(map(len, shown.replace("\n", "\r").split("\r"))) < 80


def test_a_pipe_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    weighed_with()
    assert capsys.readouterr().err == ""
