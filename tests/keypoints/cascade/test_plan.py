"""How many networks a level gets in the time it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels.threads import get_threads
from nnscratch.keypoints.cascade.plan import cores_of, first_regions, seconds_per_epoch
from nnscratch.keypoints.cascade.region_crops import RegionCrops
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.side_by_side import Job

EYE = Region("eye", ("left_eye_center",), 8, 20.0)
NOSE = Region("nose", ("nose_tip",), 8, 20.0)
NOSES = [EYE, NOSE, Region("nose_2", ("nose_tip",), 8, 30.0), Region("nose_3", ("nose_tip",), 8, 40.0)]


@pytest.mark.parametrize(
    ("core_seconds", "least", "expected"),
    [(400, 1.0, 4), (399, 1.0, 3), (399, 0.5, 4), (200, 1.0, 2), (100, 1.0, 2), (0.1, 0.5, 2), (400, 1e-9, 4)],
)
def test_the_first_ones_that_get_enough_of_their_epochs(core_seconds: float, least: float, expected: int) -> None:
    """At least two, for only these find both points."""
    assert first_regions(NOSES, [100.0] * 4, core_seconds=core_seconds, least=least) == expected


def test_a_costly_network_ends_the_list() -> None:
    assert first_regions(NOSES, [1, 1, 1000, 1], core_seconds=100, least=1) == 2
    assert first_regions(NOSES[:1], [1], core_seconds=100, least=1) == 1
    assert first_regions([], [], core_seconds=100, least=1) == 0


def test_rows_without_a_label_are_not_measured() -> None:
    some = job(40, 6)
    some[2][:35] = np.nan
    assert seconds_per_epoch({"a": some})["a"] > 0


def job(rows: int, inputs: int, judges: int = 10, hidden: int = 4, outputs: int = 2) -> Job:
    model = nn.Sequential(nn.Dense(inputs, hidden, rng=0), nn.ReLU(), nn.Dense(hidden, outputs, rng=0))
    trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), batch_size=4, progress=True)
    x, seen = np.ones((rows, inputs), np.float32), np.ones((judges, inputs), np.float32)
    return trainer, x, np.ones((rows, outputs), np.float32), (seen, np.ones((judges, outputs), np.float32))


def test_what_is_measured_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = {"a": job(30, 6), "few rows": job(1, 6, judges=1)}
    before = [layer.params["weight"].copy() for trainer, *_ in jobs.values() for layer in trainer.model.layers[::2]]
    threads = get_threads()
    seconds = seconds_per_epoch(jobs)
    assert list(seconds) == list(jobs)
    assert 0 < seconds["few rows"] < seconds["a"]
    after = [layer.params["weight"] for trainer, *_ in jobs.values() for layer in trainer.model.layers[::2]]
    np.testing.assert_equal(after, before)
    assert jobs["a"][0].rng.random() == nn.Trainer(*_parts(jobs["a"])).rng.random()
    assert get_threads() == threads
    assert capsys.readouterr().err == ""


def _parts(of: Job) -> tuple[Any, Any, Any]:
    return of[0].model, of[0].loss, of[0].optimizer


def test_networks_of_a_kind_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They differ in their last layer, and in how many rows they have."""
    measured = []

    def note(each: Job) -> tuple[float, float]:
        measured.append(each)
        return 0.01, 0.001

    monkeypatch.setattr("nnscratch.keypoints.cascade.plan._seconds_per_row", note)
    jobs = {"a": job(30, 6), "b": job(40, 6, outputs=4), "wider": job(30, 6, hidden=8), "larger": job(30, 9)}
    assert seconds_per_epoch(jobs) == pytest.approx({"a": 0.31, "b": 0.41, "wider": 0.31, "larger": 0.31})
    assert [len(each[1]) for each in measured] == [30, 30, 30]


def test_crops_in_local_contrast_are_a_kind_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer to make."""
    measured = []

    def note(each: Job) -> tuple[float, float]:
        measured.append(each[0].augment.region)
        return 0.01, 0.001

    monkeypatch.setattr("nnscratch.keypoints.cascade.plan._seconds_per_row", note)
    local, jobs = replace(NOSE, window=3), {}
    offsets = LabelOffsets.of(draw_faces(4, seed=0))
    for name, region in {"nose": NOSE, "wide": NOSES[2], "local": local, "local, too": local}.items():
        jobs[name] = job(30, 6)
        jobs[name][0].augment = RegionCrops(
            region, np.zeros((15, 2)), np.zeros((1, 15, 2)), offsets, rotation=8, scale=0.1
        )
    assert len(seconds_per_epoch(jobs)) == 4
    assert measured == [NOSE, local]


def test_the_cores_of_one_process() -> None:
    assert cores_of(Ranks(None)) == get_threads()
