"""What the tests of the examples share: small files, and what a run must leave behind."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import COLUMNS, Faces
from nnscratch.keypoints.kaggle.training_file import save_faces

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """training.csv, test.zip, and lookup.csv for its first and last image; do not change them."""
    folder = tmp_path_factory.mktemp("faces")
    faces = draw_faces(72, seed=3)
    save_faces(faces.select(slice(0, 60)), folder / "training.csv")
    test = faces.select(slice(60, 72))
    unlabelled = np.full_like(test.points, np.nan)
    save_faces(Faces(test.images, unlabelled, np.arange(1, 13)), folder / "test.zip")
    rows = [f"{i + 1},{image},{column}," for i, (image, column) in enumerate((n, c) for n in (1, 12) for c in COLUMNS)]
    (folder / "lookup.csv").write_text("\n".join(["RowId,ImageId,FeatureName,Location", *rows]) + "\n")
    return folder


@pytest.fixture
def script() -> Callable[[str], dict[str, Any]]:
    """What an example script defines, by the script's name."""
    return lambda name: runpy.run_path(str(EXAMPLES / name))


@pytest.fixture
def check_run() -> Callable[..., dict[str, Any]]:
    """check_run(done, out, warned=""): what every training prints and leaves; gives its metrics.

    done : what `run` or `run_here` gave
    warned : the finding that it warns of before the first step
    """

    def check(done: Any, out: Path, warned: str = "") -> dict[str, Any]:
        # No progress bar in a pipe.
        assert [line.split()[1:3] for line in done.stderr.splitlines()] == [["warning:", warned]] * bool(warned)
        assert "the mean face gets" in done.stdout
        summary = [line for line in done.stdout.splitlines() if str(out) not in line]  # the folder's name may be long
        assert max(map(len, summary)) <= 80
        metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
        assert metrics["ratio"] == metrics["rmse_px"] / metrics["mean_face_rmse_px"] > 0
        assert {"per_point", "epochs", "seconds", "images_per_second", "config"} <= set(metrics)
        for file in metrics["files"]:
            assert (out / file).stat().st_size > 10
        return metrics

    return check
