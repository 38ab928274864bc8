"""One training step and one inference in every engine that a user of a CPU could pick.

  python benchmarks/engines.py [--quick] [--engines NAME ...] [--networks NAME ...]
  python benchmarks/engines.py --rounds 3 --json FILE --plot FILE

nnscratch, PyTorch in both memory layouts, torch.compile, TensorFlow without and
with XLA, JAX, ONNX Runtime, OpenVINO, scikit-learn (the MLP alone): whichever is
installed (`pip install -e '.[bench]'`). The networks are the published ones and
the best recipe's, without dropout, with the same weights in all engines; ONNX
Runtime and OpenVINO run what nnscratch exports, and infer only. A step is one of
SGD with momentum and weight decay on the mean squared error.

Each engine runs each network in a process of its own (engine_process.py), in
turn, in several rounds; a figure is the median of the rounds, and x the best
other engine's time over nnscratch's. Every process starts without variables that
choose kernels for BLAS. The answers after the first step must be nnscratch's.

"MB added" is what the engine, the network and all batches add to the largest
resident size; "first step" begins before the engine is imported and ends with the
first step of the first batch, with whatever the engine has kept on disk from
earlier runs. An engine that fails or takes longer than --limit is a line below.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from engine_builders import ENGINES, nnscratch, random_batch
from engine_networks import NETWORKS, write_onnx
from engine_table import WORKS, Row, draw, tables
from machine import description, gemm_gflops, print_description

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.outputs import check_outputs, png, writable
from nnscratch.profiling.machine import start
from nnscratch.profiling.roof import roof
from nnscratch.profiling.table import wrapped

BATCHES = (1, 16, 100, 512)
SECONDS = 0.4  # for the calls of one work, in one round
# What makes an engine run another processor's kernels, or fewer threads than it would by itself.
UNSET = (
    "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "ATEN_CPU_CAPABILITY", "XLA_FLAGS",
    "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "NPY_DISABLE_CPU_FEATURES",
)  # fmt: skip
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
            | {name: statistics.median(each[key] for each in facts) for name, key in keys.items()}
            | {key: facts[-1][key] for key in ("version", "BLAS")}
            for (network, engine), facts in self.processes.items()
        ]


def run(found: Found, case: Case, request: Row, answers: np.ndarray, limit: float) -> None:
    """One process; what it says goes to `found`, and why it failed if it did."""
    network, engine = case
    lines, error = in_new_process(engine, request, limit)
    facts: Row = {}
    for line in lines:
        facts |= line
        if "answers" in line:
            difference = float(np.abs(np.subtract(line["answers"], answers)).max() / np.abs(answers).max())
            if not difference < _CLOSE:
                error = f"its answers differ by {difference:.1e} of the largest, expected {_CLOSE:.0e}"
                break
        for work in WORKS:
            if line.get(work) is not None:
                found.times[network, line["batch"], work, engine].append(line[work])
    if error:
        found.failures[case] = error
    elif facts["overrides"]:
        found.failures[case] = f"its process had {facts['overrides']}"
    else:
        found.processes[case].append(facts)


def in_new_process(engine: str, request: Row, limit: float) -> tuple[list[Row], str]:
    """The lines that engine_process.py printed, and in one line why it did not end well."""
    program = Path(__file__).with_name("engine_process.py")
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, str(program), json.dumps(request)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        # A session of its own, so that what the engine has started ends with it.
        process = subprocess.Popen(
            command, env=environment | dict(ENGINES[engine].environment), stdout=subprocess.PIPE, stderr=said,
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
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def expected(network: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """nnscratch's answers, before a step and after one."""
    model, (x, y) = NETWORKS[network](), random_batch(batch)
    steps = nnscratch(model, x, y)
    before = model.forward(x).copy()
    assert steps.train
    steps.train()
    return before, model.forward(x).copy()


def measure(arguments: Any, folder: Path) -> Found:
    """All rounds of all cases that are asked for, in turn."""
    found, files, answers = Found(), {}, {}
    for network in arguments.networks:
        answers[network] = expected(network, arguments.batches[0])
        if any(ENGINES[engine].from_onnx for engine in arguments.engines):
            files[network] = folder / f"{network}.onnx"
            write_onnx(NETWORKS[network](), files[network])
    for k in range(arguments.rounds):
        for network in arguments.networks:
            for engine in arguments.engines:
                chosen, case = ENGINES[engine], (network, engine)
                if case in found.failures or network not in (chosen.networks or NETWORKS):
                    continue
                command_line.show(f"round {k + 1} of {arguments.rounds}: {network}, {chosen.title}")
                request = {"engine": engine, "network": network, "batches": arguments.batches}
                request |= {"seconds": arguments.seconds, "onnx": str(files.get(network, ""))}
                run(found, case, request, answers[network][not chosen.from_onnx], arguments.limit)
    return found


def parse() -> Any:
    parser = command_line.Parser(__doc__)
    add = parser.add_argument
    add("--engines", nargs="+", choices=ENGINES, metavar="NAME", help=f"of {', '.join(ENGINES)} (default: all)")
    add("--networks", nargs="+", choices=NETWORKS, metavar="NAME", help=f"of {', '.join(NETWORKS)} (default: all)")
    add("--batches", nargs="+", type=command_line.whole_number, metavar="N", help=f"default: {_listed(BATCHES)}")
    command_line.add_number(parser, "--rounds", help="processes of each engine and network", default=3)
    command_line.add_number(parser, "--limit", help="seconds after which a process is ended", default=300)
    add("--quick", action="store_true", help="one round, a fifth of the calls; batches of 1 and 100 if none are given")
    add("--json", metavar="FILE", type=writable, help="also write the figures there")
    add("--plot", metavar="FILE", type=png, help="also draw them there, a PNG")
    arguments = parser.parse_args()
    arguments.seconds = SECONDS / 5 if arguments.quick else SECONDS
    arguments.rounds = 1 if arguments.quick else arguments.rounds
    batches = arguments.batches or ((1, 100) if arguments.quick else BATCHES)
    arguments.batches = sorted(set(batches))
    arguments.networks = list(dict.fromkeys(arguments.networks or NETWORKS))
    missing = {name: [each for each in engine.packages if not find_spec(each)] for name, engine in ENGINES.items()}
    asked = list(dict.fromkeys(arguments.engines or ENGINES))
    arguments.engines = [name for name in asked if not missing[name]]
    arguments.missing = {name: missing[name] for name in asked if missing[name]}
    check_outputs({"--json": arguments.json, "--plot": arguments.plot}, [])
    return arguments


def _listed(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def main() -> None:
    start()
    arguments = parse()
    highest = roof()
    facts = description() | {"roof": str(highest), "sgemm": f"{gemm_gflops(nn.get_threads()):.0f} GFLOP/s"}
    print_description(facts)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(arguments, Path(folder))
    rows, processes = found.rows(), found.process_rows()
    print(f"milliseconds, medians of {arguments.rounds} rounds")
    for line in tables(rows, processes, arguments.engines):
        print(line)
    print()
    for engine in arguments.engines:
        said = [each for each in processes if each["engine"] == engine]
        for each in said[-1:]:
            print("\n".join(wrapped(f"{ENGINES[engine].title} {each['version']}; BLAS: {each['BLAS']}")))
    lines = [f"{ENGINES[name].title}: not installed: {', '.join(packages)}" for name, packages in arguments.missing.items()]
    lines += [f"{ENGINES[engine].title}, {network}: {why}" for (network, engine), why in found.failures.items()]
    for line in lines:
        print("\n".join(wrapped(line)))
    failures = [{"network": network, "engine": engine, "why": why} for (network, engine), why in found.failures.items()]
    figures = {"machine": facts, "roof": asdict(highest), "rows": rows, "processes": processes, "failures": failures}
    write_json(arguments.json, figures)
    if arguments.plot:
        draw(rows, arguments.engines, f"{facts['processor']}, {facts['threads']} threads: time of one batch", arguments.plot)


if __name__ == "__main__":
    command_line.run(main)
