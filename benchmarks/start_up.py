"""How long it takes until the work begins: import, first training step, reading data.

python benchmarks/start_up.py [--data training.zip] [--json FILE]
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile

from nnscratch.command_output import write_json
from nnscratch.keypoints.scripts.outputs import writable
from nnscratch.profiling.machine import start

REPEATS = 5
FIRST_STEP = """
import time
import numpy as np, nnscratch as nn
from nnscratch.keypoints.networks import kfkd
model, loss = kfkd(rng=0), nn.MSELoss()
optimizer = nn.SGD(model, lr=0.01, momentum=0.9)
x, y = np.zeros((16, 96, 96, 1), np.float32), np.zeros((16, 30), np.float32)
began = time.perf_counter()
loss.forward(model.forward(x, training=True), y); model.backward(loss.backward()); optimizer.step()
print(time.perf_counter() - began)
"""
IMPORT = "import time; began = time.perf_counter(); import nnscratch; print(time.perf_counter() - began)"
LOAD = """
import sys, time
from nnscratch.keypoints.kaggle.training_file import load_faces
began = time.perf_counter(); load_faces(sys.argv[1]); print(time.perf_counter() - began)
"""


def seconds(code: str, *arguments: str, **environment: str) -> float:
    """What `code` prints in a new Python process, given arguments and environment variables."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FILE", help="a training file: also time how it is read")
    parser.add_argument("--json", metavar="FILE", type=writable, help="also write the figures there")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"medians of {REPEATS} new processes; cold: once, with empty caches\n")

    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache:
        own_caches = {"NUMBA_CACHE_DIR": f"{cache}/numba", "NNSCRATCH_CACHE": f"{cache}/faces"}
        figures["first training step, cold"] = seconds(FIRST_STEP, **own_caches)
        measured = {"import nnscratch": (IMPORT, ()), "first training step, kernels cached": (FIRST_STEP, ())}
        if arguments.data:
            figures["faces, cold"] = seconds(LOAD, arguments.data, **own_caches)
            measured["faces, cached"] = (LOAD, (arguments.data,))
        for name, (code, extra) in measured.items():
            figures[name] = statistics.median(seconds(code, *extra, **own_caches) for _ in range(REPEATS))
    for name, value in figures.items():
        print(f"{name:40s}{value:8.2f} s")
    write_json(arguments.json, figures)


if __name__ == "__main__":
    main()
