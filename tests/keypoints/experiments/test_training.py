"""An epoch is the report's to the last bit of its formulas; pictures are prepared as it says."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.keypoints.experiments import training
from nnscratch.keypoints.experiments.settings import EXPERIMENTS

BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


def test_an_epoch_is_the_reports_formulas() -> None:
    """v <- 0.9 v + 0.1 g; w <- w - 0.01 v, g with 2 * 0.0005 * w for weights; fixed order, the last
    rows never used.
    """
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(250, 3)), rng.normal(size=(250, 2))
    layer = nn.Dense(3, 2, rng=1, dtype=np.float64)
    experiment = BY_NAME["f1"]
    w, b = layer.params["weight"].copy(), layer.params["bias"].copy()
    v_w, v_b = np.zeros_like(w), np.zeros_like(b)
    network = nn.Sequential(layer)
    optimizer = training.make_optimizer(experiment, network)
    for _ in range(3):
        training.train_epoch(experiment, network, optimizer, nn.MSELoss(), x, y, rng)
        for start in (0, 100):
            xb, error = x[start : start + 100], x[start : start + 100] @ w + b - y[start : start + 100]
            v_w = 0.9 * v_w + 0.1 * (2 / error.size * xb.T @ error + 2 * 0.0005 * w)
            v_b = 0.9 * v_b + 0.1 * (2 / error.size * error.sum(axis=0))
            w, b = w - 0.01 * v_w, b - 0.01 * v_b
    np.testing.assert_allclose(layer.params["weight"], w, rtol=1e-12)
    np.testing.assert_allclose(layer.params["bias"], b, rtol=1e-12)


def test_shrink_is_the_mean_over_areas() -> None:
    x = np.random.default_rng(0).random((2, 96, 96, 1)).astype(np.float32)
    np.testing.assert_allclose(training.shrink(x, 48)[0, 3, 5, 0], x[0, 6:8, 10:12].mean(), rtol=1e-5)
    small = training.shrink(x, 39)
    assert small.shape == (2, 39, 39, 1)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small.mean(), x.mean(), rtol=1e-4)
