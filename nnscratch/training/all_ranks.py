"""Ranks: the processes that train one network together, on one machine or on several.

MPI starts n processes of one program; each has a number, its rank, from 0 to n - 1. What they do
together, all of them must do, in one order: whoever waits for a rank that went another way waits
for ever. So everything here keeps them on one way: an error of one becomes an error of all, or ends
all, and what only one may decide or write, rank 0 does.

The communicator is whatever has the methods of mpi4py's, which this library never imports:
`mpi4py.MPI.COMM_WORLD`, a part of it, or a double for tests.
"""

from __future__ import annotations

import os
import pickle
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from nnscratch.checks import NotFiniteError
from nnscratch.kernels.cores import available_cores
from nnscratch.kernels.thread_shares import share_of_threads
from nnscratch.kernels.threads import get_threads
from nnscratch.messages import printable
from nnscratch.training.communicator import Communicator, checked_communicator

if TYPE_CHECKING:
    import numpy as np

    from nnscratch.model import Sequential

_SECONDS_ASLEEP = 0.001  # at a time, while another rank works
_LONGEST = 200  # characters of an error in the line that ends all ranks

_T = TypeVar("_T")
_P = ParamSpec("_P")


class Ranks:
    """All ranks of a communicator, seen from one of them.

    communicator : of mpi4py, or what has its methods; None: this process is alone

    Attributes
        rank, size : the number of this process, and how many there are: 0 and 1 if it is alone

    Raises
        ValueError : no communicator

    >>> ranks = Ranks(None)
    >>> ranks.rank, ranks.size, ranks.share(100)
    (0, 1, slice(0, 100, None))
    """

    def __init__(self, communicator: Communicator | None) -> None:
        self.communicator = communicator = checked_communicator(communicator)
        self.rank = 0 if communicator is None else int(communicator.Get_rank())
        self.size = 1 if communicator is None else int(communicator.Get_size())
        self.have_begun = False  # past the checks before the first step
        self._known: BaseException | None = None  # an error that all ranks raise

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which shows, writes and decides for all."""
        return self.rank == 0

    @property
    def are_several(self) -> bool:
        """Whether there is somebody to talk to."""
        return self.size > 1

    def share(self, rows: int) -> slice:
        """This rank's rows of a batch: next to those of the rank before; none if there are too few.

        >>> three = Ranks(None)
        >>> three.size = 3
        >>> for three.rank in range(3):
        ...     print(three.share(8))
        slice(0, 2, None)
        slice(2, 5, None)
        slice(5, 8, None)
        """
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def share_or_one(self, rows: int) -> slice:
        """As `share`; one row that somebody else has, too, if the share is empty."""
        share = self.share(rows)
        return share if share.stop > share.start else slice(0, 1)

    def gathered(self, value: _T) -> list[_T]:
        """The values of all ranks, in their order."""
        return [value] if self.communicator is None or self.size == 1 else self.communicator.allgather(value)

    def agreed(self, function: Callable[[], _T]) -> _T:
        """What function() gives on rank 0, after every rank has called it.

        Raises
            Exception : what it raised on a rank, the lowest of them, is raised on all
        """
        return self._settled(*_tried(function)) if self.are_several else function()  # type: ignore[return-value]

    def alike(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What function(...) gives on this rank; an error of one is raised on all (`agreed`)."""
        if not self.are_several:
            return function(*args, **kwargs)
        result, error = _tried(lambda: function(*args, **kwargs))
        self.raise_of_all(error)
        return result  # type: ignore[return-value]

    def from_first(self, function: Callable[[], _T]) -> _T:
        """What function() gives on rank 0, which alone calls it; its error is raised on all.

        The others sleep meanwhile: it may take a while, and whoever waits in MPI takes a core.
        """
        if not self.are_several:
            return function()
        result, error = _tried(function) if self.is_first else (None, None)
        self.wait()
        return self._settled(result, error, named=False)  # type: ignore[return-value]

    def wait(self) -> None:
        """Returns when all ranks have come here; sleeps meanwhile, if the communicator lets it."""
        if not self.are_several or (barrier := getattr(self.communicator, "Ibarrier", None)) is None:
            return
        request = barrier()
        while not request.Test():
            time.sleep(_SECONDS_ASLEEP)

    def all_of(self, values: list[_T]) -> list[_T]:
        """The values of all ranks in one list."""
        return [value for each in self.gathered(values) for value in each]

    def predict(self, model: Sequential, x: np.ndarray) -> np.ndarray:
        """`model.predict(x)` on every rank, of which each has computed its share."""
        if not self.are_several:
            return model.predict(x)
        import numpy as np

        own = x[self.share(len(x))]
        answer = self.alike(lambda: model.predict(own) if len(own) else None)
        return np.concatenate([part for part in self.gathered(answer) if part is not None])

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block that all ranks run: an error that one raises alone ends all of them.

        Before `have_begun` is set the others wait for what this rank finds (`agreed`): they raise
        its error, too. Kernels inside use this rank's share of the cores.
        """
        if not self.are_several:
            yield
            return
        self.have_begun = False
        try:
            with share_of_threads(self.threads()):
                yield
        except Exception as error:
            if not self.is_of_all(error):
                if not self.have_begun:
                    self.raise_of_all(error)
                self.end_all(error)
            raise
        except (KeyboardInterrupt, SystemExit) as error:
            self.end_all(error)
            raise

    def threads(self) -> int:
        """How many threads kernels should use here: an equal share of cores that ranks share.

        Whoever has asked for another number than there are cores keeps it (`set_threads`).
        """
        threads, own = get_threads(), _cores()
        if not self.are_several:
            return threads
        all_cores = self.gathered((_machine(), own))
        sharing = sum(machine == _machine() and bool(own & cores) for machine, cores in all_cores)
        return max(1, threads // sharing) if threads == available_cores() else threads

    def end_all(self, error: BaseException) -> None:
        """Says on one line of stderr why, and ends the processes of all ranks."""
        if self.communicator is None or self.size == 1:
            return
        text = printable(f"{type(error).__name__}: {error}".removesuffix(": "))[:_LONGEST]
        line = f"rank {self.rank} of {self.size}: {text}; all ranks end, and the last checkpoint stays\n"
        with suppress(OSError, ValueError, AttributeError):
            sys.stdout.flush()
        with suppress(OSError):
            os.write(2, line.encode())
        self.communicator.Abort(130 if isinstance(error, KeyboardInterrupt) else 1)

    def raise_of_all(self, error: Exception | None) -> None:
        """Raises on all ranks the error of the lowest that has one; all call this."""
        self._settled(None, error)

    def of_all(self, error: Exception) -> Exception:
        """The error, to be raised by every rank at this moment: it ends none of them."""
        self._known = error
        return error

    def is_of_all(self, error: BaseException) -> bool:
        """Whether every rank raises it, as far as is known."""
        return error is self._known

    def _settled(self, result: _T, error: Exception | None, *, named: bool = True) -> _T:
        """Rank 0's result on all ranks; or the error of the lowest rank that has one.

        named : whether the error says which rank it is of, unless all have the same
        """
        said = self.gathered((_packed(error), result if self.is_first else None))
        packed = [each for each, _ in said]
        rank = next((rank for rank, each in enumerate(packed) if each is not None), None)
        if rank is None:
            return said[0][1]  # type: ignore[return-value]
        first = _unpacked(packed[rank])
        if error is not None and packed[self.rank] == packed[rank]:
            first = error  # with where it came from
        diverged = self.have_begun and isinstance(first, NotFiniteError)
        if named and not diverged and len(first.args) == 1 and any(each != packed[rank] for each in packed):
            first.args = (f"rank {rank}: {first.args[0]}",)
        raise self.of_all(first)


def on_all_ranks(
    method: Callable[Concatenate[Any, _P], _T],
) -> Callable[Concatenate[Any, _P], _T]:
    """A method of what has `ranks`, run by all of them inside `Ranks.together`."""

    @wraps(method)
    def wrapped(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with self.ranks.together():
            return method(self, *args, **kwargs)

    return wrapped


def _tried(function: Callable[[], _T]) -> tuple[_T | None, Exception | None]:
    """What it gives, or the error that it raises."""
    try:
        return function(), None
    except Exception as error:
        return None, error


def _packed(error: Exception | None) -> bytes | None:
    """The error, for other ranks; as a ValueError if it cannot travel."""
    if error is None:
        return None
    with suppress(Exception):
        packed = pickle.dumps(error)
        if str(pickle.loads(packed)) == str(error):
            return packed
    return pickle.dumps(ValueError(f"{type(error).__name__}: {error}"))


def _unpacked(packed: bytes | None) -> Exception:
    error = pickle.loads(packed or b"")
    assert isinstance(error, Exception)
    return error


def _machine() -> str:
    """What tells one machine from another: containers may have one name on two of them."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return platform.node()


def _cores() -> frozenset[int]:
    """The cores that this process may use. (A launcher may have given each rank its own.)"""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))
