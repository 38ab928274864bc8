"""One inference: nnscratch beside ONNX Runtime, which runs what nnscratch exported.

  python benchmarks/interchange.py [--quick] [--only NAME] [--json FILE]

Both compute the same network on the same pictures, one and 100 of them, and
first it is checked that their answers agree. They take turns, call by call, in
one process; each takes as many threads as it does by itself. A ratio is ONNX
Runtime's time over nnscratch's, the median of the ratios pair by pair: above 1
nnscratch is faster. `pip install -e '.[bench]'` brings ONNX Runtime.
"""

from __future__ import annotations

import argparse
import json
import runpy
import statistics
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from machine import description, print_description

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.profiling.clock import in_turn, ratio
from nnscratch.profiling.machine import start

BATCHES = (1, 100)
CALLS = 10  # calls of one picture that are timed as one: a clock's tick is no small part of one of them
_EXAMPLE = Path(__file__).parent.parent / "examples" / "train_cnn.py"
Engine = Callable[[np.ndarray], np.ndarray]  # pictures (N, 96, 96, 1) -> answers


def _network(model: nn.Sequential, folder: Path) -> tuple[Engine, Engine]:
    """The network here, and in ONNX Runtime."""
    path = folder / "model.onnx"
    nn.export_onnx(model, path, input_shape=(96, 96, 1))
    return model.forward, onnx_runtime(path)


# What is compared, by name: made in a folder for its file, the two engines of the same function.
# More than one network at a time, such as a whole cascade, is a case like these.
CASES: dict[str, Callable[[Path], tuple[Engine, Engine]]] = {
    "report CNN": lambda folder: _network(networks.report_cnn(rng=0), folder),
    "deep CNN": lambda folder: _network(runpy.run_path(str(_EXAMPLE))["NETWORKS"]["deep"](rng=0), folder),
}


def onnx_runtime(path: Path) -> Engine:
    """The file's graph in ONNX Runtime, on the processor, as it is set up by itself."""
    from onnxruntime import InferenceSession

    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    (x,) = session.get_inputs()
    return lambda pictures: session.run(None, {x.name: pictures})[0]  # type: ignore[no-any-return]


def compare(name: str, repeats: int, batches: tuple[int, ...] = BATCHES) -> list[dict[str, Any]]:
    """Prints and returns a row for each batch."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        engines = CASES[name](Path(folder))
        for batch in batches:
            x = np.random.default_rng(0).random((batch, 96, 96, 1), dtype=np.float32)
            own, other = (engine(x) for engine in engines)
            difference = float(np.abs(own - other).max() / np.abs(own).max())
            if not difference < 1e-4:
                raise RuntimeError(f"{name}: got answers that differ by {difference:.1e} of the largest, expected 1e-4")
            calls = CALLS if batch == 1 else 1
            times = in_turn([_repeated(engine, x, calls) for engine in engines], repeats)
            own_ms, other_ms = (statistics.median(column) / calls for column in times)
            rows.append(
                {
                    "network": name,
                    "batch": batch,
                    "milliseconds": {"nnscratch": own_ms, "ONNX Runtime": other_ms},
                    "ratio": ratio(times[1], times[0]),
                    "difference": difference,
                }
            )
            print(
                f"{name:17s} batch {batch:3d}   nnscratch {own_ms:8.3f} ms   ONNX Runtime {other_ms:8.3f} ms "
                f"{rows[-1]['ratio']:6.2f} x   answers differ by {difference:.0e}",
                flush=True,
            )
    return rows


def _repeated(engine: Engine, x: np.ndarray, calls: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(calls):
            engine(x)

    return work


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the repeats")
    parser.add_argument("--only", choices=CASES, help="one of them (default: all)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    missing = [package for package in ("onnx", "onnxruntime") if not find_spec(package)]
    if missing:
        parser.error(f"got no package {' and '.join(missing)}, expected both; pip install -e '.[bench]'")
    repeats = 10 if arguments.quick else 50
    facts = description("onnx", "onnxruntime") | {"repeats": repeats}
    print_description(facts)
    rows = [row for name in ([arguments.only] if arguments.only else CASES) for row in compare(name, repeats)]
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": facts, "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
