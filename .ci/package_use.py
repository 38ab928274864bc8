"""Uses the installed library: what .ci/package runs far from the checkout.

python .ci/package_use.py draw FILE    draws faces into a CSV, as Kaggle's are
python .ci/package_use.py use RUN      exports the network of a run; fits an estimator
"""

from __future__ import annotations

import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

import nnscratch as nn


def main(what: str, path: Path) -> None:
    place = Path(nn.__file__)
    assert place.is_relative_to(sys.prefix), f"got {place}, expected the installed library"
    if what == "draw":
        draw(path)
    else:
        export(path)
        estimate()


def draw(path: Path) -> None:
    from nnscratch.keypoints.drawn.faces import draw_faces
    from nnscratch.keypoints.kaggle.training_file import save_faces

    save_faces(draw_faces(60, seed=0), path)


def export(run: Path) -> None:
    """The network of a run, as ONNX and as tensors under PyTorch's names."""
    from safetensors.numpy import load_file, save_file

    from nnscratch.keypoints.predictors import SingleNetwork, load_predictor

    predictor = load_predictor(run)
    assert isinstance(predictor, SingleNetwork)
    network = predictor.network
    save_file(nn.state_dict(network), "network.safetensors")
    nn.load_state_dict(network, load_file("network.safetensors"))
    nn.export_onnx(network, "network.onnx", input_shape=(96, 96, 1))
    for name in ("network.safetensors", "network.onnx"):
        print(f"{name}: {Path(name).stat().st_size:,} bytes")


def estimate() -> None:
    from nnscratch.sklearn import NetworkRegressor

    x = np.random.default_rng(0).uniform(-1, 1, (200, 2)).astype(np.float32)
    y = x[:, 0] * x[:, 1]
    estimator = NetworkRegressor(random_state=0).fit(x, y)
    assert estimator.predict(x).shape == y.shape
    print(f"NetworkRegressor: R² {estimator.score(x, y):.2f}, of {distribution('nnscratch').name}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
