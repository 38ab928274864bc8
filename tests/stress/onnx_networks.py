"""Random networks to ONNX and back: ONNX Runtime's answers, and the same network.

    python tests/stress/onnx_networks.py --count 3000 --seed 0

ONNX Runtime computes what the network does, to 1e-5 of the largest output; 1e-3 where a
ContrastNormalization stands behind other layers, because it divides rounding by a small contrast.
What `import_onnx` makes of the file gives the same bits as the network.

Network k is drawn from (seed, k) alone, so that a failure is run again by --seed S --first k
--count 1. Exit status 1 if any network fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

import nnscratch as nn

sys.path.insert(0, str(Path(__file__).parent))
from random_networks import random_network


def check(seed: int, k: int, path: Path) -> str:
    """What is wrong with network k, or ""."""
    rng = np.random.default_rng([seed, k])
    layers, shape = random_network(rng, large=True)
    x = rng.standard_normal(shape).astype(np.float32)
    model = nn.Sequential(*layers, fuse=False)
    y = model.forward(x)
    nn.export_onnx(model, path, input_shape=shape[1:])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(["y"], {"x": x})
    sensitive = any(isinstance(layer, nn.ContrastNormalization) for layer in layers[1:])
    difference = float(np.abs(found - y).max() / max(np.abs(y).max(), 1e-3))
    if found.shape != y.shape or not difference <= (1e-3 if sensitive else 1e-5):
        return f"{found.shape} apart by {difference:.1e}: x {shape}, {layers}"
    again = nn.import_onnx(path)
    again.fuse = False
    if not np.array_equal(again.forward(x), y):
        return f"another network comes back: x {shape}, {layers}, {again.layers}"
    return ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Random networks to ONNX and back.")
    parser.add_argument("--count", type=int, default=3000, help="networks (default: 3000)")
    parser.add_argument("--seed", type=int, default=0, help="of all of them (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first one (default: 0)")
    options = parser.parse_args(arguments)
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for k in range(options.first, options.first + options.count):
            try:
                wrong = check(options.seed, k, Path(folder) / "model.onnx")
            except Exception as raised:
                wrong = f"{type(raised).__name__}: {raised}"
            if wrong:
                failures += 1
                print(f"--seed {options.seed} --first {k} --count 1: {wrong}", flush=True)
    print(f"{options.count} networks, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
