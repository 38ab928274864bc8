"""Runs that nobody trained: faces, answers and histories, for tests of their pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.metrics import mean_face, score
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.report_page.run_facts import RunFacts

ALL = draw_faces(24, seed=5)
HOSTILE = "</title><script>alert('1')</script><img src=x onerror=alert(2)>\udcff\n\u202e"


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2D(1, 4, 5, rng=0), nn.ReLU(), nn.MaxPool2D(8), nn.Flatten(), nn.Dense(484, 30, rng=1))


def cascade() -> Cascade:
    crop_network = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=0))
    level = Level((Region("nose", ("nose_tip",), 8, 20.0),), (crop_network,), (Blend.none(),))
    return Cascade(network(), mean_face(ALL.points), (level,))


def history(values: Sequence[float]) -> nn.History:
    made = nn.History(["epoch", "loss", "validation_loss", "rmse_px", "lr"], score="rmse_px")
    for epoch, value in enumerate(values, 1):
        made.append({"epoch": epoch, "loss": value / 500, "validation_loss": value / 400, "rmse_px": value, "lr": 0.01})
    made.end(nn.Outcome.ALL_EPOCHS, f"all {len(values)} epochs done")
    return made


def faces(count: int = 24, *, points: int = 15) -> Faces:
    """Some faces, of which the first `points` points alone may have labels."""
    some = ALL.select(slice(0, count))
    labels = some.points.copy()
    labels[:, points:] = np.nan
    return Faces(some.images, labels, some.image_ids)


def run(
    validation: Faces | None = None, *, levels: bool = False, values: Sequence[float] = (4, 3, 2.5), **changed: Any
) -> RunFacts:
    """A run; `changed` are fields of metrics.json."""
    judged = faces() if validation is None else validation
    noise = np.random.default_rng(0).normal(0, 1.2, judged.points.shape)
    predicted = np.nan_to_num(judged.points, nan=48.0) + noise
    result = score(predicted, judged.points, mean_face(ALL.points))
    metrics = {
        "rmse_px": result.rmse_px, "mean_face_rmse_px": result.mean_face_rmse_px, "ratio": result.ratio,
        "per_point": {name: None if math.isnan(value) else value for name, value in result.per_point.items()},
        "finished": True, "epochs": len(values), "seconds": 75.0, "images_per_second": 1234.5,
        "stopped": {"all": f"all {len(values)} epochs done"}, "command": "python train_cnn.py --out 'runs/my run'",
        "config": {"out": "runs/my run", "recipe": "plain", "network": "small", "data": None, "training_faces": 100,
                   "validation_faces": len(judged), "lr": 0.002, "model": "not shown",
                   "versions": {"python": "3.11", "nnscratch": "0.1.0"}},
    }  # fmt: skip
    histories = {"all": history(values)} | ({"nose": history([3.0, 2.0])} if levels else {})
    before = [predicted + noise, predicted] if levels else []
    return RunFacts(
        cascade() if levels else SingleNetwork(network()), histories, metrics | changed, judged, predicted,
        mean_face(ALL.points), result, before,
    )  # fmt: skip
