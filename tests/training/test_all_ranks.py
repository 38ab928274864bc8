"""Ranks as MPI's processes, and their agreements as threads. A whole fit: test_fit_together.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.checks import NotFiniteError
from nnscratch.history import Outcome
from nnscratch.training import all_ranks as module
from nnscratch.training.all_ranks import Ranks
from tests.mpi import mpiexec
from tests.training.communicators import Aborted, on_ranks
from tests.training.small_training import RESUMED, After, Trained


def test_processes_of_mpi(tmp_path: Path) -> None:
    """Two starts only, because each takes seconds: numbers, checkpoints, and how a rank dies."""
    began = time.perf_counter()
    two = mpiexec(2, "tests/training/on_mpi.py", tmp_path, "kill")
    assert time.perf_counter() - began < 30
    assert two.stdout.startswith("all numbers agree\n"), two.stdout + two.stderr
    assert two.returncode != 0
    assert "traceback" not in two.stderr.lower()
    assert nn.load(tmp_path / "model.npz").predict(np.zeros((1, 4), np.float32)).shape == (1, 1)  # the document's
    kept = Trained(epochs=100_000, checkpoint=tmp_path / "last.npz", stop=After(0))
    assert len(kept.history) >= 3  # the fourth may have been half written

    # What two have left, four go on with; what four have left, one.
    (tmp_path / "behind.npz").replace(tmp_path / "before.npz")
    four = mpiexec(4, "tests/training/on_mpi.py", tmp_path, "raise")
    assert four.stdout.startswith("all numbers agree\n"), four.stdout + four.stderr
    assert four.returncode != 0
    line = "rank 1 of 4: RuntimeError: the end of this rank; all ranks end, and the last checkpoint stays"
    assert [each for each in four.stderr.splitlines() if each.startswith("rank")] == [line]
    one = Trained(**RESUMED, checkpoint=tmp_path / "behind.npz")
    assert one.history.outcome is Outcome.ALL_EPOCHS
    assert one.difference(Trained(**RESUMED)) < 1e-10


def test_shares_are_next_to_one_another_and_differ_by_one_row_at_most() -> None:
    ranks = Ranks(None)
    for ranks.size in (1, 2, 3, 7):
        for rows in (0, 1, 5, 7, 100):
            shares = []
            for rank in range(ranks.size):
                ranks.rank = rank
                shares.append(ranks.share(rows))
                assert ranks.share_or_one(rows).stop > ranks.share_or_one(rows).start
            assert [row for share in shares for row in range(rows)[share]] == list(range(rows))
            sizes = [share.stop - share.start for share in shares]
            assert max(sizes) - min(sizes) <= 1


def test_the_first_ranks_result_and_the_first_error_are_everybodys() -> None:
    def work(communicator: Any) -> list[Any]:
        ranks = Ranks(communicator)
        rank = ranks.rank

        def fail(error: Exception) -> str:
            if rank > 0:
                raise error
            return "fine"

        found: list[Any] = [ranks.agreed(lambda: rank), ranks.from_first(lambda: [rank]), ranks.all_of([rank, "x"])]
        for error in (ValueError(f"no {rank}"), NotFiniteError("inf"), OSError(28, "full"), Unpicklable("a lock")):
            try:
                ranks.agreed(lambda error=error: fail(error))
            except Exception as raised:
                found.append((type(raised), str(raised)))
        return found

    zero, one, two = on_ranks(3, work)
    assert zero[:3] == [0, [0], [0, "x", 1, "x", 2, "x"]]
    assert zero[3:] == [
        (ValueError, "rank 1: no 1"), (NotFiniteError, "rank 1: inf"), (OSError, "[Errno 28] full"),
        (ValueError, "rank 1: Unpicklable: a lock"),
    ]  # fmt: skip
    assert one == two == [*zero[:-1], (Unpicklable, "rank 1: a lock")]


class Unpicklable(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("cannot travel")


def test_predictions_are_computed_by_all_and_known_to_all() -> None:
    model = nn.Sequential(nn.Dense(3, 2, rng=0)).astype(np.float64)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 3))
    for rows in (5, 2):  # of three ranks, one has nothing to do
        expected = model.predict(x[:rows])
        for answer in on_ranks(3, lambda c, rows=rows: Ranks(c).predict(model, x[:rows])):
            np.testing.assert_allclose(answer, expected, rtol=1e-14)
    wrong = on_ranks(2, lambda c: Ranks(c).predict(model, x if c.Get_rank() else x[:, :2]))
    assert all(isinstance(error, ValueError) for error in wrong)


@pytest.mark.parametrize(
    ("machines", "cores", "threads"),
    [
        (["a", "a"], [{0, 1, 2, 3}] * 2, [2, 2]),
        (["a", "b"], [{0, 1, 2, 3}] * 2, [4, 4]),
        (["a", "a"], [{0, 1}, {2, 3}], [2, 2]),  # the launcher has given each its own
        (["a"] * 8, [{0, 1, 2, 3}] * 8, [1] * 8),
        (["a", "b", "b"], [{0, 1, 2, 3, 4, 5}] * 3, [6, 3, 3]),
    ],
)
def test_ranks_on_a_machine_share_its_cores(
    machines: list[str], cores: list[set[int]], threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for rank, expected in enumerate(threads):
        ranks = Ranks(None)
        ranks.size = len(machines)
        everybody = list(zip(machines, map(frozenset, cores), strict=True))
        monkeypatch.setattr(module, "_machine", lambda rank=rank: machines[rank])
        monkeypatch.setattr(module, "_cores", lambda rank=rank: frozenset(cores[rank]))
        monkeypatch.setattr(module, "get_threads", lambda rank=rank: len(cores[rank]))
        monkeypatch.setattr(module, "available_cores", lambda rank=rank: len(cores[rank]))
        monkeypatch.setattr(ranks, "gathered", lambda value, everybody=everybody: everybody)
        assert ranks.threads() == expected
        monkeypatch.setattr(module, "get_threads", lambda: 3 if len(cores[0]) != 3 else 5)
        assert ranks.threads() in (3, 5)  # what somebody asked for


def test_what_leaves_the_block_early_ends_all(capfd: pytest.CaptureFixture[str]) -> None:
    def work(communicator: Any) -> None:
        ranks = Ranks(communicator)
        with ranks.together():
            ranks.have_begun = True
            if ranks.rank == 1:
                raise SystemExit(3)
            ranks.gathered(1)

    assert all(isinstance(end, Aborted) for end in on_ranks(2, work))
    assert capfd.readouterr().err == "rank 1 of 2: SystemExit: 3; all ranks end, and the last checkpoint stays\n"


def test_one_rank_alone_raises_its_errors_as_they_are() -> None:
    ranks = Ranks(None)
    with pytest.raises(ZeroDivisionError), ranks.together():
        ranks.agreed(lambda: 1 // 0)
    ranks.end_all(ValueError("nothing to end"))
    ranks.wait()
    assert ranks.threads() >= 1


def test_whoever_waits_for_rank_0_sleeps() -> None:
    class Request:
        def Test(self) -> bool:
            left.pop()
            return not left

    class WithBarrier:
        def Get_rank(self) -> int:
            return 0

        def Get_size(self) -> int:
            return 2

        def Ibarrier(self) -> Request:
            return Request()

        Allreduce = allgather = Abort = Get_size

    left = [1, 2, 3]
    Ranks(WithBarrier()).wait()  # type: ignore[arg-type]
    assert not left
