"""Makes the small ONNX files beside it, by the programs that users export with. Run by hand:

    pip install torch onnxscript keras scikit-learn skl2onnx
    python tests/interchange/exported/make.py

Beside each NAME.onnx stands NAME.npz: an x as the exporting program takes it, and that program's
own y. Those in the repository are by torch 2.13.0, onnxscript 0.7.2, keras 3.15.1, scikit-learn
1.9.1 and skl2onnx 1.20.0. Weights are random.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent


def keep(name: str, model: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Writes both files; without the paths on this machine that PyTorch notes for each operator."""
    import onnx

    for part in (model, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, FOLDER / f"{name}.onnx")
    np.savez_compressed(FOLDER / f"{name}.npz", x=x, y=y)


def from_torch() -> None:
    import onnx
    import torch
    from torch import nn

    class Viewed(nn.Module):
        """A module of a class of its own, which flattens as many people do."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3, stride=(1, 2), padding=(1, 0))
            self.hidden, self.last = nn.Linear(3 * 4 * 3, 4), nn.Linear(4, 2, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.conv(x))
            x = x.view(x.size(0), -1)
            return torch.tanh(self.last(nn.functional.leaky_relu(self.hidden(x))))

    torch.manual_seed(0)
    maps = [nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2), nn.LeakyReLU(0.2)]
    rows = [nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 5), nn.Sigmoid(), nn.Linear(5, 2)]
    networks = {
        "cnn": (nn.Sequential(*maps, nn.AvgPool2d(2, 1), *rows), (2, 8, 7)),
        "viewed": (Viewed(), (2, 4, 7)),
        "mlp": (nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Tanh(), nn.Linear(3, 2)), (2, 3, 2)),
    }
    for name, (network, shape) in networks.items():
        network.eval()
        x = torch.randn(3, *shape)
        y = network(x).detach().numpy()
        path = FOLDER / "unfinished.onnx"
        torch.onnx.export(network, (x,), path, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "N"}})
        keep(f"torchscript_{name}", onnx.load(path), x.numpy(), y)
        batch = ({0: torch.export.Dim("N")},)
        torch.onnx.export(network, (x,), path, dynamo=True, dynamic_shapes=batch, external_data=False)
        keep(f"torch_{name}", onnx.load(path), x.numpy(), y)
        path.unlink()


def from_keras() -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    import onnx

    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential(
        [
            layers.Input((8, 7, 2)),
            layers.Conv2D(3, 3, activation="relu", padding="same", bias_initializer="random_normal"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 2, bias_initializer="random_normal"),
            layers.LeakyReLU(0.2),
            layers.AveragePooling2D(2, 1),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(5, activation="sigmoid", bias_initializer="random_normal"),
            layers.Dense(2, activation="tanh"),
        ]
    )
    x = np.random.default_rng(0).normal(size=(3, 8, 7, 2)).astype(np.float32)
    y = network.predict(x, verbose=0)
    path = FOLDER / "unfinished.onnx"
    network.export(path, format="onnx", verbose=False)
    keep("keras_cnn", onnx.load(path), x, y)
    path.unlink()


def from_scikit_learn() -> None:
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPRegressor

    rng = np.random.default_rng(0)
    x, y = rng.random((60, 5)), rng.random((60, 3))
    for name, dtype, activation, target in (
        ("relu", np.float32, "relu", y),
        ("tanh", np.float64, "tanh", y[:, 0]),
    ):
        network = MLPRegressor(hidden_layer_sizes=(4, 3), activation=activation, max_iter=20, random_state=0)
        rows = x.astype(dtype)
        network.fit(rows, target)
        keep(f"sklearn_{name}", to_onnx(network, rows[:1]), rows[:4], network.predict(rows[:4]).reshape(4, -1))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # none of them is about what is exported
    from_torch()
    from_keras()
    from_scikit_learn()
