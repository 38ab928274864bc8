"""Running the report's experiments (`experiments.EXPERIMENTS`): training, what is measured, and results that are kept.

A result is a dict that goes into one JSON file an experiment. It has
    rmse_px, mean_face_rmse_px, ratio : on the validation rows, px
    spread_px  : how much the outputs differ from picture to picture, px; None without a network for points
    active     : layer -> share of its values above 0, over units and pictures, for each ReLU
    alive      : layer -> share of its units that are above 0 for at least one picture; a unit of a convolution is a map
    history    : columns epoch, loss, validation_loss, rmse_px
    per_point  : point -> RMSE px
    seconds, stopped, parameters, extra (what only this kind of experiment has)
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch import atomic
from nnscratch.keypoints import baselines, heatmap
from nnscratch.keypoints.cascade import Cascade, crops_of_point
from nnscratch.keypoints.experiments import Experiment, Split
from nnscratch.keypoints.faces import POINTS, SIDE, Faces, to_network_input, to_points
from nnscratch.keypoints.metrics import mean_face, rmse_per_point, rmse_px
from nnscratch.layers import Conv2D, Dense, ReLU
from nnscratch.layers.base import NotFiniteError
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD

Result = dict[str, Any]
Tell = Callable[[str], None]  # takes a line of progress

MAP_POINT = POINTS.index("nose_tip")  # the point that the map experiments look for
MAP_SIGMA = 2.0  # px, of the soft targets


def train_epoch(
    experiment: Experiment, network: Sequential, optimizer: SGD, loss: Any, x: np.ndarray, y: np.ndarray,
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """One epoch as the report's: whole batches only, in the rows' order unless shuffled; returns the mean loss."""
    size = min(experiment.batch_size, len(x))
    order = rng.permutation(len(x)) if experiment.shuffled else np.arange(len(x))
    losses = []
    for start in range(0, len(x) - size + 1, size):
        rows = order[start : start + size]
        losses.append(loss.forward(network.forward(x[rows], training=True), y[rows]))
        network.backward(loss.backward())
        optimizer.step()
    return float(np.mean(losses))


def run(experiment: Experiment, split: Split, *, seed: int, tell: Tell = lambda line: None) -> Result:
    """Runs one experiment; a training that diverges ends there, and its result says so."""
    began = time.perf_counter()
    result = _RUN[experiment.kind](experiment, split, seed, tell)
    return result | {"seconds": time.perf_counter() - began}


def run_and_keep(
    experiment: Experiment, split: Split, folder: Path, *, seed: int, tell: Tell = lambda line: None
) -> None:
    """Runs one experiment and writes its result to `folder`, whole or not at all, for `load`.

    Raises
        OSError : the folder is missing or cannot be written
    """
    result = run(experiment, split, seed=seed, tell=tell)
    document = {"made_from": _made_from(experiment, split, seed), "result": result}
    with atomic.write(folder / f"{experiment.name}.json") as temporary:
        temporary.write_text(json.dumps(_plain(document), allow_nan=False) + "\n")


def load(experiment: Experiment, split: Split, folder: Path, *, seed: int) -> Result | None:
    """The result of exactly this experiment that an earlier run left in `folder`, or None."""
    try:
        document = json.loads((folder / f"{experiment.name}.json").read_text())
        made_from, result = document["made_from"], document["result"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none there, or a damaged one: it is run again
    same = made_from == _plain(_made_from(experiment, split, seed))
    return dict(result) if same and isinstance(result, dict) else None


def expected_seconds(experiment: Experiment, split: Split) -> float:
    """How long a run takes here, from a few batches of its networks; what is no training is left out."""
    if experiment.network is None:
        return 0.0
    few = split.train.select(slice(0, 400))
    x, y = _input(experiment, few.images), _targets(experiment, few)
    images = experiment.epochs * (len(split.train) + len(split.validation) / 3)  # a prediction is a third of a step
    seconds = images * _seconds_of_image(experiment, experiment.make(0), _loss(experiment), x, y)
    if experiment.level_2:
        x, y = crops_of_point(few, POINTS[0], few.points[:, 0], experiment.side)
        images = experiment.level_2_epochs * int(np.isfinite(split.all_train.points).all(axis=2).sum())
        seconds += images * _seconds_of_image(experiment, experiment.level_2(rng=0), MSELoss(), x, y)
    return seconds


def _seconds_of_image(experiment: Experiment, network: Sequential, loss: Any, x: np.ndarray, y: np.ndarray) -> float:
    optimizer, rng = SGD(network, lr=0.0, momentum=experiment.momentum), np.random.default_rng(0)
    train_epoch(experiment, network, optimizer, loss, x, y, rng)  # compiles, fills buffers
    began = time.perf_counter()
    train_epoch(experiment, network, optimizer, loss, x, y, rng)
    return (time.perf_counter() - began) / len(x)


# -- Kinds of experiments


def _run_constant(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    constant = np.broadcast_to(mean_face(split.train.points), split.validation.points.shape)
    return _scores(constant, split, range(len(POINTS)))


def _run_eyes(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    predicted = np.full(split.validation.points.shape, np.nan)
    predicted[:, list(baselines.EYES)] = baselines.find_eyes(split.train, split.validation.images)
    return _scores(predicted, split, baselines.EYES)


def _run_points(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    network, result = _trained(experiment, split, seed, tell)
    x = _input(experiment, split.validation.images)
    return result | _scores(to_points(network.predict(x)), split, range(len(POINTS))) | _activity(network, x)


def _run_map(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    network, result = _trained(experiment, split, seed, tell)
    maps = network.predict(_input(experiment, split.validation.images))
    predicted = np.full(split.validation.points.shape, np.nan)
    predicted[:, MAP_POINT] = _read_map(experiment, maps)
    share = heatmap.pixel_map(split.train.points[:, MAP_POINT]).mean(axis=0)
    one_hot = heatmap.pixel_map(split.validation.points[:, MAP_POINT])
    shown = heatmap.softmax(maps[:1])[0] if experiment.loss == "cross-entropy" else maps[0]
    extra = {
        "point": POINTS[MAP_POINT],
        "loss_of_zeros": float(np.mean(np.square(one_hot))),
        "loss_of_shares": float(np.mean(np.square(one_hot - share))),
        "loss_of_this": float(np.mean(np.square(one_hot - maps))) if experiment.loss == "squared error" else None,
        "highest_value": float(np.mean(maps.max(axis=1))),
        "map": [float(f"{value:.3g}") for value in shown],
        "true": split.validation.points[0, MAP_POINT].tolist(),
        "found": predicted[0, MAP_POINT].tolist(),
    }
    activity = _activity(network, _input(experiment, split.validation.images))
    return result | _scores(predicted, split, [MAP_POINT]) | activity | {"extra": extra}


def _run_crops(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    """Level 1, then a network for each point, on crops around level 1's answer, from every row with that point."""
    assert experiment.level_2 is not None
    level_1, result = _trained(experiment, split, seed, tell)
    found = to_points(level_1.predict(_input(experiment, split.all_train.images)))
    rng = np.random.default_rng(seed)
    level_2 = {}
    for k, point in enumerate(POINTS):
        tell(f"{experiment.name}: level 2, {k + 1} of {len(POINTS)}")
        x, y = crops_of_point(split.all_train, point, found[:, k], experiment.side)
        network = experiment.level_2(rng=rng)
        optimizer, loss = _optimizer(experiment, network), MSELoss()
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for _ in range(experiment.level_2_epochs):
                    train_epoch(experiment, network, optimizer, loss, x, y, rng)
                network.predict(x)
        except NotFiniteError:
            continue  # diverged: this point keeps level 1's answer
        level_2[point] = network
    x = _input(experiment, split.validation.images)
    before = _scores(to_points(level_1.predict(x)), split, range(len(POINTS)))
    after = _scores(Cascade(level_1, level_2, experiment.side).predict_points(split.validation.images), split,
                    range(len(POINTS)))  # fmt: skip
    extra = {"level_1_rmse_px": before["rmse_px"], "level_1_per_point": before["per_point"]}
    return result | after | _activity(level_1, x) | {"extra": extra}


_RUN = {
    "constant": _run_constant, "eyes": _run_eyes, "points": _run_points, "map": _run_map, "crops": _run_crops,
}  # fmt: skip


# -- Training and measuring


def _trained(experiment: Experiment, split: Split, seed: int, tell: Tell) -> tuple[Sequential, Result]:
    """The network after its epochs (of its first level), its history, and why it stopped."""
    network = experiment.make(seed)
    optimizer, loss, rng = _optimizer(experiment, network), _loss(experiment), np.random.default_rng(seed)
    x, y = _input(experiment, split.train.images), _targets(experiment, split.train)
    x_validation, y_validation = _input(experiment, split.validation.images), _targets(experiment, split.validation)
    history: dict[str, list[float]] = {name: [] for name in ("epoch", "loss", "validation_loss", "rmse_px")}
    epochs = experiment.epochs
    stopped = f"all {epochs} epochs done"
    for epoch in range(1, epochs + 1):
        before = [w.copy() for layer in network.layers for w in layer.params.values()]
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                mean_loss = train_epoch(experiment, network, optimizer, loss, x, y, rng)
                outputs = network.predict(x_validation)
                validation_loss = loss.forward(outputs, y_validation)
        except NotFiniteError:
            mean_loss = validation_loss = math.nan
        if not math.isfinite(mean_loss + validation_loss):
            stopped = f"diverged in epoch {epoch}, and is scored as it was before"
            live = (w for layer in network.layers for w in layer.params.values())
            for w, kept in zip(live, before, strict=True):
                np.copyto(w, kept)
            break
        rmse = _rmse_of_outputs(experiment, outputs, split.validation)
        for name, value in zip(history, (epoch, mean_loss, validation_loss, rmse), strict=True):
            history[name].append(float(f"{value:.6g}"))
        tell(f"{experiment.name}: epoch {epoch} of {epochs}, {rmse:.2f} px")
    parameters = sum(w.size for layer in network.layers for w in layer.params.values())
    return network, {"history": history, "stopped": stopped, "parameters": parameters}


def _optimizer(experiment: Experiment, network: Sequential) -> SGD:
    return SGD(network, lr=experiment.lr, momentum=experiment.momentum, weight_decay=experiment.weight_decay)


def _loss(experiment: Experiment) -> MSELoss | heatmap.MapCrossEntropy:
    return heatmap.MapCrossEntropy() if experiment.loss == "cross-entropy" else MSELoss()


def _targets(experiment: Experiment, faces: Faces) -> np.ndarray:
    if experiment.kind != "map":
        return faces.y
    points = faces.points[:, MAP_POINT]
    return heatmap.soft_map(points, MAP_SIGMA) if experiment.loss == "cross-entropy" else heatmap.pixel_map(points)


def _input(experiment: Experiment, images: np.ndarray) -> np.ndarray:
    x = to_network_input(images)
    return x if experiment.input_side == SIDE else shrink(x, experiment.input_side)


def shrink(x: np.ndarray, side: int) -> np.ndarray:
    """(N, side, side, 1) from (N, S, S, 1): each new pixel is the mean of the area that it covers.

    >>> shrink(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]  # halves and quarters are exact
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    edges = np.linspace(0, x.shape[1], side + 1)
    old = np.arange(x.shape[1])
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    means = (np.maximum(overlap, 0) * side / x.shape[1]).astype(x.dtype)  # (side, S), each row sums to 1
    shrunk: np.ndarray = means @ x[..., 0] @ means.T
    return shrunk[..., np.newaxis]


def _read_map(experiment: Experiment, maps: np.ndarray) -> np.ndarray:
    if experiment.loss == "cross-entropy":
        return heatmap.expected_point(heatmap.softmax(maps))
    return heatmap.highest_pixel(maps)


def _rmse_of_outputs(experiment: Experiment, outputs: np.ndarray, faces: Faces) -> float:
    if experiment.kind != "map":
        return rmse_px(to_points(outputs), faces.points)
    errors = _read_map(experiment, outputs) - faces.points[:, MAP_POINT]
    return math.sqrt(np.mean(np.square(errors, dtype=np.float64)))


def _scores(predicted: np.ndarray, split: Split, points: Any) -> Result:
    """The error of `predicted` (N, 15, 2) on some of the points, beside the mean face's on the same, and its spread."""
    points, true = list(points), split.validation.points
    labels = np.full_like(true, np.nan)
    labels[:, points] = true[:, points]
    predicted = np.where(np.isnan(labels), 0, predicted)
    face = np.broadcast_to(mean_face(split.train.points), true.shape)
    error, mean_error = rmse_px(predicted, labels), rmse_px(face, labels)
    errors = rmse_per_point(predicted, labels)
    return {
        "rmse_px": error,
        "mean_face_rmse_px": mean_error,
        "ratio": error / mean_error if mean_error else math.inf,
        "spread_px": spread_px(predicted[:, points]),
        "per_point": {POINTS[k]: errors[POINTS[k]] for k in points},
    }


def spread_px(points: np.ndarray) -> float:
    """How much the answers differ from picture to picture: the root mean square of each coordinate's deviation, px.

    points : (N, K, 2) px
    0 means: the same answer whatever the picture. The faces themselves have about the mean face's RMSE.
    """
    # Seen from the first answer, equal answers are exactly 0, and so is their variance.
    return float(np.sqrt(np.mean(np.var(points - points[:1], axis=0, dtype=np.float64))))


def _activity(network: Sequential, x: np.ndarray) -> Result:
    """The shares of active values and of units that are ever active, after each ReLU, on x."""
    active: dict[str, list[float]] = {}
    alive: dict[str, np.ndarray] = {}
    chunks = range(0, len(x), 50)
    for start in chunks:
        for name, y in _rectified(network, x[start : start + 50]):
            positive = y > 0
            active.setdefault(name, []).append(float(positive.mean()) * len(y) / len(x))
            alive[name] = alive.get(name, np.zeros(y.shape[-1], bool)) | positive.any(axis=tuple(range(y.ndim - 1)))
    return {
        "active": {name: sum(shares) for name, shares in active.items()},
        "alive": {name: float(units.mean()) for name, units in alive.items()},
    }


def _rectified(network: Sequential, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(name, y) after each ReLU, named after the layer that feeds it: "conv 1", "dense 2"."""
    counts = {Conv2D: 0, Dense: 0}
    name = ""
    for layer in network.layers:
        x = layer.forward(x)
        for kind, word in ((Conv2D, "conv"), (Dense, "dense")):
            if isinstance(layer, kind):
                counts[kind] += 1
                name = f"{word} {counts[kind]}"
        if isinstance(layer, ReLU):
            yield name, x


# -- Files


def _made_from(experiment: Experiment, split: Split, seed: int) -> Result:
    checksum = 0
    for faces in (split.train, split.validation, split.all_train):
        for array in (faces.images, faces.points):
            checksum = zlib.crc32(array.tobytes(), checksum)
    return {**experiment.settings(), "seed": seed, "faces": checksum}


def _plain(value: Any) -> Any:
    """`value` as JSON can have it: NaN and infinity become null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
