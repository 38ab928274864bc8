"""What test_distributed.py starts on two processes: `on_mpi.py FOLDER [SCRIPT ...]`.

Runs the scripts, or these, one after the other in one start of MPI, on the faces in FOLDER.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from matplotlib.figure import Figure

from nnscratch.keypoints.scripts import run_folder

EXAMPLES = Path(__file__).parents[3] / "examples"
SCRIPTS = {
    "train_mlp.py": ["--epochs", "1", "--batch-size", "9", "--overwrite"],
    "train_cascade.py": ["--epochs", "1", "--level-2-epochs", "1"],
    "experiments/ablation.py": ["--epochs", "1", "--race-epochs", "1", "--seeds", "1", "--only", "the cure"],
}


def main(folder: Path, scripts: list[str]) -> None:
    run_folder.run_report = lambda *run: "<!doctype html>"  # pictures take seconds
    Figure.savefig = lambda figure, path, **how: path.write_bytes(b"not drawn")  # type: ignore[method-assign, assignment]
    streams = sys.stdout, sys.stderr
    for script in scripts or SCRIPTS:
        out = folder / Path(script).stem
        sys.argv = [script, "--data", str(folder / "faces.csv"), "--out", str(out), "--distributed", *SCRIPTS[script]]
        sys.stdout, sys.stderr = streams
        runpy.run_path(str(EXAMPLES / script), run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
