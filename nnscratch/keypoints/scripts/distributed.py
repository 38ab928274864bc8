"""A program on several ranks (`mpiexec -n 4 python ... --distributed`): one speaks, all end.

Rank 0 prints and writes. What the others print is lost, apart from the error that only one of them
has. A program that fails on all ranks, as with a wrong option, ends as on one: with its line and
its status. One that fails on some ends them all, and so does a rank that is killed: MPI's launcher
sees to that.
"""

from __future__ import annotations

import io
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from nnscratch.interchange.extras import required
from nnscratch.messages import printable
from nnscratch.training.all_ranks import Ranks

OPTION = "--distributed"
_SHORTEST = "--di"  # argparse takes an option by its beginning
_SECONDS_FOR_OTHERS = 5.0  # until whoever fails, too, has said so
_SECONDS_ASLEEP = 0.01


def is_asked(words: Sequence[str]) -> bool:
    """Whether the words of a command line have the option.

    >>> is_asked(["--epochs", "3", "--distributed"]), is_asked(["--data", "x.csv"])
    (True, False)
    """
    return any(word.startswith(_SHORTEST) and OPTION.startswith(word) for word in words)


@cache
def world() -> Any:
    """mpi4py's MPI.COMM_WORLD; MPI begins with the first call.

    Raises
        ImportError : mpi4py is not installed, or finds no MPI
    """
    try:
        return required(OPTION, "mpi4py.MPI", extra="mpi").COMM_WORLD
    except RuntimeError as error:  # mpi4py is there, and no MPI
        first = " ".join(str(error).split())[:80]
        raise ImportError(f"{OPTION}: got no MPI ({first}), expected one; pip install 'nnscratch[mpi]'") from None


def ranks_of(distributed: bool) -> Ranks:
    """The ranks of this program: this process alone, unless it is `distributed`."""
    return Ranks(world() if distributed else None)


@contextmanager
def one_program(words: Sequence[str]) -> Iterator[None]:
    """A block that is the whole program, on all ranks if its command line asks for that.

    words : of the command line

    Raises
        ImportError : as of `world`
    """
    ranks = ranks_of(is_asked(words))
    if not ranks.are_several:
        yield
        return
    ending = world().Dup()  # what is said here never meets what a training says
    said = None if ranks.is_first else _Silence()
    failed, status, bug = True, 1, None
    try:
        yield
        failed = False
    except SystemExit as end:
        failed, status = end.code not in (None, 0), end.code if isinstance(end.code, int) else 1
        raise
    except BaseException as error:  # Python shows it, unless it ends here
        bug = error
        raise
    finally:
        _flush()
        if not _all_end(ending, _SECONDS_FOR_OTHERS if failed else None):
            if said is not None:
                line = said.last if bug is None else f"{type(bug).__name__}: {bug}"
                said.say(f"rank {ranks.rank} of {ranks.size}: {printable(line)}")
            elif bug is not None:
                traceback.print_exception(bug)
            ending.Abort(status or 1)


def _all_end(ending: Any, seconds: float | None) -> bool:
    """Whether all ranks come here, within so many seconds; None: as long as it takes."""
    request, until = ending.Ibarrier(), None if seconds is None else time.perf_counter() + seconds
    while not request.Test():
        if until is not None and time.perf_counter() > until:
            return False
        time.sleep(_SECONDS_ASLEEP)
    return True


class _Silence(io.StringIO):
    """In place of stdout and stderr of a rank that is not to speak; keeps the last line."""

    is_silent = True

    def __init__(self) -> None:
        super().__init__()
        self.stderr = sys.stderr
        self.last = ""
        sys.stdout, sys.stderr = io.StringIO(), self

    def write(self, text: str, /) -> int:
        lines = [line for line in text.splitlines() if line.strip()]
        if lines:
            self.last = lines[-1]
        return len(text)

    def say(self, line: str) -> None:
        """Says a line after all, where everybody hears it."""
        with suppress(OSError, ValueError, AttributeError):
            print(line, file=self.stderr, flush=True)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
