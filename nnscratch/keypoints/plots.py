"""Plots of a training and of what a network finds: learning curve, grid of faces, error per point.

Figures, colours and files come from `nnscratch.pictures`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.metrics import Score
from nnscratch.pictures import BLACK, BLUE, GREEN, ORANGE, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def learning_curve(
    history: Mapping[str, Sequence[float]],
    path: str | os.PathLike[str],
    *,
    mean_face_rmse_px: float,
    network: str = "",
) -> None:
    """Plots the losses on a logarithmic axis, and the errors in pixels below them, as a PNG.

    The best epoch is marked, and the mean face's error is a line.

    Arguments
        history           : columns of equal length, one value per epoch: "epoch", "loss",
                            "validation_loss", "rmse_px" (px, of the validation rows). Optional:
                            "train_rmse_px"; "average_validation_loss" and "average_rmse_px", of
                            averaged weights; then the best epoch is theirs. NaN and infinite values
                            are left out.
        path              : the file to write, .png
        mean_face_rmse_px : the mean face's error on the validation rows, px
        network           : which of several the curve is of, for the titles

    Raises
        ValueError : a column is missing, empty or of another length, or `path` does not end in .png
        OSError    : the folder is missing or cannot be written

    >>> import tempfile
    >>> history = {"epoch": [1, 2], "loss": [0.010, 0.005]}
    >>> history |= {"validation_loss": [0.012, 0.007], "rmse_px": [5.2, 4.0]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     learning_curve(history, folder + "/curve.png", mean_face_rmse_px=3.96)
    """
    columns = curve_columns(history)
    figure = new_figure(8, 7)
    losses, errors = figure.subplots(2, 1, sharex=True)
    draw_losses(losses, columns)
    draw_errors(errors, columns, mean_face_rmse_px)
    for axes in (losses, errors):
        axes.set_title(f"{axes.get_title()}, {network}" if network else axes.get_title())
        axes.legend()
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    save(figure, path)


def best_median_worst(
    faces: Faces, predicted: NDArray[np.floating], *, count: int = 4, where: str = "best_median_worst"
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.intp]]]:
    """Each face's error, (N,) px, and the rows of the `count` best, median and worst faces.

    A face's error is the RMSE over its labelled coordinates, NaN without any: such a face is in no
    row. With fewer than 3 * count faces, some may be in more than one.

    faces     : the faces, with their true points, NaN where missing
    predicted : (N, 15, 2) px
    count     : faces of each kind, 1 or more
    where     : for messages

    Raises
        ValueError : another shape of `predicted`, no face with a label, count < 1
    """
    if predicted.shape != faces.points.shape:
        raise ValueError(
            f"{where}: got predicted of shape {predicted.shape}, expected {faces.points.shape}; pass points in pixels,"
            " to_points(y)"
        )
    if count < 1:
        raise ValueError(f"{where}: got count={count}, expected 1 or more faces per row; leave it out for 4")
    squares = np.square(predicted.astype(np.float64) - faces.points)
    labelled = np.isfinite(faces.points)
    values = labelled.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.where(labelled, squares, 0).sum(axis=(1, 2)) / values)
    order = np.argsort(np.where(np.isnan(error), np.inf, error), kind="stable")
    order = order[values[order] > 0]
    if order.size == 0:
        raise ValueError(
            f"{where}: got {len(faces)} faces without any label, expected at least one; pass labelled faces"
        )

    middle = max(0, (order.size - count) // 2)
    rows = {"best": order[:count], "median": order[middle : middle + count], "worst": order[-count:][::-1]}
    return error, rows


def face_grid(faces: Faces, predicted: NDArray[np.floating], path: str | os.PathLike[str], *, count: int = 4) -> None:
    """Shows the `count` best, median and worst faces with true and predicted points, as a PNG.

    Which faces these are, `best_median_worst` says.

    Arguments
        faces     : the faces, with their true points, NaN where missing
        predicted : (N, 15, 2) px
        path      : the file to write, .png
        count     : faces per row, 1 or more

    Raises
        ValueError : another shape of `predicted`, no face with a label, count < 1, or `path` does
                     not end in .png
        OSError    : the folder is missing or cannot be written
    """
    error, rows = best_median_worst(faces, predicted, count=count, where="face_grid")
    ranked = int(np.isfinite(faces.points).any(axis=(1, 2)).sum())
    width = min(count, ranked)
    figure = new_figure(max(2.0 * width, 5) + 0.4, 7.4)
    grid = figure.subplots(3, width, squeeze=False)
    for axes_row, (name, chosen) in zip(grid, rows.items(), strict=True):
        for axes, index in zip(axes_row, chosen, strict=True):
            _draw_face(axes, faces.images[index], faces.points[index], predicted[index])
            axes.set_title(f"{error[index]:.2f} px", fontsize=10)
        axes_row[0].set_ylabel(name, fontsize=13)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    figure.suptitle(f"True and predicted points, RMSE above each face ({ranked} ranked)")
    save(figure, path)


def per_point(score: Score, path: str | os.PathLike[str]) -> None:
    """Plots the RMSE of each point beside the mean face's, the worst at the top, as a PNG.

    Points without a finite error are left out.

    Arguments
        score : as `metrics.score` returns it
        path  : the file to write, .png

    Raises
        ValueError : no point has a finite error, or `path` does not end in .png
        OSError    : the folder is missing or cannot be written
    """
    names = sorted(
        (name for name, value in score.per_point.items() if np.isfinite(value)), key=score.per_point.__getitem__
    )
    if not names:
        raise ValueError(
            "per_point: got a score without any finite error, expected one point or more; score labelled faces and"
            " finite predictions"
        )
    figure = new_figure(8, 1.6 + 0.36 * len(names))
    axes: Axes = figure.subplots()
    position = np.arange(len(names))
    values = [score.per_point[name] for name in names]
    mean_face = [score.mean_face_per_point[name] for name in names]
    axes.barh(position + 0.2, values, 0.4, color=BLUE, label=f"network, {score.rmse_px:.2f} px over all")
    axes.barh(
        position - 0.2, mean_face, 0.4, color=ORANGE, hatch="//", edgecolor="white",
        label=f"mean face, {score.mean_face_rmse_px:.2f} px over all",
    )  # fmt: skip
    for y, value in zip(position, values, strict=True):
        axes.annotate(f"{value:.2f}", (value, y + 0.2), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(position, [name.replace("_", " ") for name in names])
    axes.set_xlabel("RMSE (pixels)")
    axes.set_title(f"Error of each point (over all {score.ratio:.2f} times the mean face's)")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.margins(x=0.08)
    figure.legend(loc="outside lower center", ncols=2)
    save(figure, path)


def curve_columns(history: Mapping[str, Sequence[float]]) -> dict[str, NDArray[np.float64]]:
    """The checked columns of `history` as arrays, NaN where a value is not finite."""
    needed = ("epoch", "loss", "validation_loss", "rmse_px")
    missing = [name for name in needed if name not in history]
    if missing:
        raise ValueError(
            f"learning_curve: got the columns {', '.join(history)}, expected also {', '.join(missing)}; pass all"
        )
    names = (*needed, "train_rmse_px", "average_validation_loss", "average_rmse_px")
    columns = {name: np.array(history[name], dtype=np.float64) for name in names if name in history}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1 or not lengths["epoch"]:
        raise ValueError(
            f"learning_curve: got columns of lengths {lengths}, expected the same length, 1 or more; give one value per"
            " epoch"
        )
    for name in columns.keys() - {"epoch"}:
        columns[name][~np.isfinite(columns[name])] = np.nan  # a gap in the line; infinity would stretch the axis
    return columns


def draw_losses(axes: Axes, columns: dict[str, NDArray[np.float64]]) -> None:
    """The upper half of a learning curve; columns as of `curve_columns`."""
    epoch = columns["epoch"]
    marker = _marker(epoch)
    axes.plot(epoch, columns["loss"], color=BLUE, marker=marker, label="training")
    axes.plot(epoch, columns["validation_loss"], color=ORANGE, marker=marker, linestyle="--", label="validation")
    if "average_validation_loss" in columns:
        average = columns["average_validation_loss"]
        axes.plot(epoch, average, color=ORANGE, marker=marker, label="validation, averaged weights")
    if any((columns[name] > 0).any() for name in ("loss", "validation_loss")):
        axes.set_yscale("log")
    axes.set_ylabel("loss (mean squared error)")
    axes.set_title("Loss")


def draw_errors(axes: Axes, columns: dict[str, NDArray[np.float64]], mean_face: float) -> None:
    """The lower half of a learning curve; mean_face : its error, px."""
    epoch, rmse = columns["epoch"], columns["rmse_px"]
    marker = _marker(epoch)
    if "train_rmse_px" in columns:
        axes.plot(epoch, columns["train_rmse_px"], color=BLUE, marker=marker, label="training")
    axes.plot(epoch, rmse, color=ORANGE, marker=marker, linestyle="--", label="validation")
    if "average_rmse_px" in columns:
        rmse = columns["average_rmse_px"]
        axes.plot(epoch, rmse, color=ORANGE, marker=marker, label="validation, averaged weights")
    if np.isfinite(mean_face):  # there are labels
        label = f"mean face: {mean_face:.2f} px (above: nothing learnt)"
        axes.axhline(mean_face, color=BLACK, linestyle=":", label=label)
    if np.isfinite(rmse).any():
        best = int(np.nanargmin(rmse))
        ratio = f", ratio {rmse[best] / mean_face:.2f}" if np.isfinite(mean_face) else ""
        label = f"best: {rmse[best]:.2f} px in epoch {epoch[best]:.0f}{ratio}"
        axes.plot(epoch[best], rmse[best], color=GREEN, marker="*", markersize=15, linestyle="", label=label)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.05)  # room for the star
    axes.set_ylabel("RMSE (pixels)")
    axes.set_xlabel("epoch")
    axes.set_title("Error of the points")
    if epoch.size == 1:
        axes.set_xlim(epoch[0] - 1, epoch[0] + 1)


def _marker(epoch: NDArray[np.float64]) -> str:
    return "." if epoch.size <= 40 else ""


def _draw_face(
    axes: Axes, image: NDArray[np.uint8], true: NDArray[np.floating], predicted: NDArray[np.floating]
) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    # One line from each true point to its prediction; NaN (no label) draws none.
    axes.plot(*np.stack([true, predicted]).transpose(2, 0, 1), color="white", linewidth=0.8)
    # The circle is larger than the cross, so that it shows around a cross that hits it.
    circles: dict[str, Any] = {"marker": "o", "markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.6}
    crosses: dict[str, Any] = {"marker": "x", "markersize": 4.5, "markeredgewidth": 1.4}
    axes.plot(*true.T, color=BLUE, linestyle="", label="true", **circles)
    axes.plot(*predicted.T, color=ORANGE, linestyle="", label="predicted", **crosses)
    axes.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5), xticks=[], yticks=[])
