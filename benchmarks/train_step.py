"""One training step and one inference: nnscratch beside PyTorch and scikit-learn.

  python benchmarks/train_step.py [--quick] [--only NETWORK] [--json FILE]

The libraries take turns, step by step, in one process; a ratio is the median of
the ratios pair by pair. PyTorch's networks are those of torch_twin.py, in both
memory layouts. `pip install -e '.[bench]'` brings the other libraries; one that
is missing is left out. How long a whole training takes: time_to_error.py.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from machine import description, gemm_gflops, print_description

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.keypoints import networks
from nnscratch.keypoints.scripts.outputs import writable
from nnscratch.profiling.clock import in_turn, ratio
from nnscratch.profiling.machine import start

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


def pytorch(model: nn.Sequential, x: np.ndarray, y: np.ndarray, layout: str) -> Steps:
    import torch
    from torch_twin import pictures, twin

    memory_format = getattr(torch, layout)
    network = twin(model).to(memory_format=memory_format)
    images = pictures(x).contiguous(memory_format=memory_format)
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
    """The report's MLP in scikit-learn. Its partial_fit makes one step on one batch."""
    from sklearn.neural_network import MLPRegressor

    rows = x.reshape(len(x), -1)
    # A smaller rate, which changes no time: its loss is a sum over the outputs, and with the
    # others' rate it diverges.
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


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a third of the repeats")
    parser.add_argument("--only", choices=NETWORKS, help="one network (default: all)")
    parser.add_argument("--json", metavar="FILE", type=writable, help="also write the figures there")
    arguments = parser.parse_args()
    repeats = 5 if arguments.quick else 15
    facts = description(*(name for name in ("torch", "sklearn") if find_spec(name)))
    facts |= {"repeats": f"{repeats} (batch 1: {4 * repeats})", "sgemm": f"{gemm_gflops(threads=2):.0f} GFLOP/s"}
    print_description(facts)
    rows = []
    for name in [arguments.only] if arguments.only else NETWORKS:
        for batch in (100, 1):
            rows += compare(name, batch, repeats if batch > 1 else 4 * repeats)
    write_json(arguments.json, {"machine": facts, "rows": rows})


if __name__ == "__main__":
    main()
