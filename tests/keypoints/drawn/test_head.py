"""A head: its parameters' distributions, its points, and the view of it when it is turned."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from nnscratch.keypoints.drawn.head import Face, FaceParameters, View, anchors, surface
from nnscratch.keypoints.faces import POINTS


def test_parameters_keep_their_distributions() -> None:
    rng = np.random.default_rng(0)
    faces = [FaceParameters.sample(rng) for _ in range(2000)]
    average = FaceParameters()
    for field in fields(FaceParameters):
        values = np.array([getattr(face, field.name) for face in faces])
        chance, low, high, spread = (field.metadata[key] for key in ("chance", "low", "high", "spread"))
        assert np.mean(values != 0) == pytest.approx(chance, abs=0.04), field.name
        assert low - 3 * spread <= values[values != 0].min(), field.name
        assert values.max() <= high + 3 * spread, field.name
        if spread:
            assert values.mean() == pytest.approx(getattr(average, field.name), abs=0.15 * spread), field.name
            assert values.std() == pytest.approx(spread, rel=0.1), field.name


def test_every_labelled_point_has_an_anchor() -> None:
    assert set(POINTS) <= set(anchors(FaceParameters()))


def test_an_average_face_is_symmetrical() -> None:
    at = anchors(FaceParameters())
    for name, (x, y, relief) in at.items():
        if "left" in name:
            assert at[name.replace("left", "right")] == pytest.approx((-x, y, relief)), name


def test_the_surface_is_nearest_in_the_middle() -> None:
    x = np.array([0.0, 20.0, 41.0])
    z = surface(FaceParameters(), x, np.zeros(3))
    assert z[0] > z[1] > z[2]


@pytest.mark.parametrize(
    ("turn", "point", "moves"),
    [
        ({"yaw": 20.0}, (0, 0, 10), (1, 0)),  # the nose to the picture's right
        ({"pitch": 20.0}, (0, 0, 10), (0, 1)),  # the nose down
        ({"roll": 20.0}, (10, 0, 0), (0, 1)),  # clockwise on the screen
    ],
)
def test_turns(turn: dict[str, float], point: tuple[int, int, int], moves: tuple[int, int]) -> None:
    """A point at distance 10 from the axis moves by 10 sin(20 degrees)."""
    straight, turned = (View.of(p).project(np.array(point)) for p in (FaceParameters(), FaceParameters(**turn)))
    along = (turned - straight)[:2] @ moves
    assert along == pytest.approx(10 * np.sin(np.radians(20)))


def test_head_coordinates_undo_the_projection() -> None:
    view = View.of(FaceParameters(yaw=15, pitch=-8, roll=5, scale=1.1, shift_x=2))
    head = np.array([5.0, -7.0, 3.0])
    x, y, depth = view.project(head)
    column, row = round(x), round(y)
    shown = [float(axis[row, column]) for axis in view.head_coordinates(np.full((96, 96), depth))]
    assert shown == pytest.approx(view.rotation.T @ ((column, row, depth) - np.array(view.origin)) / view.scale)
    assert shown == pytest.approx(head.tolist(), abs=0.8)  # as near as the pixel


def test_a_face_knows_where_its_points_are_seen() -> None:
    face = Face.of(FaceParameters(shift_x=3, shift_y=-2))
    assert face.at["nose_tip"].real == pytest.approx(48.3 + 3)
    assert face.at["nose_tip"].imag == pytest.approx(52 - 2 - 14.3 + 20.9)
