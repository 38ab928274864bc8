"""Kills training scripts with SIGKILL at random moments, and resumes them.

In level 1, in level 2, and while files are written. Each run is resumed until
it is finished; then all its weights must be those of an undisturbed run, bit
for bit. Prints a table; ends with status 1 if a run differs.

python tests/stress/kill_runs.py --kills 40 --seed 0
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

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
    writes,
)

MOST_PER_RUN = 3


def kill_somewhere(process: Process, stage: str, seconds: float, rng: random.Random) -> str:
    """Kills the process in a stage, at a random moment; returns the moment, "" if it ended before.

    seconds : that an undisturbed run trains
    """
    out = process.out
    if stage == "starting":
        time.sleep(rng.uniform(0, 4))
    elif process.wait_for(lambda: trains_level_2(out) if stage == "level 2" else trains(out)):
        time.sleep(rng.uniform(0, seconds / (3 if stage == "level 2" else 2)))
        if stage == "writing" and process.wait_for(lambda: writes(out)):
            time.sleep(rng.uniform(0, 0.02))
    where = "writing" if writes(out) else "level 2" if trains_level_2(out) else "level 1" if trains(out) else "starting"
    process.popen.kill()
    moment = f"{where:9s} {process.seconds:5.1f} s"
    status, _ = process.end()
    return moment if status == -9 else ""


def run_with_kills(
    script: Script, data: Path, out: Path, stages: list[str], seconds: float, rng: random.Random
) -> tuple[list[str], str]:
    """A run that is killed once a stage, as long as it lasts; the moments, and what went wrong."""
    moments: list[str] = []
    for stage in stages:
        process = Process(script, data, out, *(["--resume"] if moments else []), rng=rng)
        moment = kill_somewhere(process, stage, seconds, rng)
        if not moment:
            break
        moments.append(moment)
    return moments, resumed(script, data, out, rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40, help="at least so many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    kills = wrong = runs = 0
    by_stage: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = make_data(folder)
        expected = {}
        for script in SCRIPTS:
            progress(f"{script}: undisturbed")
            expected[script] = undisturbed(script, data, folder / f"{script}".replace(" ", "_"))
        print("| run | killed in, after | weights |\n|---|---|---|")
        while kills < arguments.kills:
            script = SCRIPTS[runs % len(SCRIPTS)]
            stages = rng.choices(["starting", "level 1", "writing"], [1, 4, 4], k=rng.randint(1, MOST_PER_RUN))
            if script.cascade:
                stages += rng.choices(["level 2", "writing"], [3, 1], k=2)
            weights, seconds = expected[script]
            out = fresh(folder / "run")
            moments, problem = run_with_kills(script, data, out, stages, seconds, rng)
            problem = problem or first_difference(weights, out)
            runs, kills, wrong = runs + 1, kills + len(moments), wrong + bool(problem)
            for moment in moments:
                by_stage[moment[:9].strip()] = by_stage.get(moment[:9].strip(), 0) + 1
            print(f"| {script} | {'; '.join(moments) or '-'} | {problem or 'the same bits'} |", flush=True)
            progress(f"{kills} of {arguments.kills} kills")
    counts = ", ".join(f"{number} in {stage}" for stage, number in sorted(by_stage.items()))
    print(f"\n{kills} kills ({counts}) of {runs} runs, seed {arguments.seed}: {wrong} ended with other weights")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
