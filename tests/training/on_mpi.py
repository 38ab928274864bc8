"""What test_all_ranks.py starts on several processes: `on_mpi.py FOLDER END`.

Trains on all ranks what each trains alone, too, and compares; goes on from FOLDER/before.npz and
leaves FOLDER/behind.npz, both checkpoints of a training that was stopped. Then one rank ends as
END says: "kill" itself, or "raise" an error.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from mpi4py import MPI

import nnscratch as nn
from nnscratch.kernels.cores import available_cores
from nnscratch.kernels.threads import get_threads
from tests.training.small_training import RESUMED, WEIGHTS, After, Trained

DOCUMENT = Path(__file__).parents[2] / "docs" / "several_machines.md"
CASES: list[dict[str, Any]] = [
    {"sample_weight": WEIGHTS, "clip_norm": 0.05},
    {"batch_size": 3, "optimizer": lambda model: nn.Adam(model, lr=0.01)},
    RESUMED,
]


def main(folder: Path, end: str) -> None:
    world = MPI.COMM_WORLD
    for case in CASES:
        difference = Trained(world, **case).difference(Trained(**case))
        assert difference < 1e-10, (difference, case)
    if (folder / "before.npz").exists():
        assert Trained(world, **RESUMED, checkpoint=folder / "before.npz").difference(Trained(**RESUMED)) < 1e-10
    stop = {"stop": After(9)} if world.Get_rank() == 1 else {}
    stopped = Trained(world, **RESUMED, checkpoint=folder / "behind.npz", **stop)
    assert stopped.history.outcome is nn.Outcome.INTERRUPTED
    with pytest.raises(ValueError, match="^rank 1: fit: got batch_size 7, expected 8"):
        Trained(world, batch_size=7 if world.Get_rank() == 1 else 8)

    if world.Get_size() == 2:
        os.chdir(folder)
        (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
        exec(program, {"__name__": "__main__"})
    threads: list[int] = []
    Trained(world, epochs=1, callbacks=[lambda trainer, history: threads.append(get_threads())])
    assert threads == [max(1, available_cores() // world.Get_size())], threads

    def last(trainer: nn.Trainer, history: nn.History) -> None:
        if len(history) == 5 and world.Get_rank() == 1:
            if end == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("the end of this rank")

    if world.Get_rank() == 0:
        print("all numbers agree", flush=True)
    Trained(world, epochs=100_000, checkpoint=folder / "last.npz", callbacks=[last])


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except BaseException:
        traceback.print_exc()
        MPI.COMM_WORLD.Abort(1)  # otherwise the other ranks wait for this one for ever
