"""What the tests of the examples share: small files, and ways to run a script."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.threads import set_threads
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


@dataclass(frozen=True)
class Ended:
    """How a script ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def run_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pictures_not_drawn: object
) -> Iterator[Callable[..., Ended]]:
    """run_here(script, *arguments, expect=0): as `run`, but in this process, and without drawing
    its pictures, which is faster.
    """

    def run_example(name: str, *arguments: object, expect: int = 0) -> Ended:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        status = 0
        capsys.readouterr()
        try:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        except SystemExit as end:
            status = int(end.code or 0)
        ended = Ended(status, *capsys.readouterr())
        assert status == expect, ended
        return ended

    yield run_example
    set_threads(None)


@pytest.fixture
def check_run() -> Callable[[Any, Path], dict[str, Any]]:
    """check_run(done, out): what every training prints and leaves behind; gives its metrics."""

    def check(done: Ended | subprocess.CompletedProcess[str], out: Path) -> dict[str, Any]:
        assert done.stderr == ""  # no progress bar in a pipe
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
