"""How cost grows: time with the batch and with the threads, memory beside PyTorch.

  python benchmarks/scaling.py [--quick] [--json FILE]

Every figure comes from a new process that repeats one training step: the median
time, and by how much the network and its steps raised the largest resident size.
The processes take turns, and the median over them counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from engine_builders import nnscratch, pytorch, random_batch
from engine_networks import NETWORKS
from engine_process import peak_megabytes
from engine_runs import known
from machine import description, print_description

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.keypoints.scripts.outputs import writable
from nnscratch.profiling.clock import milliseconds
from nnscratch.profiling.machine import start

CONVOLUTIONAL = ["report CNN", "report large CNN", "kfkd net2"]
BATCHES = (16, 32, 64, 128, 256, 512, 1024)
MEMORY_BATCH = 128


def measure(network: str, batch: int, threads: int, library: str) -> dict[str, float]:
    """In this process: milliseconds per step, and the megabytes that network and steps take."""
    nn.set_threads(threads)
    if library != "nnscratch":
        import_module("torch")
    imported = peak_megabytes()
    x, y = random_batch(batch)
    model = NETWORKS[network]()
    step, _ = nnscratch(model, x, y) if library == "nnscratch" else pytorch(model, x, y, library)
    assert step
    times = [milliseconds(step) for _ in range(max(8, 3000 // batch))]
    return {"milliseconds": statistics.median(times[len(times) // 4 :]), "megabytes": peak_megabytes() - imported}


def in_new_processes(cases: list[tuple[str, int, int, str]], repeats: int) -> list[dict[str, float]]:
    """`measure` of every case, in turn, `repeats` times; the medians."""
    rounds = []
    for _ in range(repeats):
        commands = [[sys.executable, __file__, "--measure", json.dumps(case)] for case in cases]
        done = [subprocess.run(command, capture_output=True, text=True, check=True) for command in commands]
        rounds.append([json.loads(process.stdout) for process in done])
    return [{key: statistics.median(row[key] for row in rows) for key in rows[0]} for rows in zip(*rounds, strict=True)]


def batches(network: str, repeats: int) -> dict[str, object]:
    """Fits cost = a + b * batch by least relative errors; returns each point's distance, too."""
    figures = in_new_processes([(network, batch, nn.get_threads(), "nnscratch") for batch in BATCHES], repeats)
    times = np.array([row["milliseconds"] for row in figures])
    columns = np.stack([np.ones(len(BATCHES)), np.array(BATCHES)], axis=1)
    line = np.linalg.lstsq(columns / times[:, np.newaxis], np.ones(len(times)), rcond=None)[0]
    away = times / (columns @ line) - 1
    print(f"\n{network}: {line[0]:.2f} ms + {1e3 * line[1]:.1f} us per image")
    for batch, time, distance in zip(BATCHES, times, away, strict=True):
        print(f"  batch {batch:5d} {time:9.2f} ms {1e3 * time / batch:8.1f} us per image, {distance:+.0%} of the line")
    return {"network": network, "batches": BATCHES, "milliseconds": times.tolist(), "away": away.tolist()}


def threads(repeats: int) -> dict[str, float]:
    cases = [(network, 100, count, "nnscratch") for network in CONVOLUTIONAL for count in (1, nn.get_threads())]
    figures = [row["milliseconds"] for row in in_new_processes(cases, repeats)]
    ratios = {}
    print(f"\ntraining step, batch 100, 1 thread and {nn.get_threads()}")
    for network, one, all_ in zip(CONVOLUTIONAL, figures[::2], figures[1::2], strict=True):
        ratios[network] = one / all_
        print(f"  {network:18s}{one:8.2f} ms {all_:8.2f} ms {ratios[network]:6.2f} x")
    return ratios


def memory(repeats: int) -> dict[str, float | None]:
    libraries = ["nnscratch"] + ["contiguous_format", "channels_last"] * bool(find_spec("torch"))
    cases = [("kfkd net2", MEMORY_BATCH, nn.get_threads(), library) for library in libraries]
    peaks = [row["megabytes"] for row in in_new_processes(cases, repeats)]
    print(f"\nkfkd net2, batch {MEMORY_BATCH}: what the network and its steps add to the resident size")
    for library, peak in zip(libraries, peaks, strict=True):
        print(f"  {library:18s}{peak:8.0f} MB, of which ours is {peaks[0] / peak:.2f}")
    return {library: known(peak) for library, peak in zip(libraries, peaks, strict=True)}


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every process once, not three times")
    parser.add_argument("--json", metavar="FILE", type=writable, help="also write the figures there")
    parser.add_argument("--measure", metavar="CASE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*json.loads(arguments.measure))))
        return
    repeats = 1 if arguments.quick else 3
    facts = description(*["torch"] * bool(find_spec("torch")))
    print_description(facts)
    figures = {"machine": facts, "memory": memory(repeats), "threads": threads(repeats)}
    figures["batches"] = [batches(network, repeats) for network in ("report CNN", "kfkd net2")]
    write_json(arguments.json, figures)


if __name__ == "__main__":
    main()
