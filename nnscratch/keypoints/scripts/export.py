"""The network or the cascade of a run as one ONNX graph, which needs no nnscratch.

python -m nnscratch export runs/best --out best.onnx
python -m nnscratch export runs/best --out best.onnx --data training.zip

A run is the --out folder of train_mlp.py, train_cnn.py or train_cascade.py. The
graph takes "images", (N, 96, 96) uint8, and gives "points", (N, 15, 2) float32,
in pixels: crops, mirror images and blends are part of it.

If ONNX Runtime is installed, it runs the graph on faces, of --data or drawn
ones, and the largest difference from nnscratch's own points is printed. A graph
that differs by 0.01 px or more is not left behind.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np

from nnscratch.command_output import add_json, add_quiet, muted, write_json
from nnscratch.commands import Parser, program
from nnscratch.files import atomic
from nnscratch.interchange.extras import required
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, SIDE
from nnscratch.keypoints.kaggle.archives import ALL, TRAINING
from nnscratch.keypoints.kaggle.files import table_file
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.predictors import load_predictor
from nnscratch.keypoints.scripts.outputs import check_outputs, writable
from nnscratch.messages import one_line

_FACES = 100  # to compare on
_LARGEST = 0.01  # px, of points inside of a picture; float32 alone makes about 0.00002 px of it


def main(arguments: list[str]) -> None:
    """Writes the graph of a run, and says what it wrote.

    Raises
        ValueError, OSError : a file is missing or damaged, or cannot be written; ONNX Runtime finds
            other points
        SystemExit : an argument is wrong, or the package onnx is missing
    """
    parser = Parser(__doc__, program("export"))
    parser.add_argument("run", type=Path, metavar="RUN", help="the --out folder of a training script")
    parser.add_argument("--out", type=writable, metavar="FILE", required=True, help="the file to write")
    parser.add_argument(
        "--data", metavar="FILE", help=f"faces to compare on: Kaggle's training.csv, .zip or .gz, or {ALL}"
    )
    add_json(parser)
    add_quiet(parser)
    parsed = parser.parse_args(arguments)
    try:
        onnx = required("export", "onnx", extra="onnx")
    except ImportError as error:
        parser.error(str(error))
    run: Path = parsed.run
    predictor = load_predictor(run)
    read = [file for file in run.iterdir() if file.suffix != ".onnx"]  # an earlier graph is replaced
    data = table_file(parsed.data, TRAINING) if parsed.data else None
    check_outputs({"--out": parsed.out, "--json": parsed.json}, [*read, *filter(None, [data])])
    images = _some_images(data)
    points = predictor.predict_points(images)  # first: no graph is written of a network that has diverged
    faces = f"{len(images)} faces of {data.name}" if data else f"{len(images)} drawn faces"
    with atomic.write(parsed.out) as path:  # it gets its name once it is known to be right
        predictor.export_onnx(path)
        difference = _difference(path, images, points, f"{parsed.out}, on {faces}")
        nodes, size = len(onnx.load(path).graph.node), path.stat().st_size
    with muted(parsed):
        print(f"{parsed.out}: {size / 1e6:.1f} MB, {nodes:,} nodes")
        print(f"images (N, {SIDE}, {SIDE}) uint8 -> points (N, {len(POINTS)}, 2) float32, in pixels")
        if difference is None:
            print("Not compared with nnscratch's points: no package onnxruntime.")
        else:
            print(f"ONNX Runtime's points are within {difference:.1g} px of nnscratch's ({faces}).")
    compared = {"faces": len(images), "largest_difference_px": difference}
    write_json(parsed.json, {"file": str(parsed.out), "bytes": size, "nodes": nodes, **compared})


def _difference(path: Path, images: np.ndarray, points: np.ndarray, place: str) -> float | None:
    """How far ONNX Runtime's points are from `points` at most, in px; None without ONNX Runtime.

    Raises
        ValueError : too far, or it does not run the graph; `place` is for the message
    """
    try:
        found = answers_of(path, images)
    except ImportError:
        return None
    except Exception as error:  # those of ONNX Runtime have no class in common
        reason = str(error).split("\n", maxsplit=1)[0]
        came = f"a graph that ONNX Runtime does not run ({reason})"
        fix = "pip install --upgrade onnxruntime, or uninstall it to go without"
        raise ValueError(one_line(place, came, "version 1.20 or newer", fix)) from None
    difference, allowed = float(np.abs(found - points).max()), _LARGEST / SIDE * max(SIDE, np.abs(points).max())
    if not difference < allowed:
        came = f"points of ONNX Runtime that differ by {difference:.2g} px"
        raise ValueError(one_line(place, came, f"less than {allowed:.2g} px", "try another version of onnxruntime"))
    return difference


def answers_of(path: Path, images: np.ndarray) -> np.ndarray:
    """The points (N, 15, 2) float32 px that ONNX Runtime finds in pictures (N, 96, 96) uint8.

    Raises
        ImportError : the package onnxruntime is missing
    """
    onnxruntime = import_module("onnxruntime")

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: it warns of hardware that it does not find
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["points"], {"images": images})[0])


def _some_images(data: Path | None) -> np.ndarray:
    """At most 100 pictures, (N, 96, 96) uint8, from all over the file."""
    if data is None:
        return draw_faces(_FACES, seed=0).images
    images = load_faces(data).images
    return images[:: max(1, -(-len(images) // _FACES))]
