"""How an experiment trains its network: data, loss, optimizer, epoch by epoch as in the report."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nnscratch.checks import NotFiniteError
from nnscratch.diagnosis.spread import spread
from nnscratch.history import Outcome
from nnscratch.keypoints.experiments import heatmap
from nnscratch.keypoints.experiments.measures import MAP_POINT, points_of, rmse_of_points
from nnscratch.keypoints.experiments.probe import probe
from nnscratch.keypoints.experiments.results import Curve, Result
from nnscratch.keypoints.experiments.settings import Experiment, Split
from nnscratch.keypoints.faces import SIDE, Faces, to_network_input
from nnscratch.losses import Loss, MSELoss, SoftmaxCrossEntropy, labels_of
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD, Adam
from nnscratch.optimizers.base import Optimizer
from nnscratch.training.fit_state import EpochSoFar

Tell = Callable[[str], None]  # takes a line of progress

MAP_SIGMA = 2.0  # px, of the soft targets


def train_epoch(
    experiment: Experiment, network: Sequential, optimizer: Optimizer, loss: Any, x: np.ndarray, y: np.ndarray,
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """One epoch of the report: whole batches only, in the order of the rows unless shuffled;
    returns the mean loss.
    """
    epoch = EpochSoFar()
    for rows in experiment.batches(len(x), rng if experiment.shuffled else None):
        batch_loss = loss.forward(network.forward(x[rows], training=True), y[rows])
        epoch.count(len(x[rows]), labels_of(loss, len(x[rows])), batch_loss)
        network.backward(loss.backward())
        if experiment.optimizer == "adam":
            _add_l2(network, experiment.weight_decay)
        optimizer.step()
    return epoch.mean_loss


def trained(experiment: Experiment, split: Split, seed: int, tell: Tell) -> tuple[Sequential, Result]:
    """The network after its epochs (the first network of a cascade); its curve, its probes and how
    it ended.
    """
    network = experiment.make(seed)
    optimizer, loss, rng = make_optimizer(experiment, network), make_loss(experiment), np.random.default_rng(seed)
    x, x_validation = (network_input(experiment, f.images, split) for f in (split.train, split.validation))
    y, y_validation = (targets(experiment, f) for f in (split.train, split.validation))
    curve: Curve = {"epoch": [], "loss": [], "validation_loss": [], "rmse_px": [], "spread_px": []}
    probes = {0: probe(network, experiment, x, y, x_validation)} if experiment.probe_epochs else {}
    epochs = experiment.epochs
    outcome, stopped = Outcome.ALL_EPOCHS, f"all {epochs} epochs done"
    for epoch in range(1, epochs + 1):
        before = network.copy_parameters()
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                mean_loss = train_epoch(experiment, network, optimizer, loss, x, y, rng)
                outputs = network.predict(x_validation)
                validation_loss = loss.forward(outputs, y_validation)
        except NotFiniteError:
            mean_loss = validation_loss = math.nan
        if not math.isfinite(mean_loss + validation_loss):
            outcome, stopped = Outcome.DIVERGED, f"diverged in epoch {epoch}, and is scored as it was before"
            network.put_back(before)
            break
        points = points_of(experiment, outputs)
        rmse = rmse_of_points(experiment, points, split.validation)
        curve["epoch"].append(epoch)
        curve["loss"].append(_six_digits(mean_loss))
        curve["validation_loss"].append(_six_digits(validation_loss))
        curve["rmse_px"].append(_six_digits(rmse))
        curve["spread_px"].append(_six_digits(spread(points)))
        if epoch in experiment.probe_epochs:
            probes[epoch] = probe(network, experiment, x, y, x_validation)
        tell(f"{experiment.name}: epoch {epoch} of {epochs}, {rmse:.2f} px")
    parameters = sum(w.size for layer in network.layers for w in layer.params.values())
    result: Result = {"history": curve, "outcome": outcome.name, "stopped": stopped, "parameters": parameters}
    if probes:
        result["probes"] = probes
    return network, result


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")


def make_optimizer(experiment: Experiment, network: Sequential) -> Optimizer:
    """A new optimizer with the experiment's numbers."""
    if experiment.optimizer == "adam":
        return Adam(network, lr=experiment.lr)  # its own decay would be decoupled; the report's L2 is not: see _add_l2
    return SGD(network, lr=experiment.lr, momentum=experiment.momentum, weight_decay=experiment.weight_decay)


def _add_l2(network: Sequential, weight_decay: float) -> None:
    """Adds the gradient of the report's L2 to that of the data: L2 is a part of its loss."""
    for layer in network.layers:
        if weight_decay and "weight" in layer.params:
            layer.grads["weight"] += layer.params["weight"].dtype.type(weight_decay) * layer.params["weight"]


def make_loss(experiment: Experiment) -> Loss:
    """A new loss of the experiment's kind."""
    return SoftmaxCrossEntropy() if experiment.loss == "cross-entropy" else MSELoss()


def targets(experiment: Experiment, faces: Faces) -> np.ndarray:
    """What the network should answer: (N, 30) coordinates, or (N, 9216) maps of one point."""
    if experiment.kind != "map":
        return faces.y
    points = faces.points[:, MAP_POINT]
    return heatmap.soft_map(points, MAP_SIGMA) if experiment.loss == "cross-entropy" else heatmap.pixel_map(points)


def network_input(experiment: Experiment, images: np.ndarray, split: Split) -> np.ndarray:
    """What the network sees of (N, 96, 96) pictures: (N, side, side, 1) float32, less the mean
    picture if centred.
    """
    x = to_network_input(images)
    x = x if experiment.input_side == SIDE else shrink(x, experiment.input_side)
    if not experiment.centred:
        return x
    mean = network_input(replace(experiment, centred=False), split.train.images, split).mean(axis=0)
    return x - mean


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
    return (means @ x[..., 0] @ means.T)[..., np.newaxis]
