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
choose kernels for BLAS. The answers after the first step must be nnscratch's. A
batch at which another engine took more than twice as long as the fastest other,
step and inference alike, is not tried again in the rounds behind the first.

"MB added" is what the engine, the network and all batches add to the largest
resident size; "first step" begins before the engine is imported and ends with the
first step of the first batch, with whatever the engine has kept on disk from
earlier runs. An engine that fails or takes longer than --limit is a line below.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from engine_builders import ENGINES, nnscratch, random_batch
from engine_networks import NETWORKS, write_onnx
from engine_runs import Found, run
from engine_table import draw, markdown, tables
from machine import beside_the_roof, description, print_description

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.outputs import check_outputs, png, writable
from nnscratch.profiling.machine import start
from nnscratch.profiling.roof import roof
from nnscratch.profiling.table import counted, wrapped

BATCHES = (1, 16, 100, 512)
SECONDS = 0.3  # for the calls of one work, in one round


def expected(network: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """nnscratch's answers, before a step and after one."""
    model, (x, y) = NETWORKS[network](), random_batch(batch)
    steps = nnscratch(model, x, y)
    before = model.forward(x).copy()
    assert steps.train
    steps.train()
    return before, model.forward(x).copy()


def measure(arguments: Any, folder: Path, found: Found) -> None:
    """All rounds of all cases that are asked for, in turn; what is found goes to `found`."""
    files, answers = {}, {}
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
                batches = [size for size in arguments.batches if k == 0 or found.competes(case, size)]
                if batches:
                    request = {"engine": engine, "network": network, "batches": batches}
                    request |= {"seconds": arguments.seconds, "onnx": str(files.get(network, ""))}
                    run(found, case, request, answers[network][not chosen.from_onnx], arguments.limit)


def parse() -> Any:
    parser = command_line.Parser(__doc__)
    add = parser.add_argument
    add("--engines", nargs="+", choices=ENGINES, metavar="NAME", help=f"of {', '.join(ENGINES)} (default: all)")
    add("--networks", nargs="+", choices=NETWORKS, metavar="NAME", help=f"of {', '.join(NETWORKS)} (default: all)")
    add("--batches", nargs="+", type=command_line.whole_number, metavar="N", help=f"default: {_listed(BATCHES)}")
    command_line.add_number(parser, "--rounds", help="processes of each engine and network", default=3)
    command_line.add_number(parser, "--limit", help="seconds after which a process is ended", default=300)
    add("--quick", action="store_true", help="one round, a fifth of the calls; batches of 1 and 100 if none are given")
    add("--markdown", action="store_true", help="also print the last table as Markdown, for docs/results.md")
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


def print_found(found: Found, arguments: Any) -> None:
    """The tables, then each engine's version and BLAS, then what is missing or has failed."""
    print(f"milliseconds, medians of {counted(arguments.rounds, 'round')}")
    processes = found.process_rows()
    for line in tables(found.rows(), processes, arguments.engines):
        print(line)
    if arguments.markdown:
        print("", *markdown(found.rows()), sep="\n")
    last = {each["engine"]: f"{each['version']}; BLAS: {each['BLAS']}" for each in processes}
    notes = [f"{ENGINES[engine].title} {said}" for engine, said in last.items()]
    notes += [f"{ENGINES[name].title}: not installed: {', '.join(each)}" for name, each in arguments.missing.items()]
    notes += [f"{ENGINES[engine].title}, {network}: {why}" for (network, engine), why in found.failures.items()]
    print()
    for note in notes:
        print("\n".join(wrapped(note)))


def main() -> None:
    start()
    arguments = parse()
    highest = roof()
    facts = description() | {"product": beside_the_roof(highest)}
    print_description(description())
    for line in (f"roof: {highest}", facts["product"]):
        print("\n".join(wrapped(str(line))))
    print(flush=True)
    found = Found()
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(arguments, Path(folder), found)
    finally:  # Ctrl-C, too, leaves what has been measured so far
        print_found(found, arguments)
    rows = found.rows()
    failures = [{"network": network, "engine": engine, "why": why} for (network, engine), why in found.failures.items()]
    figures = {"machine": facts, "roof": asdict(highest), "rows": rows}
    write_json(arguments.json, figures | {"processes": found.process_rows(), "failures": failures})
    if arguments.plot:
        title = f"{facts['processor']}, {counted(nn.get_threads(), 'thread')}: time of one batch"
        draw(rows, arguments.engines, title, arguments.plot)


if __name__ == "__main__":
    command_line.run(main)
