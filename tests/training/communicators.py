"""Ranks that are threads: the logic of several without MPI."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np


class Aborted(BaseException):
    """A rank has ended all."""


class ThreadCommunicator:
    """One rank of several that are threads; calls of all must be the same, as MPI's must."""

    def __init__(self, rank: int, shared: _Shared) -> None:
        self.rank, self.shared = rank, shared
        self.calls: list[str] = []

    def Get_rank(self) -> int:
        return self.rank

    def Get_size(self) -> int:
        return self.shared.size

    def allgather(self, sendobj: Any, /) -> list[Any]:
        texts = self._exchanged("allgather", pickle.dumps(sendobj))
        return [pickle.loads(text) for text in texts]

    def Allreduce(self, sendbuf: np.ndarray, recvbuf: np.ndarray, /) -> None:
        total = sum(self._exchanged(f"Allreduce {sendbuf.size} {sendbuf.dtype}", sendbuf.copy()))
        np.copyto(recvbuf, total)

    def Abort(self, errorcode: int = 1, /) -> None:
        self.shared.aborts.append((self.rank, errorcode))
        self.shared.barrier.abort()
        raise Aborted(errorcode)

    def _exchanged(self, call: str, value: Any) -> list[Any]:
        self.calls.append(call)
        self.shared.values[self.rank] = call, value
        try:
            self.shared.barrier.wait(timeout=20)
            calls, values = zip(*self.shared.values, strict=True)
            self.shared.barrier.wait(timeout=20)
        except threading.BrokenBarrierError:
            raise Aborted("another rank has ended all, or waits for ever") from None
        assert len(set(calls)) == 1, f"a deadlock: {calls}"
        return list(values)


class _Shared:
    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = threading.Barrier(size)
        self.values: list[Any] = [None] * size
        self.aborts: list[tuple[int, int]] = []


def on_ranks(size: int, work: Callable[[ThreadCommunicator], Any]) -> list[Any]:
    """What work(communicator) gives or raises on each of `size` ranks."""
    shared = _Shared(size)

    def one(rank: int) -> Any:
        try:
            return work(ThreadCommunicator(rank, shared))
        except BaseException as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size)))
