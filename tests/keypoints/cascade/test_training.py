"""The training of a level: which networks, from which faces, in what time, and what is judged."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.history import History, Outcome
from nnscratch.keypoints.cascade import training
from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.cascade.training import LevelData, LevelRecipe, TrainedLevel, train_level
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.conventions import LabelConventions
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.metrics import mean_face, rmse_px
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.start import start_from_mean_face
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.checkpoint import CheckpointError
from nnscratch.training.side_by_side import train_on_ranks
from tests.training.small_training import After

FACES = draw_faces(60, seed=0)

REGIONS = (
    Region("nose", ("nose_tip",), 12, 30.0),
    Region("mouth", ("mouth_left_corner", "mouth_center_bottom_lip"), 12, 50.0),
)


def tiny(rng: np.random.Generator, region: Region) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Dense(144, 8, rng=rng), nn.ReLU(), nn.Dense(8, 2 * len(region.points), rng=rng)
    )


RECIPE = LevelRecipe(Recipe(tiny, epochs=2, lr=0.01, batch_size=16), REGIONS)


def mean_cascade(train: Faces) -> Cascade:
    network = nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=0))
    start_from_mean_face(network, train.points)
    return Cascade(network, symmetrical(mean_face(train.points)))


def trained(train: Faces, held_out: Faces, recipe: LevelRecipe = RECIPE, **settings: Any) -> TrainedLevel:
    cascade = mean_cascade(train)
    return train_level(cascade, recipe, LevelData(train, CascadeAnswers.of(cascade, held_out)), **settings)


TRAIN, HELD_OUT = FACES.select(slice(0, 35)), FACES.select(slice(35, 60))


@pytest.fixture(scope="module")
def level_2() -> TrainedLevel:
    return trained(TRAIN, HELD_OUT, seed=3)


def test_a_level_is_added(level_2: TrainedLevel) -> None:
    level = level_2.cascade.levels[0]
    assert len(level_2.cascade.levels) == 1
    assert level.regions == REGIONS
    assert set(level_2.histories) == {"nose", "mouth"}
    for history in level_2.histories.values():
        assert history.stopped == "all 2 epochs done"
        assert all(map(math.isfinite, history.columns["validation_loss"]))
    assert [answer.shape for answer in level_2.held_out.answers] == [(25, 15, 2)] * 2
    assert level_2.held_out.faces is HELD_OUT
    assert all(layer.params["weight"].any() for network in level.networks for layer in network.layers if layer.params)
    found = level_2.cascade.predict_levels(HELD_OUT.images)
    np.testing.assert_allclose(found[0], level_2.held_out.answers[0], atol=1e-4)
    # Its own answers for held-out faces, by combinations fitted on these too, are not those that
    # are judged by.
    assert len(level.blends) == 2
    assert not np.allclose(found[1], level_2.held_out.answers[1], atol=1e-6)


def test_a_network_sees_only_the_faces_with_one_of_its_points() -> None:
    faces = replace(TRAIN, points=TRAIN.points.copy())
    faces.points[10:, POINTS.index("nose_tip")] = np.nan
    histories = trained(faces, HELD_OUT).histories
    assert histories["nose"].columns["images"] == [np.isfinite(faces.points[:10, 10, 0]).sum()] * 2


@pytest.mark.parametrize("side", ["train", "held_out"])
def test_a_region_without_labels_gets_no_network(side: str) -> None:
    """Nobody to learn from, or nobody to be judged by; with none left at all, a level of no
    networks changes little.
    """
    faces = {"train": TRAIN, "held_out": HELD_OUT}
    faces[side] = replace(faces[side], points=faces[side].points.copy())
    faces[side].points[:, REGIONS[0].indices_both_sides] = np.nan
    level = trained(**faces)
    assert level.cascade.levels[0].regions == REGIONS[1:]
    assert set(level.histories) == {"mouth"}
    assert np.isfinite(level.cascade.predict_points(HELD_OUT.images)).all()
    faces[side].points[:, REGIONS[1].indices_both_sides] = np.nan
    level = trained(**faces)
    assert level.histories == {}
    assert np.isfinite(level.cascade.predict_points(HELD_OUT.images)).all()


def test_a_network_that_diverges_does_no_harm() -> None:
    level = trained(TRAIN, HELD_OUT, recipe=replace(RECIPE, training=replace(RECIPE.training, lr=1e38)))
    assert level.histories["nose"].outcome is Outcome.DIVERGED
    assert np.isfinite(level.held_out.answers[-1]).all()
    before, after = (rmse_px(answer, HELD_OUT.points) for answer in level.held_out.answers)
    assert after <= before


@pytest.mark.parametrize(("seconds", "expected"), [(0.1, 100 - 0.1 * 2 * 60), (10.0, 50.0)])
def test_time_for_the_blends_is_kept_back(monkeypatch: pytest.MonkeyPatch, seconds: float, expected: float) -> None:
    """Two passes over 60 faces; but half of the time is the networks' in any case. By a clock that
    stands still.
    """
    given = []

    def note(ranks: Ranks, jobs: dict[str, Any], *, seconds: float, **settings: Any) -> dict[str, History]:
        given.append(seconds)
        return train_on_ranks(ranks, jobs, **settings)

    monkeypatch.setattr(training, "seconds_per_face", lambda *_: seconds)
    monkeypatch.setattr(training, "train_on_ranks", note)
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: 1000.0))
    trained(TRAIN, HELD_OUT, seconds=100.0)
    assert given == [pytest.approx(expected)]


def test_a_short_time_leaves_out_the_last_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as were affordable when the level was begun are trained, however long it has then."""
    monkeypatch.setattr(training, "seconds_per_epoch", lambda jobs: dict.fromkeys(jobs, 100.0))
    monkeypatch.setattr(training, "cores_of", lambda ranks: 1)
    regions = (*REGIONS, Region("nose_near", ("nose_tip",), 12, 20.0), Region("nose_far", ("nose_tip",), 12, 40.0))
    recipe = replace(RECIPE, regions=regions, least_share=0.5)
    limits: dict[str, float] = {}
    for seconds, expected in ((320.0, 3), (1e6, 3)):  # an epoch of each takes 100 s of them
        level = trained(TRAIN, HELD_OUT, recipe, seconds=seconds, kept=limits.setdefault).cascade.levels[0]
        assert level.regions == regions[:expected]
    assert limits == {"networks": 3}
    assert trained(TRAIN, HELD_OUT, recipe, seconds=1e6).cascade.levels[0].regions == regions
    assert trained(TRAIN, HELD_OUT, recipe, seconds=1.0).cascade.levels[0].regions == REGIONS  # each point has one


def test_labels_of_two_sources_teach_one_convention() -> None:
    """A source that labels the nose alone has it 3 px lower. What the level learns from and is
    judged by has it where the others have it.
    """
    lower = np.zeros((15, 2))
    lower[POINTS.index("nose_tip")] = [0, 3]
    moved = replace(TRAIN, points=TRAIN.points.copy())
    moved.points[::2, np.arange(15) != POINTS.index("nose_tip")] = np.nan
    cascade = replace(mean_cascade(moved), conventions=LabelConventions({1 << POINTS.index("nose_tip"): lower}))
    lesson = training._Lesson.of(cascade, RECIPE, LevelData(moved, CascadeAnswers.of(cascade, HELD_OUT)), seed=0)
    change = (lesson.train.faces.points - moved.points)[:, POINTS.index("nose_tip")]
    assert np.nanmean(change[::2, 1]) == pytest.approx(-3, abs=0.5)
    assert not np.nan_to_num(change[1::2]).any()


def test_a_third_level_learns_from_the_second_ones_errors(level_2: TrainedLevel) -> None:
    region = Region("nose_near", ("nose_tip",), 12, 16.0)
    recipe = replace(RECIPE, regions=(region,), passes=1)
    level_3 = train_level(level_2.cascade, recipe, LevelData(TRAIN, level_2.held_out))
    assert [len(level.regions) for level in level_3.cascade.levels] == [2, 1]
    assert len(level_3.held_out.answers) == 3
    assert [len(level.blends) for level in level_3.cascade.levels] == [2, 1]


def test_the_same_seed_gives_the_same_level(level_2: TrainedLevel) -> None:
    again, other = (trained(TRAIN, HELD_OUT, seed=seed) for seed in (3, 4))
    for name, history in level_2.histories.items():
        assert history.columns["loss"] == again.histories[name].columns["loss"]
        assert history.columns["loss"] != other.histories[name].columns["loss"]
    np.testing.assert_array_equal(again.held_out.answers[-1], level_2.held_out.answers[-1])
    np.testing.assert_array_equal(
        again.cascade.predict_points(HELD_OUT.images), level_2.cascade.predict_points(HELD_OUT.images)
    )


@pytest.mark.parametrize("times", [0, 3, 9])
def test_a_level_goes_on_where_it_was_stopped(level_2: TrainedLevel, times: int, tmp_path: Path) -> None:
    """Wherever each of its networks was then, and to the same bits."""
    stopped = trained(TRAIN, HELD_OUT, seed=3, checkpoints=tmp_path, stop=After(times))
    assert Outcome.INTERRUPTED in {history.outcome for history in stopped.histories.values()}
    with_epochs = {name for name, history in stopped.histories.items() if len(history)}
    assert {region.name for region in stopped.cascade.levels[0].regions} == with_epochs
    assert {path.name for path in (tmp_path / "level_2").iterdir()} >= {"nose.npz", "mouth.npz"}
    again = trained(TRAIN, HELD_OUT, seed=3, checkpoints=tmp_path)
    np.testing.assert_array_equal(again.held_out.answers[-1], level_2.held_out.answers[-1])
    for network, expected in zip(again.cascade.levels[0].networks, level_2.cascade.levels[0].networks, strict=True):
        for layer, layer_expected in zip(network.layers, expected.layers, strict=True):
            for name, array in layer.params.items():
                np.testing.assert_array_equal(array, layer_expected.params[name])


def test_networks_can_be_saved_before_the_blends(tmp_path: Path) -> None:
    """The cascade without blends can be loaded, and answers as its first network."""
    seen: list[tuple[Cascade, dict[str, History]]] = []

    def save(cascade: Cascade, histories: dict[str, History]) -> None:
        cascade.save(tmp_path)
        seen.append((cascade, histories))

    level = trained(TRAIN, HELD_OUT, seed=3, trained=save)
    assert seen[0][1] is level.histories
    loaded = Cascade.load(tmp_path)
    assert loaded.levels[0].regions == REGIONS
    first, second = loaded.predict_levels(HELD_OUT.images)
    np.testing.assert_array_equal(first, second)


def test_a_checkpoint_of_another_level_is_refused(tmp_path: Path) -> None:
    trained(TRAIN, HELD_OUT, seed=3, checkpoints=tmp_path)
    other = replace(RECIPE, training=replace(RECIPE.training, batch_size=8))
    with pytest.raises(CheckpointError, match="got the checkpoint of another training, with .*batch_size"):
        trained(TRAIN, HELD_OUT, seed=3, checkpoints=tmp_path, recipe=other)
