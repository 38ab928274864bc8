"""A probe: what is inside a network at one moment of its training. `results.Probe` says what each
number is.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from nnscratch.diagnosis.spread import spread
from nnscratch.keypoints.experiments.results import Probe
from nnscratch.keypoints.experiments.settings import Experiment
from nnscratch.keypoints.faces import SIDE
from nnscratch.layers import ReLU
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential

_MASKS = 8  # dropout masks that the noise is measured with: known to about a tenth


def probe(network: Sequential, experiment: Experiment, x: np.ndarray, y: np.ndarray, x_validation: np.ndarray) -> Probe:
    """Measures a copy of the network, because measuring draws dropout masks: the training itself is
    not disturbed.

    x, y         : the training rows as the network gets them
    x_validation : the validation pictures as the network gets them
    """
    network = copy.deepcopy(network)
    layers: dict[str, Any] = {}
    h = x_validation
    for i, layer in enumerate(network.layers):
        h = layer.forward(h)
        if layer.params:
            name, weight = f"{i} {type(layer).__name__}", _rms(layer.params["weight"])
            layers[name] = {"spread": spread(h), "mean": float(h.mean()), "weight": weight}
            layers[name]["decay_gradient"] = experiment.weight_decay * weight
        elif isinstance(layer, ReLU):
            layers[name] |= _activity(h)
    for i, (mean, noise) in _gradients(network, experiment, x, y).items():
        layers[f"{i} {type(network.layers[i]).__name__}"] |= {"gradient": mean, "gradient_noise": noise}
    outputs = np.stack([network.forward(x[:100], training=True) for _ in range(_MASKS)])
    return {"layers": layers, "noise_px": SIDE / 2 * spread(outputs)}


def _activity(h: np.ndarray) -> dict[str, float]:
    on = h.reshape(len(h), -1) > 0
    shares = {"active": float(on.mean()), "always": float(on.all(0).mean()), "never": float((~on.any(0)).mean())}
    if h.ndim == 2:
        square = float(np.square(h, dtype=np.float64).sum()) / len(h)
        shares["constant"] = float(np.square(h.mean(axis=0, dtype=np.float64)).sum()) / max(square, 1e-30)
    return shares


def _gradients(
    network: Sequential, experiment: Experiment, x: np.ndarray, y: np.ndarray
) -> dict[int, tuple[float, float]]:
    """Place of a layer -> rms of its mean weight gradient over the batches of an epoch, rms of the
    deviations.
    """
    loss = MSELoss()
    sums: dict[int, np.ndarray] = {}
    squares: dict[int, float] = {}
    batches = list(experiment.batches(len(x)))
    for rows in batches:
        loss.forward(network.forward(x[rows], training=True), y[rows])
        network.backward(loss.backward())
        for i, layer in enumerate(network.layers):
            if "weight" in layer.params:
                dw = layer.grads["weight"].astype(np.float64)
                sums[i] = sums.get(i, 0) + dw
                squares[i] = squares.get(i, 0.0) + float(np.mean(dw**2))
    result = {}
    for i, total in sums.items():
        mean = _rms(total / len(batches))
        result[i] = mean, max(squares[i] / len(batches) - mean**2, 0.0) ** 0.5  # E[(g - m)^2] = E[g^2] - m^2
    return result


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
