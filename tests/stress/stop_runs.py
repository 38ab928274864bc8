"""Stops training scripts with signals, and by a full disk, and resumes them.

SIGTERM, SIGINT, SIGHUP and two SIGINT at random moments: exit status and
metrics.json must say what happened, the networks must be on disk, and the
resumed run must end with the weights of an undisturbed one, bit for bit. The
same on a tmpfs that is full from the start, and on one that fills up in the
training (as root; else left out). Prints a table; ends with status 1 if
something went wrong.

python tests/stress/stop_runs.py --stops 24 --seed 0
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from runs import (
    SCRIPTS,
    Process,
    Script,
    first_difference,
    fresh,
    make_data,
    progress,
    resumed,
    trains,
    trains_level_2,
    undisturbed,
)

from nnscratch.keypoints.predictors import load_predictor

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
WAYS = {
    "SIGTERM": [signal.SIGTERM],
    "SIGINT": [signal.SIGINT],
    "SIGHUP": [signal.SIGHUP],
    "SIGINT twice": [signal.SIGINT, signal.SIGINT],
}


def stop(
    process: Process, signals: list[signal.Signals], begun: Callable[[Path], bool], seconds: float, rng: random.Random
) -> str:
    """Sends the signals at a random moment after `begun(out)`; returns what is wrong afterwards."""
    if process.wait_for(lambda: begun(process.out)):
        time.sleep(rng.uniform(0, seconds))
        for each in signals:
            process.popen.send_signal(each)
            time.sleep(rng.uniform(0, 0.3))
    status, stderr = process.end()
    metrics = metrics_of(process.out)
    if "Traceback" in stderr:
        return f"a traceback: {stderr[-200:]!r}"
    if status == 0:
        return "" if metrics.get("finished") is True else "status 0, but not finished"
    if status != STATUS[signals[0]]:
        return f"status {status}: {stderr[-200:]!r}"
    if "--resume" not in stderr:
        return f"it does not say how to go on: {stderr[-200:]!r}"
    if metrics.get("finished") is True:
        return f"status {status}, but finished"
    return unreadable(process.out) if metrics else ""


def metrics_of(out: Path) -> dict[str, Any]:
    path = out / "metrics.json"
    return json.loads(path.read_text()) if path.exists() else {}


def unreadable(out: Path) -> str:
    """Why the networks of an interrupted run cannot be used; "" if they can."""
    try:
        points = load_predictor(out).predict_points(np.zeros((1, 96, 96), np.uint8))
    except (OSError, ValueError) as error:
        return f"networks cannot be loaded: {error}"
    return "" if np.isfinite(points).all() else "networks answer NaN"


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """A small disk."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def full_from_the_start(script: Script, data: Path, disk: Path, rng: random.Random) -> str:
    """A run on a disk without space ends before it reads the data, and leaves nothing."""
    with (disk / "filling").open("wb", buffering=0) as filling, suppress(OSError):
        while filling.write(bytes(1 << 12)):
            pass
    process = Process(script, data, disk / "run", rng=rng)
    status, stderr = process.end()
    (disk / "filling").unlink()
    if status != 2 or stderr.count("\n") != 1 or "No space left" not in stderr:
        return f"status {status}: {stderr[-200:]!r}"
    return "" if list(disk.iterdir()) == [] else f"left {list(disk.iterdir())}"


def full_in_the_end(script: Script, data: Path, disk: Path, expected: dict[str, np.ndarray], rng: random.Random) -> str:
    """No space for checkpoints and results: they go elsewhere; with space, --resume brings them."""
    process = Process(script, data, disk / "run", rng=rng)
    status, stderr = process.end()
    lines = [line for line in stderr.splitlines() if "the results are in " in line]
    if status != 2 or len(lines) != 1 or "no checkpoint written" not in stderr or "Traceback" in stderr:
        return f"status {status}: {stderr[-300:]!r}"
    rescued = Path(lines[0].partition("the results are in ")[2])
    problem = first_difference(expected, rescued)
    subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)
    return problem or resumed(script, data, disk / "run", rng) or first_difference(expected, disk / "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stops", type=int, default=24, help="by signals (default: %(default)s); 0: full disks alone")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    wrong = 0

    def report(run: object, way: str, problem: str, good: str = "the same bits") -> None:
        nonlocal wrong
        wrong += bool(problem)
        print(f"| {run} | {way} | {problem or good} |", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = make_data(folder)
        expected = {}
        on_disks = (SCRIPTS[1], SCRIPTS[4])
        for script in SCRIPTS if arguments.stops else on_disks:
            progress(f"{script}: undisturbed")
            expected[script] = undisturbed(script, data, folder / f"{script}".replace(" ", "_"))
        print("| run | stopped by | weights |\n|---|---|---|")
        ways = list(WAYS)
        for k in range(arguments.stops):
            script, way = SCRIPTS[k % len(SCRIPTS)], ways[(k + k // len(SCRIPTS)) % len(ways)]
            weights, seconds = expected[script]
            out = fresh(folder / "run")
            in_level_2 = script.cascade and rng.random() < 0.5
            begun = trains_level_2 if in_level_2 else trains
            process = Process(script, data, out, rng=rng)
            problem = stop(process, WAYS[way], begun, seconds / 2, rng)
            # Going on with a finished run changes nothing, and is no error.
            problem = problem or resumed(script, data, out, rng) or first_difference(weights, out)
            report(script, f"{way}{' in level 2' if in_level_2 else ''}", problem)
            progress(f"{k + 1} of {arguments.stops} stops")
        if os.geteuid() == 0:
            for number, script in enumerate(on_disks):
                with tmpfs(folder / f"disk{number}", "1m") as disk:
                    report(
                        script,
                        "a full disk",
                        full_from_the_start(script, data, disk, rng),
                        "ends before the data are read",
                    )
                    report(
                        script, "a disk that fills up", full_in_the_end(script, data, disk, expected[script][0], rng)
                    )
        else:
            print("| - | a full disk | left out: only root can mount one |")
    print(f"\n{arguments.stops} stops by signals, seed {arguments.seed}: {wrong} went wrong")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
