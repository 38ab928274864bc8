"""One training step and one inference: nnscratch beside PyTorch and scikit-learn.

  python benchmarks/train_step.py [--quick] [--only NETWORK] [--json FILE]

The libraries take turns, step by step, in one process; the ratio is the median
of the ratios pair by pair, against PyTorch's faster memory layout.
`pip install -e '.[bench]'` brings the others; those that are missing are left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from machine import description, gemm_gflops, in_turn, print_description, ratio, start

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.metrics import RMSE_PX
from nnscratch.keypoints.start import start_from_mean_face

NETWORKS: dict[str, Callable[..., nn.Sequential]] = {
    "report CNN": lambda: networks.report_cnn(rng=0, dropout=0.0),
    "report large CNN": lambda: networks.report_large_cnn(rng=0, dropout=0.0),
    "kfkd net2": lambda: networks.kfkd(rng=0),
    "report MLP": lambda: networks.report_mlp(rng=0),
}
SGD = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
Steps = tuple[str, Callable[[], object], Callable[[], object]]  # name, training step, inference


def ours(model: nn.Sequential, x: np.ndarray, y: np.ndarray) -> Steps:
    loss, optimizer = nn.MSELoss(), nn.SGD(model, **SGD)

    def step() -> None:
        loss.forward(model.forward(x, training=True), y)
        model.backward(loss.backward())
        optimizer.step()

    return "nnscratch", step, lambda: model.forward(x)


def torch_network(model: nn.Sequential) -> Any:
    """The same layers in PyTorch."""
    import torch.nn

    made = []
    for layer in model.layers:
        if isinstance(layer, nn.Conv2D):
            made.append(torch.nn.Conv2d(layer.c_in, layer.c_out, layer.kernel_size, layer.stride, layer.padding))
        elif isinstance(layer, nn.Dense):
            made.append(torch.nn.Linear(layer.n_in, layer.n_out))
        else:
            made.append({"ReLU": torch.nn.ReLU(), "MaxPool2D": torch.nn.MaxPool2d(2)}.get(type(layer).__name__)
                        or torch.nn.Flatten())  # fmt: skip
    return torch.nn.Sequential(*made)


def pytorch(model: nn.Sequential, x: np.ndarray, y: np.ndarray, layout: str) -> Steps:
    import torch

    memory_format = getattr(torch, layout)
    network = torch_network(model).to(memory_format=memory_format)
    images = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(memory_format=memory_format)
    target = torch.from_numpy(y)
    optimizer = torch.optim.SGD(network.parameters(), **SGD)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(images), target).backward()
        optimizer.step()

    def infer() -> None:
        with torch.inference_mode():
            network(images)

    return f"PyTorch {layout}", step, infer


def scikit_learn(x: np.ndarray, y: np.ndarray) -> Steps:
    """The report's MLP in scikit-learn; its partial_fit is one step on one batch."""
    from sklearn.neural_network import MLPRegressor

    rows = x.reshape(len(x), -1)
    # A smaller rate: its loss adds up over the outputs, and it diverges with the others'. That changes no time.
    network = MLPRegressor(
        hidden_layer_sizes=(256, 100), solver="sgd", batch_size=len(x), learning_rate_init=1e-4, alpha=5e-4
    )
    network.partial_fit(rows, y)
    return "scikit-learn", lambda: network.partial_fit(rows, y), lambda: network.predict(rows)


def compare(name: str, batch: int, repeats: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    x, y = rng.random((batch, 96, 96, 1), dtype=np.float32), rng.random((batch, 30), dtype=np.float32)
    model = NETWORKS[name]()
    contestants = [ours(model, x, y)]
    if find_spec("torch"):
        layouts = ["contiguous_format"] + ["channels_last"] * isinstance(model.layers[0], nn.Conv2D)
        contestants += [pytorch(model, x, y, layout) for layout in layouts]
    if name == "report MLP" and find_spec("sklearn"):
        contestants.append(scikit_learn(x, y))
    rows = []
    for what, position in (("training step", 1), ("inference", 2)):
        times = in_turn([contestant[position] for contestant in contestants], repeats)  # type: ignore[misc]
        medians = {contestant[0]: statistics.median(t) for contestant, t in zip(contestants, times, strict=True)}
        ratios = {c[0]: ratio(t, times[0]) for c, t in zip(contestants[1:], times[1:], strict=True)}
        rows.append({"network": name, "batch": batch, "what": what, "milliseconds": medians, "ratios": ratios})
        print_row(rows[-1])
    return rows


def print_row(row: dict[str, Any]) -> None:
    own = row["milliseconds"]["nnscratch"]
    print(f"{row['network']:17s} batch {row['batch']:3d} {row['what']:13s} nnscratch {own:8.2f} ms", flush=True)
    for other, value in row["ratios"].items():
        print(f"{'':31s}{other:27s}{row['milliseconds'][other]:8.2f} ms {value:6.2f} x", flush=True)


def time_to_rmse(goal_px: float, limit: float) -> dict[str, float | None]:
    """Seconds until the validation RMSE is below `goal_px`: same faces, network, schedule; None if not within limit."""
    faces = draw_faces(2000, seed=0)
    train, validation = faces.select(slice(0, 1700)), faces.select(slice(1700, 2000))
    model = NETWORKS["kfkd net2"]()
    start_from_mean_face(model, train.points)
    result = {"nnscratch": _ours_to_rmse(model, train, validation, goal_px, limit)}
    if find_spec("torch"):
        result["PyTorch"] = _pytorch_to_rmse(train, validation, goal_px, limit)
    return result


def _ours_to_rmse(model: nn.Sequential, train: Any, validation: Any, goal_px: float, limit: float) -> float | None:
    optimizer = nn.Adam(model, lr=0.001)
    trainer = nn.Trainer(model, nn.MSELoss(), optimizer, batch_size=100, metric=RMSE_PX, progress=False)
    reached = []

    def stop(trainer: nn.Trainer, history: nn.History) -> str | None:
        if history.columns["rmse_px"][-1] < goal_px:
            reached.append(history.columns["seconds"][-1])
        return "reached" if reached else None

    pairs = (validation.x, validation.y)
    trainer.fit(train.x, train.y, epochs=1000, time_limit=limit, validation=pairs, callbacks=[stop])
    return reached[0] if reached else None


def _pytorch_to_rmse(train: Any, validation: Any, goal_px: float, limit: float) -> float | None:
    import torch

    network = torch_network(NETWORKS["kfkd net2"]()).to(memory_format=torch.channels_last)
    with torch.no_grad():
        network[-1].weight.zero_()
        network[-1].bias.copy_(torch.from_numpy(np.nanmean(train.y, axis=0)))

    def tensor(x: np.ndarray) -> Any:
        return torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(memory_format=torch.channels_last)

    x, y = tensor(train.x), torch.from_numpy(train.y)
    known, target = ~torch.isnan(y), torch.nan_to_num(y)
    validation_x = tensor(validation.x)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    generator = torch.Generator().manual_seed(0)
    began = time.perf_counter()
    while time.perf_counter() - began < limit:
        for rows in torch.randperm(len(x), generator=generator).split(100):
            optimizer.zero_grad()
            squares = (network(x[rows]) - target[rows]) ** 2 * known[rows]
            (squares.sum() / known[rows].sum()).backward()
            optimizer.step()
        with torch.inference_mode():
            predicted = network(validation_x).numpy()
        if RMSE_PX.function(predicted, validation.y) < goal_px:
            return time.perf_counter() - began
    return None


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a third of the repeats, no time to an error")
    parser.add_argument("--only", choices=NETWORKS, help="one network (default: all)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    repeats = 5 if arguments.quick else 15
    facts = description(*(name for name in ("torch", "sklearn") if find_spec(name)))
    facts |= {"repeats": f"{repeats} (batch 1: {4 * repeats})", "sgemm": f"{gemm_gflops(threads=2):.0f} GFLOP/s"}
    print_description(facts)
    rows = []
    for name in [arguments.only] if arguments.only else NETWORKS:
        for batch in (100, 1):
            rows += compare(name, batch, repeats if batch > 1 else 4 * repeats)
    results: dict[str, Any] = {"machine": facts, "rows": rows}
    if not arguments.quick:
        goal = 2.5
        results["seconds_to_rmse"] = {"rmse_px": goal, **time_to_rmse(goal, limit=120)}
        print(f"kfkd net2, seconds to {goal} px on generated faces: {results['seconds_to_rmse']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
