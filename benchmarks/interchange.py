"""One inference: nnscratch beside ONNX Runtime, which runs what nnscratch exported.

  python benchmarks/interchange.py [--quick] [--only NAME] [--cascade RUN] [--json FILE]

Both compute the same network or cascade on the same pictures, one and 100 of
them, and first it is checked that their answers agree. Without --cascade, the
cascade is that of examples/train_cascade.py --recipe best before its training,
which takes as long as a trained one. They take turns, call by call, in
one process; each takes as many threads as it does by itself. A ratio is ONNX
Runtime's time over nnscratch's, the median of the ratios pair by pair: above 1
nnscratch is faster. `pip install -e '.[bench]'` brings ONNX Runtime.
"""

from __future__ import annotations

import argparse
import runpy
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import description, print_description

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.keypoints import networks
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.geometry.mirror import symmetrical
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.metrics import mean_face
from nnscratch.keypoints.predictors import load_predictor
from nnscratch.keypoints.scripts.outputs import writable
from nnscratch.keypoints.start import start_from_mean_face
from nnscratch.profiling.clock import in_turn, ratio
from nnscratch.profiling.machine import start

BATCHES = (1, 100)
CALLS = 10  # calls of one picture that are timed as one: a clock's tick is no small part of one of them
FEWER = 5  # times fewer repeats of a cascade, which takes a second for 100 pictures
_EXAMPLES = Path(__file__).parent.parent / "examples"
Engine = Callable[[np.ndarray], np.ndarray]  # pictures -> answers


class Case(NamedTuple):
    """Two engines of the same function, and what they take.

    pictures : so many of them, random ones
    """

    nnscratch: Engine
    onnx_runtime: Engine
    pictures: Callable[[int], np.ndarray]


def _network(model: nn.Sequential, folder: Path) -> Case:
    """From (N, 96, 96, 1) float32 to (N, 30)."""
    path = folder / "model.onnx"
    nn.export_onnx(model, path, input_shape=(96, 96, 1))
    return Case(
        model.forward,
        onnx_runtime(path),
        lambda count: np.random.default_rng(0).random((count, 96, 96, 1), dtype=np.float32),
    )


def _cascade(cascade: Cascade, folder: Path) -> Case:
    """From (N, 96, 96) uint8 to (N, 15, 2)."""
    return Case(
        cascade.predict_points,
        onnx_runtime(cascade.export_onnx(folder)),
        lambda count: np.random.default_rng(0).integers(0, 256, (count, 96, 96)).astype(np.uint8),
    )


def best_cascade() -> Cascade:
    """The best recipe's, with random weights: it answers about the mean face."""
    recipe = runpy.run_path(str(_EXAMPLES / "train_cascade.py"))["RECIPES"]["best"]
    points, rng = draw_faces(20, seed=0, missing=False).points, np.random.default_rng(0)
    level_1 = recipe.level_1.network(rng)
    start_from_mean_face(level_1, points)
    regions = recipe.level_2.regions
    level_2 = tuple(recipe.level_2.training.network(rng, region) for region in regions)
    level = Level(regions, level_2, (Blend.none(),) * recipe.level_2.passes)
    return Cascade(level_1, symmetrical(mean_face(points)), (level,))


# What is compared, by name: a case, made in a folder for its file.
CASES: dict[str, Callable[[Path], Case]] = {
    "report CNN": lambda folder: _network(networks.report_cnn(rng=0), folder),
    "deep CNN": lambda folder: _network(
        runpy.run_path(str(_EXAMPLES / "train_cnn.py"))["NETWORKS"]["deep"](rng=0), folder
    ),
    "cascade": lambda folder: _cascade(best_cascade(), folder),
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
        case = CASES[name](Path(folder))
        engines = case.nnscratch, case.onnx_runtime
        for batch in batches:
            x = case.pictures(batch)
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


def _loaded(run: str, parser: argparse.ArgumentParser) -> Cascade:
    try:
        predictor = load_predictor(run)
    except DataError as error:
        parser.error(f"argument --cascade: {error}")
    if not isinstance(predictor, Cascade):
        parser.error(f"argument --cascade: got {run}, a single network, expected a run of train_cascade.py; give one")
    return predictor


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the repeats")
    parser.add_argument("--only", choices=CASES, help="one of them (default: all)")
    parser.add_argument("--cascade", metavar="RUN", help="the cascade in this folder of a run")
    parser.add_argument("--json", metavar="FILE", type=writable, help="also write the figures there")
    arguments = parser.parse_args()
    missing = [package for package in ("onnx", "onnxruntime") if not find_spec(package)]
    if missing:
        parser.error(f"got no package {' and '.join(missing)}, expected both; pip install -e '.[bench]'")
    if arguments.cascade is not None:
        CASES["cascade"] = partial(_cascade, _loaded(arguments.cascade, parser))
    repeats = 10 if arguments.quick else 50
    facts = description("onnx", "onnxruntime") | {"repeats": repeats}
    print_description(facts)
    names = [arguments.only] if arguments.only else list(CASES)
    few = {"cascade": repeats // FEWER}
    rows = [row for name in names for row in compare(name, few.get(name, repeats))]
    write_json(arguments.json, {"machine": facts, "rows": rows})


if __name__ == "__main__":
    main()
