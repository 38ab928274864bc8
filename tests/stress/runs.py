"""What the programs of this folder share: small runs of the training scripts, and their weights."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import save_faces

ROOT = Path(__file__).parents[2]
LONGEST = 600.0  # seconds of one process
_OWN_WRITING = (".unfinished-", ".arriving")

# In the background (`nohup`, `&` in a script) these may be ignored, and would be by the runs.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


@dataclass(frozen=True)
class Script:
    """A training script with the options that make it short.

    cascade : whether it has a level 2
    """

    name: str
    recipe: str
    options: tuple[str, ...]
    cascade: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.recipe}"


# "best" has dropout, augmentation and averaged weights.
SCRIPTS = (
    Script("train_mlp", "plain", ("--epochs", "6")),
    Script("train_mlp", "best", ("--epochs", "5")),
    Script("train_cnn", "plain", ("--epochs", "6")),
    Script("train_cnn", "best", ("--epochs", "4")),
    Script("train_cascade", "plain", ("--epochs", "4", "--level-2-epochs", "4"), cascade=True),
    Script("train_cascade", "best", ("--epochs", "3", "--level-2-epochs", "3"), cascade=True),
)


class Process:
    """A training script that runs into a folder; its output is kept.

    threads : 1 or 2, drawn anew for each: the weights must not depend on it
    """

    def __init__(self, script: Script, data: Path, out: Path, *more: str, rng: random.Random) -> None:
        program = str(ROOT / "examples" / f"{script.name}.py")
        options = "--data", str(data), "--recipe", script.recipe, "--batch-size", "16", *script.options
        command = [sys.executable, "-W", "error", program, *options, "--out", str(out)]
        command += ["--threads", str(rng.choice([1, 2])), *more]
        self.out, self.began = out, time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.popen = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.perf_counter() - self.began

    def wait_for(self, happens: Callable[[], bool]) -> bool:
        """Returns True once `happens()`, False if the process ends before."""
        while self.popen.poll() is None:
            if happens():
                return True
            if self.seconds > LONGEST:
                self.popen.kill()
                raise TimeoutError(f"{self.popen.args} runs for more than {LONGEST:.0f} s")
            time.sleep(0.001)
        return False

    def end(self) -> tuple[int, str]:
        """Waits for its end; returns exit status and stderr."""
        _, stderr = self.popen.communicate(timeout=LONGEST)
        return self.popen.returncode, stderr


def trains(out: Path) -> bool:
    """Whether a run has begun to train."""
    return (out / "checkpoints" / "run.json").exists()


def trains_level_2(out: Path) -> bool:
    """Whether level 2 of a cascade has a checkpoint."""
    return any(_names(out / "checkpoints" / "level_2"))


def writes(out: Path) -> bool:
    """Whether some file is half written at this moment, or a set of files is arriving."""
    places = (out, out / "checkpoints", out / "checkpoints" / "level_2")
    return any(name.startswith(_OWN_WRITING) for place in places for name in _names(place))


def _names(folder: Path) -> Iterator[str]:
    try:
        yield from (entry.name for entry in os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return


def weights(out: Path) -> dict[str, np.ndarray]:
    """All arrays of a run's networks and blends, by file and name."""
    files = sorted([*out.glob("model.npz"), *out.glob("level_2_*.npz"), *out.glob("cascade.npz")])
    arrays: dict[str, np.ndarray] = {}
    for file in files:
        with np.load(file) as content:
            arrays |= {f"{file.name}:{name}": content[name] for name in content.files if name != "architecture"}
    return arrays


def first_difference(expected: dict[str, np.ndarray], out: Path) -> str:
    """What differs first from an undisturbed run's weights, bit for bit; "" if nothing does."""
    got = weights(out)
    if not expected or got.keys() != expected.keys():
        return f"other arrays: {sorted(got.keys() ^ expected.keys())[:3] or 'none at all'}"
    return next((name for name, array in expected.items() if array.tobytes() != got[name].tobytes()), "")


def make_data(folder: Path) -> Path:
    """A CSV of 100 drawn faces."""
    save_faces(draw_faces(100, seed=5), folder / "faces.csv")
    return folder / "faces.csv"


def undisturbed(script: Script, data: Path, out: Path) -> tuple[dict[str, np.ndarray], float]:
    """The weights of a run that nobody disturbs, and the seconds from its first step to its end."""
    process = Process(script, data, out, rng=random.Random(0))
    process.wait_for(lambda: trains(out))
    began = process.seconds
    status, stderr = process.end()
    if status:
        raise SystemExit(f"{script}: the undisturbed run ended with {status}: {stderr}")
    return weights(out), process.seconds - began


def resumed(script: Script, data: Path, out: Path, rng: random.Random) -> str:
    """Lets a run go on to its end; returns what went wrong, "" if nothing did."""
    status, stderr = Process(script, data, out, "--resume", rng=rng).end()
    left = [name for name in _names(out) if name.startswith((".", "checkpoints"))]
    if status or stderr or left:
        return f"--resume ended with {status}, left {left}: {stderr[-200:]!r}"
    return ""


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def progress(line: str) -> None:
    """Shows where a long program is."""
    print(line, file=sys.stderr, flush=True)
