"""How many ranks pay: what a step costs on 1, 2 and 4 ranks, and what it would cost on more.

  python benchmarks/ranks.py [--quick] [--json FILE] [--picture FILE]

Needs the extra `mpi`, and mpiexec. Measures the sum over ranks (Allreduce) for messages
of all sizes, and whole training steps at a batch of 128 as `Trainer(communicator=...)`
takes them; each number of ranks is a start of mpiexec of its own. From the steps of one
process and the messages it predicts the steps of several:

  t(n) = a + b * 128/n rows, on cores/ranks + pack(bytes) + Allreduce(bytes, n)

and prints them beside the measured ones. With more ranks than cores, ranks take turns on
a core. Then the same for networks of machines like this one, of which it is assumed that
an Allreduce takes 2 log2(n) latency + 2 (n-1)/n bytes / bandwidth (Rabenseifner, 2004).
A number of machines "pays" if each doubling up to it makes a step 1.25 times as fast.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from engine_builders import SGD, random_batch
from engine_networks import PUBLISHED as NETWORKS
from machine import description, print_description
from rank_model import BATCH, COUNTS, NETS, Row, pays_up_to, predicted, speed_ups

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.kernels.thread_shares import share_of_threads
from nnscratch.keypoints.scripts.outputs import png, writable
from nnscratch.pictures import BLACK, PALETTE, new_figure, save
from nnscratch.profiling.clock import ratio
from nnscratch.profiling.machine import start
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.fit_together import FitTogether
from nnscratch.training.step import Step

RANKS = (1, 2, 4)
SIZES = (32, 1 << 12, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24)  # bytes of a message


def network_step(name: str, rows: int, communicator: Any) -> tuple[Callable[[], object], nn.Sequential]:
    """One step of training on a batch of `rows`, shared with all ranks, and its network."""
    batch, model = random_batch(rows), NETWORKS[name]()
    optimizer = nn.SGD(model, **SGD)
    step = Step(model, nn.MSELoss(), optimizer, together=FitTogether(Ranks(communicator), optimizer))
    return lambda: step.take(batch), model


def seconds_of(works: list[Callable[[], object]], seconds: float, world: Any = None) -> list[list[float]]:
    """Seconds of each work, in turn, of as many rounds as fit into `seconds`, at least 5.

    All ranks meet before each. Two rounds before do not count.
    """
    rounds: list[list[float]] = []
    most = 5
    while len(rounds) < most + 2:
        rounds.append([])
        for work in works:
            if world is not None:
                world.Barrier()
            began = time.perf_counter()
            work()
            rounds[-1].append(time.perf_counter() - began)
        if len(rounds) == 2:
            one = sum(rounds[1]) if world is None else world.bcast(sum(rounds[1]))
            most = int(np.clip(seconds / one, 5, 200))
    return [list(column) for column in zip(*rounds[2:], strict=True)]


def fastest(work: Callable[[], object], seconds: float, world: Any = None) -> float:
    """The fastest call, of the slowest rank: whatever else runs on the machine only adds."""
    own = min(seconds_of([work], seconds, world)[0])
    return own if world is None else max(world.allgather(own))


def measure(seconds: float) -> Row:
    """On every rank: seconds of messages and steps; how steps that send by layer compare."""
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    ranks, found = Ranks(world), {"allreduce": {}, "step": {}, "overlapped": {}}
    with share_of_threads(ranks.threads()):
        for size in SIZES:
            own, total = np.ones(size // 4, np.float32), np.empty(size // 4, np.float32)
            found["allreduce"][str(size)] = fastest(partial(world.Allreduce, own, total), seconds, world)
        for name in NETWORKS:
            steps = [network_step(name, BATCH, world)[0], overlapped_step(name, world)]
            # By itself first: in turn, each finds the other's numbers in the caches.
            found["step"][name] = fastest(steps[0], seconds, world)
            one_sum, by_layer = seconds_of(steps, 2 * seconds, world)
            found["overlapped"][name] = ratio(by_layer, one_sum)
    return found


def overlapped_step(name: str, world: Any) -> Callable[[], object]:
    """The other way: each stage's gradients are sent while the stages before it go backward."""
    ranks = Ranks(world)
    rows = ranks.share(BATCH)
    x, y = (array[rows] for array in random_batch(BATCH))
    model, loss, sent = NETWORKS[name](), nn.MSELoss(), []
    optimizer = nn.SGD(model, **SGD)
    totals: dict[tuple[int, str], np.ndarray] = {}

    def send(stage: Any, direction: str, seconds: float) -> None:
        if direction == "backward":
            for one, name in ((layer, name) for layer in stage.layers for name in layer.grads):
                dw = np.ascontiguousarray(one.grads[name])
                total = totals.setdefault((id(one), name), np.empty_like(dw))
                sent.append((world.Iallreduce(dw, total), dw, total))
            for request, *_ in sent:
                request.Test()  # MPI goes on only while it is called

    def step() -> None:
        loss.forward(model.forward(x, training=True), y)
        model.time_stages(send)
        model.backward(loss.backward())
        for request, dw, total in sent:
            request.Wait()
            np.multiply(total, np.float32(1 / ranks.size), out=dw)
        sent.clear()
        optimizer.step()

    return step


def alone(seconds: float) -> Row:
    """In one process: seconds of steps by rows and threads; of packing; bytes of the gradients."""
    found: Row = {"compute": {}, "pack": {}, "bytes": {}}
    cores = nn.get_threads()
    for name in NETWORKS:
        for rows in (BATCH // n for n in COUNTS):
            step, model = network_step(name, rows, None)
            for threads in sorted({1, cores}):
                with share_of_threads(threads):
                    found["compute"][f"{name}, {rows} rows, {threads} threads"] = fastest(step, seconds / 3)
        gradients = [dw for layer in model.layers for dw in layer.grads.values()]
        own = np.empty(sum(dw.size for dw in gradients), np.float32)

        def pack(own: np.ndarray = own, gradients: list[np.ndarray] = gradients) -> None:
            """There and back again, as FitTogether does."""
            for back in (False, True):
                at = 0
                for dw in gradients:
                    part = own[at : at + dw.size].reshape(dw.shape)
                    np.multiply(*((part, np.float32(1), dw) if back else (dw, np.float32(1), part)))
                    at += dw.size

        found["pack"][name], found["bytes"][name] = fastest(pack, seconds), own.nbytes
    return found


def in_new_process(ranks: int, what: str, seconds: float) -> Row:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    launcher = shutil.which("mpiexec", path=path)
    if launcher is None or find_spec("mpi4py") is None:
        print("ranks.py: error: got no mpi4py or no mpiexec, expected both; pip install mpi4py mpich", file=sys.stderr)
        raise SystemExit(2)
    command = [launcher, "-n", str(ranks)] if what == "measure" else []
    command += [sys.executable, __file__, "--part", json.dumps([what, seconds])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: Row = json.loads(done.stdout)
    return figures


def print_measured(facts: Row, cores: int) -> None:
    print(f"\nAllreduce, ms{'':12s}" + "".join(f"{ranks:>10d} ranks" for ranks in RANKS[1:]))
    for size in SIZES:
        row = "".join(f"{1e3 * facts[str(ranks)]['allreduce'][str(size)]:16.3f}" for ranks in RANKS[1:])
        print(f"  {size:>12,d} bytes     {row}")
    print(f"\nstep of {BATCH} rows, ms: measured (predicted, measured / predicted); layer by layer: times that")
    for name in NETWORKS:
        print(f"  {name}, gradients of {facts['alone']['bytes'][name] / 1e6:.2f} MB")
        for ranks in RANKS:
            own, guess = facts[str(ranks)]["step"][name], predicted(facts, name, ranks, cores)
            line = (
                f"    {ranks} rank{'s' if ranks > 1 else ' '}{1e3 * own:9.2f} ({1e3 * guess:8.2f}, {own / guess:5.2f})"
            )
            print(f"{line}{facts[str(ranks)]['overlapped'][name]:12.2f}" if ranks > 1 else line)


def print_speed_ups(found: dict[str, dict[str, list[float]]]) -> None:
    for net, networks in found.items():
        latency, bandwidth = NETS[net]
        print(f"\n{net}, assumed: {1e6 * latency:.0f} us a message, {bandwidth / 1e9:.3g} GB/s; t(1) / t(n)")
        print(f"  {'machines':18s}" + "".join(f"{n:7d}" for n in COUNTS) + "    pays up to")
        for name, row in networks.items():
            print(f"  {name:18s}" + "".join(f"{each:7.2f}" for each in row) + f"{pays_up_to(row):8d}")


def draw(facts: Row, found: dict[str, dict[str, list[float]]], cores: int, path: Path) -> None:
    """Times as fast as one rank: here, measured and predicted, and on networks of machines."""
    figure = new_figure(11, 4.5)
    axes = figure.subplots(1, len(found) + 1, sharey=True)
    for color, marker, name in zip(PALETTE, "so^D", NETWORKS, strict=False):
        one, first = facts["1"]["step"][name], predicted(facts, name, 1, cores)
        axes[0].plot(RANKS, [one / facts[str(n)]["step"][name] for n in RANKS], color=color, marker=marker, label=name)
        axes[0].plot(RANKS, [first / predicted(facts, name, n, cores) for n in RANKS], color=color, linestyle=":")
        for axis, networks in zip(axes[1:], found.values(), strict=True):
            axis.plot([2**k for k in range(len(networks[name]))], networks[name], color=color, marker=marker)
    titles = ["this machine (dotted: predicted)", *(f"{net}, predicted" for net in found)]
    for axis, title in zip(axes, titles, strict=True):
        axis.axhline(1, color=BLACK, linewidth=0.8)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log", base=2)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set(title=title, xlabel="ranks")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("times as fast as one rank")
    axes[0].legend()
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="half a second for each figure, not three")
    parser.add_argument("--json", metavar="FILE", type=writable, help="also write the figures there")
    parser.add_argument("--picture", metavar="FILE", type=png, help="also draw them there, a .png")
    parser.add_argument("--part", metavar="CASE", help=argparse.SUPPRESS)
    if "--part" not in sys.argv:
        start()
    arguments = parser.parse_args()
    if arguments.part:
        what, seconds = json.loads(arguments.part)
        found = measure(seconds) if what == "measure" else alone(seconds)
        if what != "measure" or Ranks(sys.modules["mpi4py.MPI"].COMM_WORLD).is_first:
            print(json.dumps(found))
        return
    print_description(machine := description())
    seconds, cores = 0.5 if arguments.quick else 3.0, nn.get_threads()
    facts: Row = {"machine": machine, "alone": in_new_process(1, "alone", seconds)}
    facts |= {str(ranks): in_new_process(ranks, "measure", seconds) for ranks in RANKS}
    print_measured(facts, cores)
    print_speed_ups(found := speed_ups(facts, NETWORKS, cores))
    if arguments.picture:
        draw(facts, found, cores, arguments.picture)
    write_json(arguments.json, facts | {"speed_ups": found})


if __name__ == "__main__":
    main()
