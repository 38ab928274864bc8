"""The page of a run beside its other results: there if it can be, and never in their way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import plots
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.metrics import RMSE_PX, mean_face, score
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.recipe import Recipe
from nnscratch.keypoints.scripts import run_report as module
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.run_folder import save_run
from nnscratch.keypoints.scripts.task import TrainingTask
from tests.keypoints.report_page.made_runs import cascade
from tests.pages.parsed_page import check_page

RECIPE = Recipe(lambda rng: nn.Sequential(), epochs=2)


@pytest.fixture
def task(tmp_path: Path) -> TrainingTask:
    faces = draw_faces(24, seed=0)
    labels = faces.points.copy()
    labels[:, 4:] = np.nan  # four points have labels, and a face none of them
    labels[23] = np.nan
    few = Faces(faces.images, labels, faces.image_ids)
    return TrainingTask(TrainingOptions(tmp_path / "my <run>"), few.select(slice(0, 16)), few.select(slice(16, 24)))


@pytest.fixture
def network() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, weight_init="normal(0.0001)", rng=0))


@pytest.fixture(autouse=True)
def other_pictures_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have tests of their own."""
    monkeypatch.setattr(plots, "learning_curve", lambda columns, path, **_: path.write_bytes(b"not drawn"))
    monkeypatch.setattr(plots, "face_grid", lambda faces, predicted, path: path.write_bytes(b"not drawn"))
    monkeypatch.setattr(plots, "per_point", lambda score, path: path.write_bytes(b"not drawn"))


def train(network: nn.Sequential, task: TrainingTask) -> tuple[nn.Adam, nn.History]:
    optimizer = nn.Adam(network)
    schedule = nn.schedules.cosine(0.001, 0.0)
    trainer = nn.Trainer(network, nn.MSELoss(), optimizer, lr=schedule, metric=RMSE_PX)
    validation = task.validation.x, task.validation.y
    return optimizer, trainer.fit(task.train.x, task.train.y, validation=validation, epochs=2)


def test_a_run_leaves_its_page(task: TrainingTask, network: nn.Sequential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train it.py", "--out", "my <run>"])
    optimizer, history = train(network, task)
    before = network.copy_parameters()
    save_run(task, SingleNetwork(network), RECIPE, optimizer, history)
    out = task.options.out
    text = (out / "report.html").read_text(encoding="utf-8")
    page = check_page(text)
    assert page.headings[0] == (1, "Run my <run>")
    assert "python 'train it.py' --out 'my <run>'" in page.text
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["files"][-1] == "report.html"
    assert metrics["command"] == "python 'train it.py' --out 'my <run>'"
    assert f"RMSE {metrics['rmse_px']:.2f} px" in page.text
    assert "The network was not examined" not in page.text
    for kept, w in zip(before, network.parameters(), strict=True):  # the doctor has changed nothing
        np.testing.assert_array_equal(kept, w)
    # The same run gives the same page.
    predicted = SingleNetwork(network).predict_points(task.validation.images)
    result = score(predicted, task.validation.points, mean_face(task.train.points))
    predictor, histories = SingleNetwork(network), {"all": history}
    assert module.run_report(task, predictor, optimizer, histories, predicted, [], result, metrics) == text
    # As trained: the schedule's last rate is 0, with which no weight would move.
    layer = page.text[page.text.index("Dense(9216, 30,") :].split()
    assert float(layer[8]) > 0


def test_a_page_that_cannot_be_made_costs_nothing_else(
    task: TrainingTask, network: nn.Sequential, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> str:
        raise MemoryError("for a test")

    optimizer, history = train(network, task)
    monkeypatch.setattr(module, "run_page", lambda facts: "the page of an earlier run")
    save_run(task, SingleNetwork(network), RECIPE, optimizer, history)
    out = task.options.out
    assert (out / "report.html").exists()
    monkeypatch.setattr(module, "run_page", fail)
    assert save_run(task, SingleNetwork(network), RECIPE, optimizer, history) is not None
    # The page of the earlier run would be one of another training.
    assert not (out / "report.html").exists()
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["finished"] is True
    assert "report.html" not in metrics["files"]
    assert {"faces.png", "per_point.png", "model.npz"} <= set(metrics["files"])
    said = capsys.readouterr().err
    assert "report.html: got no page (MemoryError: for a test)" in said
    assert said.count("\n") == 1


def test_ctrl_c_ends_it(task: TrainingTask, network: nn.Sequential, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_page", interrupt)
    optimizer, history = train(network, task)
    with pytest.raises(KeyboardInterrupt):
        save_run(task, SingleNetwork(network), RECIPE, optimizer, history)
    assert json.loads((task.options.out / "metrics.json").read_text())["finished"] is False
    assert (task.options.out / "model.npz").exists()


def test_an_interrupted_cascade_of_one_level(task: TrainingTask) -> None:
    one = replace(cascade(), levels=(), reference=mean_face(task.train.points))
    optimizer, history = train(one.level_1, task)
    history.end(nn.Outcome.INTERRUPTED, "interrupted by the user")
    answers = one.predict_levels(task.validation.images)
    save_run(task, one, RECIPE, optimizer, history, predicted=answers[-1], levels=answers)
    page = check_page((task.options.out / "report.html").read_text(encoding="utf-8"))
    assert "not finished interrupted by the user" in page.text
    assert "level 2" not in page.text.lower()
