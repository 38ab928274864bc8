"""The levels of a cascade in a graph: crops, blends, and the whole, equal to NumPy's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.checks import NotFiniteError
from nnscratch.keypoints.cascade.blending import Blend, Sighting
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.onnx_levels import add_blend, add_crop_maps, add_sight
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, to_network_input
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.metrics import mean_face
from nnscratch.keypoints.onnx_graphs.crops import Pixels
from nnscratch.keypoints.start import start_from_mean_face
from tests.keypoints.onnx_graphs.computed import check_same, run_file

FACES = draw_faces(100, seed=0, missing=False)
REFERENCE = symmetrical(mean_face(FACES.points))
RELATIVE = 1e-5  # of a coordinate
RNG = np.random.default_rng(0)

REGIONS = (
    Region("eye", ("left_eye_center", "left_eyebrow_outer_end"), 12, 40.0),
    Region("nose", ("nose_tip",), 9, 20.5),
    Region("left_eye", ("left_eye_center",), 12, 30.0, window=5),  # found twice, with the one above
    Region("mouth", ("mouth_right_corner", "mouth_center_top_lip", "mouth_left_corner"), 12, 50.0),
)


def small(region: Region, seed: int) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    side = (region.side - 2) // 2
    return nn.Sequential(
        nn.ContrastNormalization(), nn.Conv2D(1, 3, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(),
        nn.Dense(side * side * 3, 2 * len(region.points), rng=rng), nn.Tanh(),
    )  # fmt: skip


def blend(*off: int) -> Blend:
    is_off = np.isin(np.arange(len(POINTS)), off)
    return Blend(RNG.normal(0, 0.01, (61, 30)), RNG.normal(0, 1, 30), is_off, 30.0)


@pytest.fixture(scope="module")
def level_1() -> nn.Sequential:
    """It finds other points in each face, some px beside the mean face, and is not symmetrical."""
    network = nn.Sequential(
        nn.Conv2D(1, 4, 6, stride=6, rng=0), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(256, 30, rng=1)
    )
    start_from_mean_face(network, FACES.points)
    network.layers[-1].params["weight"][:] = RNG.normal(0, 0.02, (256, 30))
    return network


def check_cascade(folder: Path, cascade: Cascade, images: np.ndarray) -> np.ndarray:
    """The file's points are the cascade's; returns them."""
    expected = cascade.predict_points(images)
    (points,) = run_file(cascade.export_onnx(folder / "cascade.onnx"), images=images)
    np.testing.assert_allclose(points, expected, rtol=RELATIVE, atol=RELATIVE, strict=True)
    return expected


def two_levels(level_1: nn.Sequential) -> Cascade:
    networks = tuple(small(region, seed) for seed, region in enumerate(REGIONS))
    nose = REGIONS[1]
    levels = (
        Level(REGIONS, networks, (blend(5, 9), blend())),  # two passes, some points off in the first
        Level((nose,), (small(nose, 9),), (blend(*range(15)),)),  # all points off
        Level((nose,), (small(nose, 8),), (Blend.none(),)),
    )
    return Cascade(level_1, REFERENCE, levels)


def test_a_trained_cascade(tmp_path: Path) -> None:
    cascade = Cascade.load(Path(__file__).parents[2] / "saved_runs" / "train_cascade")
    expected = check_cascade(tmp_path, cascade, FACES.images)
    assert np.ptp(expected, axis=0).max() > 5  # px: it tells faces apart


def test_a_cascade_of_100_faces(tmp_path: Path, level_1: nn.Sequential) -> None:
    cascade = two_levels(level_1)
    check_cascade(tmp_path, cascade, FACES.images)
    answers = cascade.predict_levels(FACES.images)
    spread = answers[0].std(axis=0).min()
    assert spread > 0.3, "level 1 answers alike for all faces: nothing was turned"
    assert np.abs(answers[1] - answers[0]).max() > 3, "level 2 does not move a point"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_batches(tmp_path: Path, level_1: nn.Sequential, count: int) -> None:
    assert len(check_cascade(tmp_path, two_levels(level_1), FACES.images[:count])) == count


def test_pictures_of_one_grey(tmp_path: Path, level_1: nn.Sequential) -> None:
    images = np.repeat(np.array([0, 128, 255], np.uint8), 96 * 96).reshape(3, 96, 96)
    check_cascade(tmp_path, two_levels(level_1), images)


@pytest.mark.parametrize("place", [(0.0, 0.0), (95.0, 20.0), (40.0, 130.0)])
def test_faces_at_the_border_and_beyond(tmp_path: Path, level_1: nn.Sequential, place: tuple[float, float]) -> None:
    moved = two_levels(level_1.astype(np.float32))
    last = moved.level_1.layers[-1]
    last.params["bias"] += np.tile((np.array(place) - 48) / 48, 15).astype(np.float32)
    expected = check_cascade(tmp_path, moved, FACES.images[:5])
    assert np.abs(expected - FACES.points[:5]).max() > 30


def test_a_level_1_alone(tmp_path: Path, level_1: nn.Sequential) -> None:
    check_cascade(tmp_path, Cascade(level_1, REFERENCE), FACES.images[:5])


def test_levels_without_passes_or_regions(tmp_path: Path, level_1: nn.Sequential) -> None:
    """As `train_level` leaves them before it fits blends, and where all networks diverged."""
    no_pass = Level(REGIONS[:1], (small(REGIONS[0], 0),), ())
    no_region = Level((), (), (blend(3),))
    for levels in ((no_pass,), (no_region,), (no_pass, no_region)):
        check_cascade(tmp_path, Cascade(level_1, REFERENCE, levels), FACES.images[:5])


def test_a_loaded_cascade_in_its_own_folder(tmp_path: Path, level_1: nn.Sequential) -> None:
    cascade = two_levels(level_1)
    cascade.save(tmp_path)
    path = Cascade.load(tmp_path).export_onnx(tmp_path)
    assert path == tmp_path / "cascade.onnx"
    (points,) = run_file(path, images=FACES.images[:3])
    np.testing.assert_allclose(points, Cascade.load(tmp_path).predict_points(FACES.images[:3]), rtol=RELATIVE)


def test_answers_that_overflow_come_out_as_they_are_and_spoil_no_others(tmp_path: Path, level_1: nn.Sequential) -> None:
    """A graph raises no error, where NumPy's code does; it must not end the run of other faces."""
    huge = level_1.astype(np.float32)
    huge.layers[0].params["weight"][:] = 1e38
    cascade, images = replace(two_levels(level_1), level_1=huge), FACES.images[:3].copy()
    images[[0, 2]] = 0  # black: zero times 1e38
    with pytest.raises(NotFiniteError):
        cascade.predict_points(images)
    (points,) = run_file(cascade.export_onnx(tmp_path), images=images)
    assert not np.isfinite(points[1]).any()
    np.testing.assert_allclose(points[[0, 2]], cascade.predict_points(images[[0, 2]]), rtol=RELATIVE)


def some_points(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points near the reference, turned, and label offsets."""
    points = REFERENCE + RNG.normal(0, 6, (count, 15, 2)) + RNG.normal(0, 10, (count, 1, 2))
    return points, RNG.normal(0, 2, count)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_crop_maps_are_those_of_the_regions(count: int) -> None:
    points, _ = some_points(count)
    expected = np.stack([region.crop_maps(points, REFERENCE).matrices for region in REGIONS], axis=1)

    def add(graph: Any, points: str) -> tuple[str, str]:
        maps = add_crop_maps(graph, REGIONS, points, REFERENCE)
        return maps.linear, maps.shift

    check_same(add, {"points": points}, expected[..., :2], expected[..., 2])


@pytest.mark.parametrize("off", [(), (0, 7, 14), tuple(range(15))])
def test_a_blend_is_numpys(off: tuple[int, ...]) -> None:
    (before, offset), (found, _) = some_points(4), some_points(4)
    one = blend(*off)
    check_same(
        lambda graph, before, found, offset: add_blend(graph, one, before, found, offset),
        {"before": before, "found": found, "offset": offset.reshape(-1, 1, 1)},
        one(Sighting(before, found, offset)),
    )


def test_one_pass_is_numpys(level_1: nn.Sequential) -> None:
    """Each point in turn: found by no network, one, two, or by one in both pictures."""
    x, (points, offset) = to_network_input(FACES.images[:4]), some_points(4)
    level = two_levels(level_1).levels[0]

    def add(graph: Any, x: str, points: str, offset: str) -> str:
        return add_sight(graph, level, Pixels.of(graph, x), points, offset, REFERENCE)

    expected = level.sight(x, points, offset, REFERENCE).found
    assert (expected[:, POINTS.index("mouth_center_bottom_lip")] == points[:, -1]).all()
    arrays = {"x": x[..., 0], "points": points, "offset": offset.reshape(-1, 1, 1)}
    check_same(add, arrays, expected, atol=1e-4)


def test_a_network_that_does_not_fit_leaves_no_file(tmp_path: Path, level_1: nn.Sequential) -> None:
    level = Level(REGIONS[:1], (small(REGIONS[2], 0),), (Blend.none(),))
    with pytest.raises(ValueError, match=r"^Cascade.export_onnx: got a network with outputs \(2,\), expected \(4,\)"):
        Cascade(level_1, REFERENCE, (level,)).export_onnx(tmp_path / "cascade.onnx")
    other = replace(two_levels(level_1), level_1=level_1.astype(np.float64))
    with pytest.raises(ValueError, match=r"^Cascade.export_onnx: .*float64"):
        other.export_onnx(tmp_path / "cascade.onnx")
    assert list(tmp_path.iterdir()) == []
