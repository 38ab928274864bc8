"""Shapes: areas, centres, the ellipsoid against points on it, blur and compression."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnscratch.keypoints.drawn import shapes


def painted(where: shapes.Window, coverage: np.ndarray) -> np.ndarray:
    picture = np.zeros((96, 96), np.float32)
    shapes.paint(picture, where, coverage, 1.0)
    return picture


def centroid(picture: np.ndarray) -> tuple[float, float]:
    y, x = np.mgrid[0:96, 0:96]
    return float((picture * x).sum() / picture.sum()), float((picture * y).sum() / picture.sum())


@pytest.mark.parametrize("centre", [50 + 40j, 50.3 + 40.7j, 20.5 + 60.25j])
def test_ellipse_has_its_centre_and_area(centre: complex) -> None:
    where, distance = shapes.ellipse(centre, (9.0, 5.0), turn=0.5)
    picture = painted(where, shapes.cover(distance))
    assert centroid(picture) == pytest.approx((centre.real, centre.imag), abs=0.02)
    assert picture.sum() == pytest.approx(np.pi * 45, rel=0.02)


def test_a_turned_ellipse_is_longest_along_its_turn() -> None:
    # The turn is clockwise on the screen: down to the right.
    where, distance = shapes.ellipse(48 + 48j, (20.0, 4.0), turn=np.pi / 4)
    picture = painted(where, shapes.cover(distance))
    assert picture[58, 58] == 1
    assert picture[38, 58] == 0


def test_windows_off_the_picture_are_empty() -> None:
    for centre in (-50 + 10j, 150 + 10j, 10 - 50j, 10 + 150j):
        where, distance = shapes.ellipse(centre, (4.0, 4.0))
        assert painted(where, shapes.cover(distance)).sum() == 0
    span = shapes.Span(200 + 200j, 220 + 200j, 5)
    assert painted(span.window, span.stroke(span.arc(210 + 190j), 2)).sum() == 0


def test_a_window_over_the_border_is_cut() -> None:
    where = shapes.window(94 + 1j, 3, 3)
    assert (where.columns, where.rows) == (slice(91, 98), slice(0, 5))
    assert where.x.ravel().tolist() == [91, 92, 93, 94, 95]
    assert painted(where, np.ones((5, 5), np.float32)).sum() == 25


def test_paint_blends() -> None:
    picture = np.full((96, 96), 0.2, np.float32)
    where = shapes.window(10 + 20j, 0, 0)
    shapes.paint(picture, where, np.array([[0.5]], np.float32), 1.0)
    assert picture[20, 10] == pytest.approx(0.6)
    picture[20, 10] = 0.2
    assert np.all(picture == np.float32(0.2))


def test_bumps_are_the_sum_written_out() -> None:
    blobs = [(20.5 + 30j, 5.0, 3.0, 2.0), (70 + 60j, 8.0, 9.0, -1.0)]
    y, x = np.mgrid[0:96, 0:96]
    expected = sum(h * np.exp(-(((x - c.real) / rx) ** 2) - ((y - c.imag) / ry) ** 2) for c, rx, ry, h in blobs)
    assert np.allclose(shapes.bumps(blobs), expected, atol=1e-6)


def turn() -> np.ndarray:
    """Some rotation: the orthogonal factor of a fixed matrix, without a mirror."""
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    return np.asarray(rotation * np.sign(np.linalg.det(rotation)))


def test_solid_holds_the_points_of_its_ellipsoid() -> None:
    radii, centre, rotation = np.array([30.0, 20.0, 12.0]), np.array([47.0, 50.0, 5.0]), turn()
    directions = np.random.default_rng(1).normal(size=(200_000, 3))
    points = directions / np.linalg.norm(directions, axis=1, keepdims=True) * radii @ rotation.T + centre
    solid = shapes.Solid.of(centre.tolist(), radii.tolist(), rotation)
    column, row = np.rint(points[:, 0]).astype(int), np.rint(points[:, 1]).astype(int)
    near = np.hypot(points[:, 0] - column, points[:, 1] - row) < 0.05
    for x, y, z in zip(column[near], row[near], points[near, 2], strict=True):
        assert solid.distance[y, x] > -0.2
        if solid.distance[y, x] > 2:  # not at the rim, where the surface falls off a cliff
            assert z <= solid.depth[y, x] + 0.3
    front = near & (points[:, 2] > solid.depth[row, column] - 0.3) & (solid.distance[row, column] > 2)
    assert front.sum() > 200
    reached = np.zeros((96, 96), bool)
    reached[row, column] = True
    assert not reached[solid.distance < -1].any()
    assert reached[solid.distance > 1].mean() > 0.98


def test_union_is_the_nearer_surface() -> None:
    rotation = np.eye(3)
    near = shapes.Solid.of([40, 48, 10], [12, 12, 12], rotation)
    far = shapes.Solid.of([56, 48, 0], [20, 20, 20], rotation)
    both = near.union(far, 2.0)
    assert both.depth[48, 40] == pytest.approx(22, abs=0.01)
    assert both.depth[48, 66] == pytest.approx(np.sqrt(300), abs=0.01)
    assert np.array_equal(both.distance > 0, (near.distance > 0) | (far.distance > 0))


def test_smooth_maximum() -> None:
    a, b = np.array([0, 5, 1], np.float32), np.array([4, 0, 1], np.float32)
    assert shapes.smooth_maximum(a, b, 2.0).tolist() == [4, 5, 1.5]


@pytest.mark.parametrize("through", [48 + 30j, 42 + 55j, 55 + 41j])
def test_an_arc_goes_through_its_three_points(through: complex) -> None:
    span = shapes.Span(30 + 40j, 66 + 46j, 30)
    picture = painted(span.window, span.stroke(span.arc(through), 1.0))
    for point in (through, 31 + 40.2j, 65 + 45.8j):
        around = shapes.window(point, 2.5, 2.5)
        assert picture[around.rows, around.columns].max() > 0.4
    y, x = np.nonzero(picture > 0.25)
    assert abs(x.min() - 30) <= 1
    assert abs(x.max() - 66) <= 1
    assert np.min(np.hypot(x - through.real, y - through.imag)) < 1


def test_between_two_arcs_is_a_parabolic_lens() -> None:
    span = shapes.Span(30 + 40j, 60 + 40j, 20)
    lens = span.between(span.arc(45 + 32j), span.arc(45 + 46j))
    assert lens.sum() == pytest.approx(2 / 3 * 30 * 14, rel=0.02)  # Archimedes: two thirds of the box


def test_clouds_are_smooth_bounded_and_repeatable() -> None:
    noise = shapes.clouds(np.random.default_rng(3), 6, 9)
    assert noise.dtype == np.float32
    assert np.abs(noise).max() <= 1
    assert 0.2 < noise.std() < 0.7
    assert np.abs(np.diff(noise, axis=0)).max() < 0.25
    assert np.array_equal(noise, shapes.clouds(np.random.default_rng(3), 6, 9))


def test_blur_is_a_gaussian() -> None:
    dot = np.zeros((96, 96), np.float32)
    dot[40, 50] = 1
    y, x = np.mgrid[0:96, 0:96]
    gaussian = np.exp(-((x - 50) ** 2 + (y - 40) ** 2) / (2 * 1.5**2))
    assert np.allclose(shapes.blur(dot, 1.5), gaussian / gaussian.sum(), atol=1e-6)
    assert np.allclose(shapes.blur(np.full((96, 96), 0.7, np.float32), 2.0), 0.7, atol=1e-6)


def test_threads_change_no_bit_of_a_blur() -> None:
    picture = np.random.default_rng(0).random((96, 96), dtype=np.float32)
    results = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            results.append(shapes.blur(picture, 1.0).tobytes())
    assert len(set(results)) == 1


def test_quantise_keeps_what_a_jpeg_keeps() -> None:
    picture = np.random.default_rng(0).random((96, 96), dtype=np.float32)
    assert np.allclose(shapes.quantise(picture, 1e-5), picture, atol=1e-3)
    coarse = shapes.quantise(picture, 0.05)
    assert 0.01 < np.abs(coarse - picture).std() < 0.5
    flat = np.full((96, 96), 0.5, np.float32)  # 8 * 0.5 is a whole number of steps
    assert np.allclose(shapes.quantise(flat, 0.05), flat, atol=1e-5)


def test_quantise_rounds_every_block_on_its_own() -> None:
    picture = np.zeros((96, 96), np.float32)
    picture[8:16, 16:24] = np.random.default_rng(0).random((8, 8))
    changed = shapes.quantise(picture, 0.03)
    changed[8:16, 16:24] = 0
    assert np.abs(changed).max() < 1e-6
