"""A small search over networks: GridSearchCV with two jobs beside one.

  python benchmarks/grid_search.py [--quick] [--json FILE]

Needs the extra `sklearn`. 8 settings x 5 folds of a network with 100 and 50 units on
4,000 rows. One job has all threads; each of two has its share, as the library
divides them. Every search is timed in a process of its own, so two jobs pay for the
start of their workers, about 2 s, most of it scikit-learn's import in each; "again"
is a second search in the same process, whose workers are there. The processes take
turns, and the median of the ratios counts. With fewer --epochs the search is shorter
and the start counts for more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
from machine import description, print_description

from nnscratch.command_output import write_json
from nnscratch.keypoints.scripts.outputs import writable
from nnscratch.profiling.clock import ratio
from nnscratch.profiling.machine import start

JOBS = (1, 2)
SETTINGS, FOLDS = 8, 5
WHEN = ("first", "again")


def measure(jobs: int, epochs: int, rows: int) -> dict[str, list[float]]:
    """In this process: seconds of two searches, one after the other, and the scores they found."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from nnscratch.sklearn import NetworkRegressor

    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (rows, 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 5 * X[:, 3] + rng.normal(size=rows)
    model = make_pipeline(StandardScaler(), NetworkRegressor((100, 50), epochs=epochs, random_state=0))
    grid = {"networkregressor__lr": [0.0003, 0.001, 0.003, 0.01], "networkregressor__weight_decay": [0.0, 0.01]}
    seconds, scores = [], []
    for _ in WHEN:
        began = time.perf_counter()
        search = GridSearchCV(model, grid, cv=FOLDS, n_jobs=jobs, refit=False).fit(X, y)
        seconds.append(time.perf_counter() - began)
        scores = search.cv_results_["mean_test_score"].tolist()
    return {"seconds": seconds, "scores": scores}


def in_a_new_process(jobs: int, epochs: int, rows: int) -> dict[str, list[float]]:
    command = [sys.executable, __file__, "--measure", json.dumps([jobs, epochs, rows])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    figures: dict[str, list[float]] = json.loads(done.stdout)
    return figures


def compare(repeats: int, epochs: int, rows: int) -> dict[str, object]:
    """Prints the table; returns its figures."""
    in_a_new_process(2, 1, rows)  # kernels are compiled once, and kept on disk
    rounds = [[in_a_new_process(jobs, epochs, rows) for jobs in JOBS] for _ in range(repeats)]
    for one, two in rounds:
        if one["scores"] != two["scores"]:
            raise RuntimeError(f"grid_search: got scores {two['scores']} with two jobs, expected {one['scores']}")
    figures: dict[str, object] = {"epochs": epochs, "rows": rows, "repeats": repeats}
    print(f"\nGridSearchCV, {SETTINGS} settings x {FOLDS} folds, {epochs} epochs of {rows:,} rows; the same scores")
    print(f"  {'':8s}{'1 job':>10s}{'2 jobs':>10s}{'ratio':>9s}")
    for i, when in enumerate(WHEN):
        seconds = [[each["seconds"][i] for each in column] for column in zip(*rounds, strict=True)]
        gain = ratio(*seconds)
        one, two = map(statistics.median, seconds)
        figures[when] = {"seconds": seconds, "ratio": gain}
        print(f"  {when:8s}{one:8.2f} s{two:8.2f} s{gain:7.2f} x")
    return figures


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every process once, not three times")
    parser.add_argument("--epochs", type=int, default=100, help="of each training (default %(default)s)")
    parser.add_argument("--rows", type=int, default=4000, help="of the table (default %(default)s)")
    parser.add_argument("--json", metavar="FILE", type=writable, help="also write the figures there")
    parser.add_argument("--measure", metavar="CASE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*json.loads(arguments.measure))))
        return
    facts = description("sklearn", "joblib")
    print_description(facts)
    figures = {"machine": facts, **compare(1 if arguments.quick else 3, arguments.epochs, arguments.rows)}
    write_json(arguments.json, figures)


if __name__ == "__main__":
    main()
