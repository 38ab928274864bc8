"""Plots: a PNG of a sane size from any data that a training gives, which stay unchanged."""

from __future__ import annotations

import copy
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints import plots
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.metrics import Score, mean_face, score

NAN = float("nan")
HISTORY: dict[str, list[float]] = {
    "epoch": [1, 2, 3, 4],
    "loss": [0.02, 0.01, 0.006, 0.005],
    "validation_loss": [0.02, 0.012, 0.007, 0.008],
    "rmse_px": [6.8, 5.3, 4.0, 4.3],
    "train_rmse_px": [6.8, 4.8, 3.7, 3.4],
}


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def a_score() -> Score:
    faces = draw_faces(6, seed=1)
    return score(faces.points + 1.0, faces.points, mean_face(faces.points))


def drawn(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The figures that are saved from here on."""
    saved: list[object] = []
    save = plots.save

    def keep(figure: object, path: object) -> None:
        saved.append(figure)
        save(figure, path)  # type: ignore[arg-type]

    monkeypatch.setattr(plots, "save", keep)
    return saved


def test_learning_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = drawn(monkeypatch)
    history = copy.deepcopy(HISTORY)
    plots.learning_curve(history, tmp_path / "curve.png", mean_face_rmse_px=3.96)
    width, height = size(tmp_path / "curve.png")
    assert 700 < width < 1200
    assert 500 < height < 1200
    assert history == HISTORY
    losses, errors = saved[0].axes  # type: ignore[attr-defined]
    assert losses.get_yscale() == "log"
    labels = " ".join(text.get_text() for text in errors.get_legend().get_texts())
    assert "3.96 px" in labels
    assert "best: 4.00 px in epoch 3" in labels
    assert "pixels" in errors.get_ylabel()
    assert [axes.get_title() for axes in saved[0].axes] == ["Loss", "Error of the points"]  # type: ignore[attr-defined]


def test_a_learning_curve_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cascade's curve is that of its level 1, which is far from what the whole run reached."""
    saved = drawn(monkeypatch)
    plots.learning_curve(HISTORY, tmp_path / "curve.png", mean_face_rmse_px=3.96, network="level 1")
    titles = [axes.get_title() for axes in saved[0].axes]  # type: ignore[attr-defined]
    assert titles == ["Loss, level 1", "Error of the points, level 1"]


def test_the_best_epoch_is_that_of_averaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = drawn(monkeypatch)
    average = {"average_validation_loss": [0.03, 0.01, 0.008, 0.007], "average_rmse_px": [5.0, 3.5, 3.2, 3.0]}
    plots.learning_curve(HISTORY | average, tmp_path / "curve.png", mean_face_rmse_px=3.96)
    errors = saved[0].axes[1]  # type: ignore[attr-defined]
    labels = [text.get_text() for text in errors.get_legend().get_texts()]
    assert "validation, averaged weights" in labels
    assert any("best: 3.00 px in epoch 4" in label for label in labels)


@pytest.mark.parametrize(
    "history",
    [
        {name: values[:1] for name, values in HISTORY.items()},
        {name: values for name, values in HISTORY.items() if name != "train_rmse_px"},
        HISTORY | {"rmse_px": [6.8, NAN, float("inf"), 4.0]},
        HISTORY | {"rmse_px": [NAN] * 4, "validation_loss": [NAN] * 4},
        HISTORY | {"loss": [0.0] * 4, "validation_loss": [0.0] * 4},
        {name: np.array(values) for name, values in HISTORY.items()},
    ],
    ids=["one epoch", "no training error", "gaps", "no validation", "loss 0", "arrays"],
)
def test_learning_curve_of_odd_runs(history: dict[str, list[float]], tmp_path: Path) -> None:
    plots.learning_curve(history, tmp_path / "curve.png", mean_face_rmse_px=3.96)
    assert size(tmp_path / "curve.png")[0] > 700


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({name: values for name, values in HISTORY.items() if name != "loss"}, "expected also loss"),
        (HISTORY | {"loss": [0.1]}, "lengths"),
        ({name: [] for name in HISTORY}, "expected the same length, 1 or more"),
    ],
)
def test_learning_curve_refuses_broken_columns(history: dict[str, list[float]], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        plots.learning_curve(history, tmp_path / "curve.png", mean_face_rmse_px=3.96)
    assert not list(tmp_path.iterdir())


def test_face_grid_ranks_faces_over_labelled_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = drawn(monkeypatch)
    faces = draw_faces(9, seed=4)
    faces.points[8] = np.nan  # no label: not ranked
    whole = draw_faces(9, seed=4, missing=False).points
    # Face 7 is the best, with 1 px, and face 0 the worst, with 8.
    predicted = whole + np.arange(9, dtype=np.float32)[::-1, None, None]
    images, points, given = faces.images.copy(), faces.points.copy(), predicted.copy()
    plots.face_grid(faces, predicted, tmp_path / "grid.png", count=2)
    assert np.array_equal(faces.images, images)
    assert np.array_equal(faces.points, points, equal_nan=True)
    assert np.array_equal(predicted, given)
    axes = saved[0].axes  # type: ignore[attr-defined]
    assert [one.get_title() for one in axes] == ["1.00 px", "2.00 px", "4.00 px", "5.00 px", "8.00 px", "7.00 px"]
    assert [one.get_ylabel() for one in axes[::2]] == ["best", "median", "worst"]
    shown = next(line for line in axes[0].lines if line.get_label() == "true")
    assert np.array_equal(np.column_stack(shown.get_data()), faces.points[7], equal_nan=True)
    assert np.array_equal(axes[0].images[0].get_array(), faces.images[7])


@pytest.mark.parametrize(("faces", "count"), [(1, 4), (2, 4), (5, 1), (14, 4)])
def test_face_grid_of_any_number_of_faces(faces: int, count: int, tmp_path: Path) -> None:
    some = draw_faces(faces, seed=2)
    plots.face_grid(some, np.full((faces, 15, 2), 48.0, np.float32), tmp_path / "grid.png", count=count)
    width, height = size(tmp_path / "grid.png")
    assert 400 < width < 1400
    assert 500 < height < 1200


def test_face_grid_puts_a_diverged_face_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = drawn(monkeypatch)
    faces = draw_faces(3, seed=2, missing=False)
    predicted = faces.points + 1
    predicted[1] = np.nan
    plots.face_grid(faces, predicted, tmp_path / "grid.png", count=1)
    assert [one.get_title() for one in saved[0].axes] == ["1.00 px", "1.00 px", "nan px"]  # type: ignore[attr-defined]


def test_face_grid_refuses_what_it_cannot_rank(tmp_path: Path) -> None:
    faces = draw_faces(2, seed=2)
    with pytest.raises(ValueError, match=r"face_grid: got predicted of shape \(2, 30\), expected \(2, 15, 2\)"):
        plots.face_grid(faces, np.zeros((2, 30)), tmp_path / "grid.png")
    with pytest.raises(ValueError, match="face_grid: got count=0, expected 1"):
        plots.face_grid(faces, faces.points, tmp_path / "grid.png", count=0)
    faces.points[:] = np.nan
    with pytest.raises(ValueError, match="face_grid: got 2 faces without any label"):
        plots.face_grid(faces, np.zeros((2, 15, 2)), tmp_path / "grid.png")
    assert not list(tmp_path.iterdir())


def test_per_point_sorts_the_worst_to_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = drawn(monkeypatch)
    result = a_score()
    result.per_point.update(nose_tip=9.0, mouth_center_top_lip=0.1, left_eye_center=NAN)
    plots.per_point(result, tmp_path / "bars.png")
    assert size(tmp_path / "bars.png")[0] > 700
    labels = [text.get_text() for text in saved[0].axes[0].get_yticklabels()]  # type: ignore[attr-defined]
    assert (labels[0], labels[-1], len(labels)) == ("mouth center top lip", "nose tip", 14)


def test_per_point_refuses_a_score_without_points(tmp_path: Path) -> None:
    result = a_score()
    result.per_point.update(dict.fromkeys(result.per_point, NAN))
    with pytest.raises(ValueError, match="per_point: got a score without any finite error"):
        plots.per_point(result, tmp_path / "bars.png")


PLOTS: list[Callable[[Path], None]] = [
    lambda path: plots.learning_curve(HISTORY, path, mean_face_rmse_px=3.96),
    lambda path: plots.face_grid(draw_faces(1, seed=1), np.full((1, 15, 2), 48.0), path),
    lambda path: plots.per_point(a_score(), path),
]


@pytest.mark.parametrize("plot", PLOTS)
def test_only_png_and_only_existing_folders(plot: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a name that ends in \.png"):
        plot(tmp_path / "plot.pdf")
    with pytest.raises(OSError, match="nowhere"):
        plot(tmp_path / "nowhere" / "plot.png")


def test_matplotlib_comes_late_and_pyplot_never(tmp_path: Path) -> None:
    program = f"""
import sys
from nnscratch.keypoints import plots
assert "matplotlib" not in sys.modules
plots.learning_curve({HISTORY!r}, {str(tmp_path / "curve.png")!r}, mean_face_rmse_px=3.96)
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(plots.__file__).parents[2])
