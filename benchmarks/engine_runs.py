"""Processes of engines, one after the other, and the medians of what they say."""

from __future__ import annotations

import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from engine_builders import ENGINES, KEEP_MEMORY
from engine_networks import NETWORKS
from engine_table import WORKS, Row

from nnscratch.profiling.machine import BLAS_OVERRIDES

# What makes an engine run another processor's kernels, or fewer threads than it would by itself.
UNSET = (
    "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "XLA_FLAGS",
    "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "NPY_DISABLE_CPU_FEATURES",
)  # fmt: skip
FAR = 2  # times the fastest other's time: an engine that takes longer will not be the fastest
_CLOSE = 1e-4  # of the answers, relative to the largest
Case = tuple[str, str]  # network, engine


@dataclass
class Found:
    """What all processes have said.

    times : (network, batch, work, engine) -> milliseconds, a number a round
    processes : (network, engine) -> a process's own facts, round by round
    failures : (network, engine) -> why there is no more of it, in one line
    """

    times: dict[tuple[str, int, str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    processes: dict[Case, list[Row]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[Case, str] = field(default_factory=dict)

    def competes(self, case: Case, batch: int) -> bool:
        """Whether more rounds could make it the fastest other at this batch; our own has all."""
        network, engine = case
        others = [name for name in ENGINES if name != "nnscratch"]
        for work in WORKS:
            times = {name: self.times.get((network, batch, work, name)) for name in others}
            fastest = min((min(each) for each in times.values() if each), default=0.0)
            if (own := times.get(engine)) and min(own) <= FAR * fastest:
                return True
        return engine == "nnscratch"

    def rows(self) -> list[Row]:
        """The medians, a row for each network, batch and work."""
        cells: dict[tuple[str, int, str], dict[str, list[float]]] = defaultdict(dict)
        for (*cell, engine), times in self.times.items():
            cells[tuple(cell)][engine] = times  # type: ignore[index]
        rows = []
        for (network, batch, work), rounds in cells.items():
            medians = {engine: statistics.median(times) for engine, times in rounds.items()}
            others = {engine: time for engine, time in medians.items() if engine != "nnscratch"}
            best, own = min(others, key=lambda engine: others[engine], default=None), medians.get("nnscratch")
            ratio = others[best] / own if best and own else None
            rows.append(
                {"network": network, "batch": batch, "work": work, "milliseconds": medians, "rounds": rounds,
                 "best_other": best, "ratio": ratio}
            )  # fmt: skip
        order = {work: k for k, work in enumerate(WORKS)}
        return sorted(rows, key=lambda row: (list(NETWORKS).index(row["network"]), order[row["work"]], row["batch"]))

    def process_rows(self) -> list[Row]:
        """Memory and first step, the medians; versions and BLAS of the last round."""
        keys = {"megabytes": "added_megabytes", "peak_megabytes": "peak_megabytes", "first_seconds": "first_seconds"}
        return [
            {"network": network, "engine": engine}
            | {name: known(statistics.median(each[key] for each in facts)) for name, key in keys.items()}
            | {key: facts[-1][key] for key in ("version", "BLAS")}
            for (network, engine), facts in self.processes.items()
        ]


def known(number: float) -> float | None:
    """None for NaN, which JSON does not have: a system that does not tell memory."""
    return None if math.isnan(number) else number


def run(found: Found, case: Case, request: Row, answers: np.ndarray, limit: float) -> None:
    """One process; what it says goes to `found`, and why it failed if it did.

    A process with fewer batches than the first says nothing of memory and of the first step.
    """
    network, engine = case
    lines, error = in_new_process(engine, request, limit)
    facts: Row = {"batches": request["batches"]}
    for line in lines:
        facts |= line
        if len(line.get("answers", ())) == len(answers):  # of the batch that nnscratch has answered
            difference = float(np.abs(np.subtract(line["answers"], answers)).max() / np.abs(answers).max())
            if not difference < _CLOSE:
                error = f"its answers differ by {difference:.1e} of the largest, expected {_CLOSE:.0e}"
                break
        for work in WORKS:
            if line.get(work) is not None:
                found.times[network, line["batch"], work, engine].append(line[work])
    if error:
        found.failures[case] = error
    elif all(before["batches"] == facts["batches"] for before in found.processes[case]):
        found.processes[case].append(facts)


def in_new_process(engine: str, request: Row, limit: float) -> tuple[list[Row], str]:
    """The lines that engine_process.py printed, and in one line why it did not end well."""
    program = Path(__file__).with_name("engine_process.py")
    environment = {name: value for name, value in os.environ.items() if name not in (*BLAS_OVERRIDES, *UNSET)}
    environment |= dict(ENGINES[engine].environment) | ({} if engine == "nnscratch" else KEEP_MEMORY)
    command = [sys.executable, str(program), json.dumps(request)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        # A session of its own, so that what the engine has started ends with it.
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=said,
            text=True, start_new_session=True,
        )  # fmt: skip
        error = ""
        try:
            out, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            end(process)
            out, error = process.communicate()[0], f"took longer than {limit:g} s"
        except BaseException:  # Ctrl-C: nothing may go on behind it
            end(process)
            raise
        said.seek(0)
        if process.returncode and not error:
            last = (said.read().strip().splitlines() or [f"exit status {process.returncode}"])[-1]
            error = last[:300]
    return [json.loads(line) for line in out.splitlines() if line.startswith("{") and line.endswith("}")], error


def end(process: subprocess.Popen[str]) -> None:
    """Ends a process and what it has started."""
    if hasattr(os, "killpg") and hasattr(signal, "SIGKILL"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
