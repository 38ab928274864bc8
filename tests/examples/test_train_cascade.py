"""train_cascade.py: what it trains, writes and says of its second level."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.faces import COLUMNS

ROOT = Path(__file__).parents[2]
ONE_EPOCH = "train_cascade.py", "--epochs", 1, "--level-2-epochs", 1


def test_it_trains_in_a_pipe_and_says_what_its_second_level_brought(
    run: Any, check_run: Any, folder: Path, tmp_path: Path
) -> None:
    data, out = ("--data", folder / "training.csv"), tmp_path / "run"
    done = run("train_cascade.py", "--epochs", 1, "--level-2-epochs", 1, *data, "--out", out)
    metrics = check_run(done, out)
    assert "level 1  level 2" in done.stdout
    for column in COLUMNS[::2]:
        assert f"\n{column.removesuffix('_x')} " in done.stdout
    total = next(line.split() for line in done.stdout.splitlines() if line.startswith("all "))
    # Held-out faces are scored by blends that have not learnt from them.
    assert metrics["rmse_px"] == pytest.approx(float(total[2]), abs=0.006)
    assert len(metrics["stopped"]) == 1 + 9  # the first network, and one for each point or pair
    config = metrics["config"]
    assert (config["network"], config["level_2_network"]) == ("small", "small_level_2")
    assert (config["epochs"], config["level_2_epochs"], config["level_2_batch_size"]) == (1, 1, 64)


def test_points_of_a_lookup_table_are_those_of_predict(run_here: Any, folder: Path, tmp_path: Path) -> None:
    """The training script can write them itself."""
    out, test = tmp_path / "run", ("--data", folder / "test.zip")
    lookup = "--lookup", folder / "lookup.csv"
    run_here(*ONE_EPOCH, "--data", folder / "training.csv", "--out", out, "--test", test[1], *lookup)
    run_here("predict.py", "--model", out, *test, "--out", tmp_path / "predicted.csv", *lookup)
    assert (out / "submission.csv").read_bytes() == (tmp_path / "predicted.csv").read_bytes()
    files = json.loads((out / "metrics.json").read_text())["files"]
    assert {"test.csv", "submission.csv"} & set(files) == {"submission.csv"}


def test_the_networks_of_level_1_are_those_of_train_cnn(script: Callable[[str], dict[str, Any]]) -> None:
    """Each script can be copied alone, so both have them."""
    own, cnn = script("train_cascade.py"), script("train_cnn.py")
    assert list(own["NETWORKS"]) == list(cnn["NETWORKS"])
    for name, make in own["NETWORKS"].items():
        ours, theirs = make(rng=np.random.default_rng(0)), cnn["NETWORKS"][name](rng=np.random.default_rng(0))
        assert repr(ours) == repr(theirs)
        for a, b in zip(ours.layers, theirs.layers, strict=True):
            for key in a.params:
                np.testing.assert_array_equal(a.params[key], b.params[key])


@pytest.mark.parametrize("name", ["plain", "best"])
def test_the_networks_of_level_2_fit_their_regions(script: Callable[[str], dict[str, Any]], name: str) -> None:
    example = script("train_cascade.py")
    assert list(example["RECIPES"]) == ["plain", "best"]  # the first one is the default
    recipe = example["RECIPES"][name]
    assert example["NETWORKS"][recipe.level_1.network.__name__] is recipe.level_1.network
    regions = recipe.level_2.regions
    assert len({region.name for region in regions}) == len(regions)
    for region in regions:
        network = recipe.level_2.training.network(np.random.default_rng(0), region)
        outputs = network.predict(np.zeros((1, region.side, region.side, 1), np.float32))
        assert outputs.shape == (1, 2 * len(region.points))


@pytest.mark.parametrize("name", ["plain", "best"])
def test_a_network_of_level_2_for_every_point(script: Callable[[str], dict[str, Any]], name: str) -> None:
    recipe = script("train_cascade.py")["RECIPES"][name]
    served = np.concatenate([region.indices_both_sides for region in recipe.level_2.regions])
    assert set(served.tolist()) == set(range(15))
    assert 0 < recipe.share < 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run that nobody disturbs is written, by the first test that needs it."""
    return tmp_path_factory.mktemp("undisturbed") / "whole"


@pytest.mark.parametrize("level", [pytest.param(1, marks=pytest.mark.nightly), 2])
def test_it_goes_on_where_it_was_stopped(
    run: Any, run_here: Any, folder: Path, whole: Path, tmp_path: Path, level: int
) -> None:
    """By SIGTERM, and then by SIGKILL: all weights are those of a run that nobody disturbed."""
    # Level 2 takes a second and more: the signal comes before its end on a busy machine, too.
    given = "--epochs", 2, "--level-2-epochs", 10, "--batch-size", 16, "--data", folder / "training.csv"
    if not whole.exists():
        run_here("train_cascade.py", *given, "--out", whole)
    out = tmp_path / "run"
    begun = out / "checkpoints" / ("run.json" if level == 1 else "level_2")
    process = start("train_cascade.py", *given, "--out", out)
    wait_for(begun, process)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 143, stderr
    assert "finishing the batch and saving" in stderr
    assert "go on with: python" in stderr
    metrics = out / "metrics.json"
    assert not metrics.exists() or json.loads(metrics.read_text())["finished"] is False
    assert metrics.exists() or level == 1

    process = start("train_cascade.py", *given, "--out", out, "--resume", "--threads", 1)
    wait_for(out / "checkpoints" / "level_2", process)
    process.kill()
    process.communicate(timeout=300)
    refused = run_here("train_cascade.py", *given, "--out", out, expect=2)
    assert "--resume" in refused.stderr
    refused = run_here("train_cascade.py", *given, "--out", out, "--resume", "--seed", 1, expect=2)
    assert "got an unfinished run --seed 0, now --seed 1" in refused.stderr
    done = run("train_cascade.py", *given, "--out", out, "--resume")
    assert done.stderr == ""
    assert {path.name for path in out.iterdir()} == {path.name for path in (whole).iterdir()}
    for path in (whole).glob("*.npz"):
        with np.load(path) as expected, np.load(out / path.name) as got:
            for name in expected.files:
                np.testing.assert_array_equal(got[name], expected[name])
    assert json.loads(metrics.read_text())["finished"] is True


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / script), *map(str, arguments)]
    environment = {"OPENBLAS_NUM_THREADS": "1", "NNSCRATCH_NUM_THREADS": "2", **os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 300
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert path.exists()
