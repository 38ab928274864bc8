"""A run's folder, loaded: what it has, what it shows of itself, and damaged ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.runs import load_run, read_metrics
from tests.keypoints.report_page.made_runs import HOSTILE, cascade, history, network
from tests.pages.parsed_page import check_view


def save(folder: Path, **metrics: object) -> Path:
    SingleNetwork(network()).save(folder)
    history([3.0, 2.0, 2.5]).save_csv(folder / "history.csv")
    (folder / "metrics.json").write_text(
        json.dumps({"rmse_px": 2.0, "mean_face_rmse_px": 4.0, "ratio": 0.5, **metrics})
    )
    return folder


def test_what_is_in_a_run(tmp_path: Path) -> None:
    run = load_run(save(tmp_path, finished=True))
    assert isinstance(run.predictor, SingleNetwork)
    assert (list(run.histories), run.histories["all"].best_epoch, run.histories["all"].score) == (["all"], 2, "rmse_px")
    assert repr(run) == f"<Run {tmp_path}: SingleNetwork, rmse_px 2.00, ratio 0.50, finished>"
    images = np.zeros((2, 96, 96), np.uint8)
    np.testing.assert_array_equal(run.predict_points(images), run.predictor.predict_points(images))


def test_a_notebook_shows_the_head_of_its_page(tmp_path: Path) -> None:
    run = load_run(save(tmp_path, finished=False, stopped={"all": HOSTILE}, config={"data": HOSTILE}))
    text = check_view(run._repr_html_()).text
    for part in (
        f"Run {tmp_path.name}: SingleNetwork",
        "RMSE 2.00 px",
        "mean face 4.00 px",
        "ratio 0.50",
        "50% less error",
    ):
        assert part in text, part
    assert text.count("<script>alert('1')</script>") == 2


def test_a_cascade_has_the_histories_of_its_regions(tmp_path: Path) -> None:
    cascade().save(tmp_path)
    history([3.0]).save_csv(tmp_path / "nose_history.csv")
    history([3.0]).save_csv(tmp_path / "other_history.csv")
    run = load_run(tmp_path)
    assert isinstance(run.predictor, Cascade)
    assert list(run.histories) == ["nose"]
    assert repr(run) == f"<Run {tmp_path}: Cascade, not finished>"
    assert "It was not scored" in check_view(run._repr_html_()).text


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"rmse_px": "many", "ratio": null, "finished": 3, "config": []}'])
def test_damaged_metrics_do_no_harm(text: str, tmp_path: Path) -> None:
    (save(tmp_path) / "metrics.json").write_text(text)
    run = load_run(tmp_path)
    assert "It was not scored" in check_view(run._repr_html_()).text
    assert "not finished" in repr(run)


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder without model.npz"):
        load_run(tmp_path)
    assert read_metrics(tmp_path) == {}
    (save(tmp_path) / "history.csv").write_text("epoch,loss\n1,many\n")
    with pytest.raises(ValueError, match="history.csv: got a damaged history"):
        load_run(tmp_path)


@pytest.mark.parametrize("name", ["train_mlp", "train_cnn", "train_cascade"])
def test_runs_of_earlier_versions(name: str, tmp_path: Path) -> None:
    saved = Path(__file__).parent.parent / "saved_runs" / name
    run = load_run(shutil.copytree(saved, tmp_path / "run"))
    assert len(run.histories) == (4 if name == "train_cascade" else 1)
    assert f"ratio {run.metrics['ratio']:.2f}" in check_view(run._repr_html_()).text
