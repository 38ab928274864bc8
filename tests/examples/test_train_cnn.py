"""train_cnn.py: what it trains and writes; the Trainer that it writes out is the recipe's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.kaggle.training_file import load_faces, save_faces
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.task import start_task
from nnscratch.keypoints.start import centre_on, start_from_mean_face
from tests.pages.parsed_page import check_page


def test_the_same_seed_gives_the_same_model(
    run: Any, run_here: Any, check_run: Any, folder: Path, tmp_path: Path
) -> None:
    """On any number of threads, in a process of its own or not."""
    data = "--data", folder / "training.csv"
    for name, train, threads in (("a", run, 1), ("b", run_here, 3)):
        done = train("train_cnn.py", "--epochs", 1, *data, "--out", tmp_path / name, "--threads", threads)
        check_run(done, tmp_path / name)
    page = check_page((tmp_path / "a" / "report.html").read_text(encoding="utf-8"))
    assert "train_cnn.py --epochs 1" in page.text
    with np.load(tmp_path / "a" / "model.npz") as a, np.load(tmp_path / "b" / "model.npz") as b:
        assert len(a.files) > 10
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("network", ["report", "report-large"])
def test_networks(run_here: Any, check_run: Any, network: str, folder: Path, tmp_path: Path) -> None:
    options = "--epochs", 1, "--rows", "complete", "--batch-size", 16, "--network", network
    done = run_here("train_cnn.py", *options, "--data", folder / "training.csv", "--out", tmp_path / "run")
    # The biases of 1 that they begin with are what kept them from learning.
    config = check_run(done, tmp_path / "run", warned="saturated_by_bias")["config"]
    assert (config["network"], config["batch_size"]) == (network, 16)
    assert config["training_faces"] < 51


def test_time_may_run_out(run_here: Any, check_run: Any, folder: Path, tmp_path: Path) -> None:
    options = "--epochs", 500, "--network", "kfkd", "--time-limit", 0.01
    done = run_here("train_cnn.py", *options, "--data", folder / "training.csv", "--out", tmp_path / "run")
    assert "time limit" in done.stdout
    assert check_run(done, tmp_path / "run")["epochs"] < 500


def test_the_trainer_that_is_written_out_is_the_recipes(
    run_here: Any, check_run: Any, script: Any, folder: Path, tmp_path: Path
) -> None:
    example = script("train_cnn.py")
    held_out = example["RECIPES"]["best"].held_out
    data = str(folder / "training.csv")
    options = TrainingOptions(tmp_path / "run", data=data, recipe="best", epochs=2, held_out=held_out)
    given = "--data", options.data, "--recipe", "best", "--epochs", 2, "--out", options.out
    check_run(run_here("train_cnn.py", *given), options.out)

    task = start_task(options)
    recipe = options.adjusted(example["RECIPES"]["best"], example["NETWORKS"]).for_faces(task.train)
    network = recipe.network(rng=np.random.default_rng(options.seed))
    start_from_mean_face(network, task.train.points)
    validation = task.validation.x, task.validation.y
    recipe.trainer(network, seed=options.seed).fit(task.train.x, task.train.y, validation=validation, epochs=2)
    centre_on(network, task.train.x, task.train.y)
    written = nn.load(options.out / "model.npz")
    np.testing.assert_array_equal(written.predict(task.train.x), network.predict(task.train.x))


def test_recipes_have_networks_that_can_be_named(script: Any) -> None:
    example = script("train_cnn.py")
    assert list(example["RECIPES"]) == ["plain", "best"]  # the first one is the default
    for recipe in example["RECIPES"].values():
        assert example["NETWORKS"][recipe.network.__name__] is recipe.network
    for make in example["NETWORKS"].values():
        network = make(rng=np.random.default_rng(0))
        assert network.predict(np.zeros((1, 96, 96, 1), np.float32)).shape == (1, 30)


def test_a_lookup_table_needs_test_faces(run_here: Any, folder: Path, tmp_path: Path) -> None:
    given = "--data", folder / "training.csv", "--out", tmp_path / "run", "--lookup", folder / "lookup.csv"
    done = run_here("train_cnn.py", *given, expect=2)
    assert done.stderr.count("\n") == 1
    assert "--test" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_complete_row(run_here: Any, folder: Path, tmp_path: Path) -> None:
    faces = load_faces(folder / "training.csv")
    save_faces(faces.select(~faces.complete), tmp_path / "bad.csv")
    done = run_here("train_cnn.py", "--rows", "complete", "--data", tmp_path / "bad.csv", expect=2)
    assert "0 of" in done.stderr
    assert "use --rows all" in done.stderr
