"""Damages files of every kind in many ways and reads them through the public doors.

python tests/stress/mutate_files.py --count 100000 --seed 0

A file may be accepted or refused. Refused is a ValueError of one printable line
under 300 characters. Anything else is a failure: another exception, a crash,
more than 5 s or 1 GiB, an accepted file with a number out of its range. The
file of each failure is kept. Ends with status 1 if there was one.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # wherever it is run from

SECONDS = 5  # of the processor: others may be at work on the machine
STALLED = 30  # seconds by the clock without a word from a process: in compiled code no alarm is heard
MORE_MEMORY = 1 << 30  # bytes
LARGEST = 1 << 21  # bytes of a mutant
LONGEST = 299  # characters of a message, the name of the program before it included
PASSED = ("accepted", "refused")


class _Hang(BaseException):
    """Not an Exception: what catches everything must not catch it."""


def _alarm(*_: object) -> None:
    raise _Hang


def judge(read: Any, folder: Path) -> tuple[str, str]:
    """(outcome, detail) of reading a mutant. `read` asserts that no number is out of range."""
    # Twice: NumPy or a `finally` may swallow the first.
    signal.setitimer(signal.ITIMER_PROF, SECONDS, 1)
    try:
        read(folder)
        outcome, detail = "accepted", ""
    except AssertionError:
        outcome, detail = "out of range", traceback.format_exc()
    except ValueError as error:
        detail = str(error)
        outcome = "refused" if detail.isprintable() and 0 < len(detail) <= LONGEST else "bad message"
        if "more memory than there is" in detail:
            outcome = "memory"
    except _Hang:
        outcome, detail = "hang", traceback.format_exc()
    except MemoryError:
        outcome, detail = "memory", traceback.format_exc()
    except BaseException:
        outcome, detail = "undocumented", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return outcome, detail


def mutant(kinds: list[Any], seed: int, index: int) -> tuple[Any, bytes]:
    """The kind and the content of mutant number `index`: the same for the same seed."""
    rng = Random(f"{seed}.{index}")
    kind = kinds[index % len(kinds)]
    return kind, kind.mutate(rng, kind.content)[:LARGEST]


def work(connection: Connection, folder: Path, seed: int, first: int, step: int, count: int, names: list[str]) -> None:
    """Reads every `step`-th mutant from number `first` on; sends (index, kind, outcome, detail)."""
    from tests.stress.file_kinds import make_kinds

    warnings.simplefilter("error")
    kinds = make_kinds(Path(tempfile.mkdtemp(dir=folder)), names)
    signal.signal(signal.SIGPROF, _alarm)
    for kind in kinds:  # compiles, and takes the memory that any reading takes
        for _ in range(2):
            kind.read(kind.folder)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_MEMORY, resource.RLIM_INFINITY))
    for index in range(first, count, step):
        kind, content = mutant(kinds, seed, index)
        connection.send((index, kind.name, "begun", ""))
        kind.path.write_bytes(content)
        outcome, detail = judge(kind.read, kind.folder)
        kind.restore()
        connection.send((index, kind.name, outcome, detail))
    connection.close()


def _fast_folder() -> Path:
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="nnscratch-mutants-", dir=memory if memory.is_dir() else None))


class Worker:
    """A process that reads mutants, and what is known of it."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, first: int) -> None:
        self.arguments, self.folder, self.next = arguments, folder, first
        self.begun: tuple[int, str] | None = None
        self.restarts = 0
        self.start()

    def start(self) -> None:
        """Starts a process for what is left."""
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe(duplex=False)
        given = self.arguments
        what = other, self.folder, given.seed, self.next, given.jobs, given.count, given.only
        self.process = context.Process(target=work, args=what, daemon=True)
        self.process.start()
        other.close()
        self.heard = time.monotonic() + 300  # its imports, or its kernels, take a while

    def hear(self) -> tuple[int, str, str, str] | None:
        """A result, if there is one now; a process that died gives one too."""
        try:
            index, name, outcome, detail = self.connection.recv()
        except EOFError:
            return self.end("crash")
        self.heard = time.monotonic()
        if outcome == "begun":
            self.begun = index, name
            return None
        self.begun, self.next = None, index + self.arguments.jobs
        return index, name, outcome, detail

    def end(self, outcome: str) -> tuple[int, str, str, str] | None:
        """Ends the process; what it was reading has this outcome, and a new process goes on."""
        self.process.kill()
        self.process.join()
        if self.begun is None:
            if self.process.exitcode and self.next < self.arguments.count:  # between two files
                self.restarts += 1
                if self.restarts > 9:
                    raise SystemExit(f"a worker ended with {self.process.exitcode} before it read anything")
                self.start()
            else:
                self.next = self.arguments.count
            return None
        index, name = self.begun
        self.begun, self.next = None, index + self.arguments.jobs
        if self.next < self.arguments.count:
            self.start()
        return index, name, outcome, f"the process ended with {self.process.exitcode}"


def run(arguments: argparse.Namespace) -> int:
    """Reads all mutants; prints the table, also if it is stopped; returns the failures."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    kept = arguments.keep or Path(tempfile.mkdtemp(prefix="nnscratch-failures-"))
    folder = _fast_folder()
    try:
        _read_all(arguments, folder, kept, counts)
    finally:
        failures = table(counts, kept)
        shutil.rmtree(folder, ignore_errors=True)
    return failures


def _read_all(
    arguments: argparse.Namespace, folder: Path, kept: Path, counts: dict[str, collections.Counter[str]]
) -> None:
    from tests.stress.file_kinds import make_kinds

    kinds = make_kinds(Path(tempfile.mkdtemp(dir=folder)), arguments.only)
    began, done = time.monotonic(), 0
    workers = [Worker(arguments, folder, arguments.first + i) for i in range(arguments.jobs)]
    while live := [worker for worker in workers if worker.next < arguments.count]:
        ready = wait([worker.connection for worker in live], timeout=1)
        for worker in live:
            result = None
            if worker.connection in ready:
                result = worker.hear()
            elif time.monotonic() - worker.heard > STALLED:
                result = worker.end("hang")
            if result is None:
                continue
            index, name, outcome, detail = result
            counts[name][outcome] += 1
            done += 1
            if outcome not in PASSED:
                _keep(kept, kinds, arguments.seed, index, outcome, detail)
            if done % 1000 == 0:
                speed = done / (time.monotonic() - began)
                of = arguments.count - arguments.first
                print(f"{done:,} of {of:,} files, {speed:,.0f}/s", file=sys.stderr, flush=True)
    for worker in workers:
        worker.process.join(5)


def _keep(folder: Path, kinds: list[Any], seed: int, index: int, outcome: str, detail: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    kind, content = mutant(kinds, seed, index)
    place = folder / f"{index}-{kind.path.name}"
    place.write_bytes(content)
    place.with_name(f"{index}.txt").write_text(f"{kind.name}: {outcome}\n{detail}\n", errors="backslashreplace")
    last = (detail.strip().splitlines() or [""])[-1]
    print(f"{kind.name} {index}: {outcome}: {last[:200]} ({place})", file=sys.stderr, flush=True)


def table(counts: dict[str, collections.Counter[str]], kept: Path) -> int:
    """Prints the counts by kind, and returns the number of failures."""
    columns = ["accepted", "refused", "undocumented", "bad message", "crash", "hang", "memory", "out of range"]
    print(
        f"{'kind':<16}" + "".join(f"{column:>14}" if column in columns[2:] else f"{column:>10}" for column in columns)
    )
    total: collections.Counter[str] = collections.Counter()
    for name, count in [*counts.items(), ("all", total)]:
        total.update(count if count is not total else {})
        cells = [f"{count[column]:>14,}" if column in columns[2:] else f"{count[column]:>10,}" for column in columns]
        print(f"{name:<16}" + "".join(cells))
    failures = sum(count for outcome, count in total.items() if outcome not in PASSED)
    print(f"{total.total():,} files, {failures:,} failures" + (f", kept in {kept}" if failures else ""))
    return failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, metavar="N", help="mutants in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all mutations (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first mutant (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument("--only", nargs="*", default=[], metavar="KIND", help="kinds of files, such as metrics.json")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for failures (default: a new one)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the table is printed, and no folder left
    sys.exit(1 if run(parser.parse_args()) else 0)


if __name__ == "__main__":
    main()
