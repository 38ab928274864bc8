"""train_cascade.py: what it trains, writes and says of its second level."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.faces import COLUMNS

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
