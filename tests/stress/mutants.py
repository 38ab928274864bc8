"""Whether the tests notice a mistake: makes one small mistake at a time, and runs the tests.

    python tests/stress/mutants.py                      # the fixed sample: 240 mutants
    python tests/stress/mutants.py --only nnscratch/model.py --count 1000

Each mutant (mutations.py says which there are) is made in a copy of the tree, never in the working
tree. The tests that concern its file run until one fails: the file's own test file first, then its
doctests, those of its folder, and those of all modules that import it. A mutant is caught if a test
fails, does not come to an end, or dies. One that survives is either a test to be written, or no
mistake at all; then explained_mutants.txt, beside this file, says why.

The sample is fixed: the mutants with the smallest hashes of seed and change, so that a change in
one file leaves the sample in the others as it was. Prints the survivors and a table of rooms; exit
status 1 if fewer than 92 % are caught, or a survivor is not explained, 2 if the tests fail without
a mutant.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import importlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from concerned_tests import concerned_tests
from mutations import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
EXPLAINED = Path(__file__).with_name("explained_mutants.txt")
LEAST_CAUGHT = 0.92
ONE_MUTANT, ALL_TESTS = 240, 1800  # seconds; the tests of one file take up to a minute
MEMORY = 6 << 30  # bytes of address space for one mutant's tests
ROOMS = {
    "layers": ["layers/*.py"],
    "stages": ["stages/*.py"],
    "model, losses": ["model.py", "losses/*.py"],
    "optimizers": ["optimizers/*.py"],
    "training": ["training/*.py"],
    "plain kernels": [
        "kernels/loops.py",
        "kernels/layerwise/*.py",
        "kernels/threads.py",
        "kernels/updates.py",
        "kernels/memory.py",
        "kernels/finite.py",
    ],
    "files": ["checkpoints.py", "files/array_files.py", "files/atomic.py"],
}
# Imported once, before the fork: what a test run loads that is no part of the project.
THIRD_PARTY = ["numpy", "numba", "pandas", "pytest", "threadpoolctl", "tqdm", "matplotlib.figure", "_pytest.doctest"]


@dataclass
class Run:
    """The tests of one mutant, in a process of its own; or those of none, with `mutant` None."""

    mutant: Mutant | None
    tests: list[str]
    slot: int
    process: int = 0
    began: float = field(default_factory=time.monotonic)
    result: str = ""


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no test run is left behind
    files = {room: _files(patterns, arguments.only) for room, patterns in ROOMS.items()}
    sample = _sample(files, arguments.count, arguments.seed)
    if not sample:
        print(
            f"mutants: got --only {arguments.only}, expected a file of {', '.join(ROOMS)}; see ROOMS", file=sys.stderr
        )
        return 2
    tests = {path: concerned_tests(path) for path in {mutant.path for mutant in sample}}
    for name in THIRD_PARTY:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="nnscratch-mutants-") as folder:
        bench = Bench(Path(folder), arguments.jobs)
        if not arguments.trust and not bench.tests_pass(sorted({test for each in tests.values() for test in each})):
            return 2
        results = bench.run_all(sample, tests)
    return _report(results, files)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=240, help="mutants in the sample (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another sample (default: %(default)s)")
    parser.add_argument("--only", metavar="PATH", help="only files whose path begins so, such as nnscratch/layers")
    parser.add_argument("--trust", action="store_true", help="the tests passed without a mutant: do not run them first")
    parser.add_argument("--jobs", type=int, default=2, help="test runs at a time (default: %(default)s)")
    return parser.parse_args()


def _files(patterns: list[str], only: str | None) -> list[str]:
    found = [path for pattern in patterns for path in sorted((ROOT / "nnscratch").glob(pattern))]
    names = [path.relative_to(ROOT).as_posix() for path in found if path.name != "__init__.py"]
    return [name for name in names if name.startswith(only or "")]


def _sample(files: dict[str, list[str]], count: int, seed: int) -> list[Mutant]:
    found = [each for names in files.values() for name in names for each in mutants(name, _text(name))]
    found.sort(key=lambda mutant: hashlib.sha256(f"{seed} {mutant.key}".encode()).digest())
    return sorted(found[:count], key=lambda mutant: (mutant.path, mutant.start))


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# Running them


class Bench:
    """Copies of the tree, one per job, in which the mutants are made and tested."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.folder = folder
        self.jobs = jobs
        self.original = folder / "original"
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        # With the compiled kernels: only those behind a mutant are compiled again.
        caches = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("nnscratch/**/__pycache__/*")]
        for name in [*listed, *caches]:
            if (ROOT / name).is_file():
                (self.original / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.original / name)

    def tests_pass(self, tests: list[str]) -> bool:
        """Whether the tests pass as the tree is: only then does a failure tell of a mutant."""
        print(f"{len(tests)} test files without a mutant ...", file=sys.stderr, flush=True)
        run = Run(None, tests, slot=0)
        self._start(run)
        while not self._has_ended(run):
            time.sleep(0.02)
        if run.result != "survived":
            print(f"mutants: the tests fail without a mutant; run them\n{self._output(0)}", file=sys.stderr)
            return False
        # Kernels that were compiled now need not be compiled for each mutant.
        for path in (self.folder / "0").glob("nnscratch/**/__pycache__/*.nb[ic]"):
            place = self.original / path.relative_to(self.folder / "0")
            place.parent.mkdir(exist_ok=True)
            place.unlink(missing_ok=True)
            shutil.copy2(path, place)
        return True

    def run_all(self, sample: list[Mutant], tests: dict[str, list[str]]) -> list[Run]:
        waiting, done = list(reversed(sample)), []
        running: list[Run] = []
        try:
            self._run(waiting, running, done, tests)
        finally:
            for run in running:
                os.killpg(run.process, signal.SIGKILL)
        return done

    def _run(self, waiting: list[Mutant], running: list[Run], done: list[Run], tests: dict[str, list[str]]) -> None:
        total = len(waiting)
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                slot = next(each for each in range(self.jobs) if each not in {run.slot for run in running})
                run = Run(mutant, tests[mutant.path], slot)
                self._start(run)
                running.append(run)
            for run in [run for run in running if self._has_ended(run)]:
                running.remove(run)
                done.append(run)
                self._show(run, len(done), total)
            time.sleep(0.02)

    def _show(self, run: Run, done: int, total: int) -> None:
        seconds = time.monotonic() - run.began
        where = f"{run.mutant.path}:{run.mutant.line}" if run.mutant else ""
        lines = [line for line in self._output(run.slot).splitlines() if line.startswith(("FAILED", "ERROR"))]
        by = lines[0][:150] if lines and run.result == "caught" else ""
        print(f"{done:4d}/{total} {seconds:4.0f} s  {run.result:8s} {where}  {by}", file=sys.stderr, flush=True)

    def _start(self, run: Run) -> None:
        """Lays the tree anew, so that nothing of the mutant before is left, and forks."""
        tree = self.folder / str(run.slot)
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(self.original, tree, copy_function=os.link)
        if run.mutant is not None:
            place = tree / run.mutant.path
            place.unlink()  # the original is the same file
            original = (self.original / run.mutant.path).read_text(encoding="utf-8")
            place.write_text(run.mutant.apply(original), encoding="utf-8")
        run.began = time.monotonic()
        run.process = os.fork()
        if run.process == 0:
            _test(tree, run.tests, self.folder / f"{run.slot}.txt")

    def _has_ended(self, run: Run) -> bool:
        process, status = os.waitpid(run.process, os.WNOHANG)
        late = time.monotonic() - run.began > (ONE_MUTANT if run.mutant else ALL_TESTS)
        if not process and not late:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process, signal.SIGKILL)  # also what its tests have started
        if not process:
            os.waitpid(run.process, 0)
            run.result = "timeout"
        else:
            code = os.waitstatus_to_exitcode(status)
            if code in (4, 5):
                raise RuntimeError(f"mutants: pytest found no tests ({code})\n{self._output(run.slot)}")
            run.result = "survived" if code == 0 else "caught"
        return True

    def _output(self, slot: int) -> str:
        return (self.folder / f"{slot}.txt").read_text(encoding="utf-8", errors="replace")


def _test(tree: Path, tests: list[str], output: Path) -> None:
    """In the child: runs the tests of a tree, and ends the process with pytest's exit status."""
    code = 70
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.chdir(tree)
        sys.path[0] = str(tree)
        os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        sys.dont_write_bytecode = True
        import nnscratch  # the tree's own, not an installed one

        assert Path(nnscratch.__file__).is_relative_to(tree), nnscratch.__file__
        pytest = sys.modules["pytest"]
        options = ["-x", "--tb=line", "-p", "no:cacheprovider", f"--basetemp={tree}-tmp", "--rootdir=."]
        options += ["-o", "addopts=--doctest-modules --import-mode=importlib -q"]
        code = int(pytest.main([*options, *tests]))
    except BaseException as error:  # a mutant may break the import itself
        print("ERROR", repr(error))
    finally:
        sys.stdout.flush()
        os._exit(code)


# What comes out


def _report(results: list[Run], files: dict[str, list[str]]) -> int:
    explained = dict(_explanations())
    survivors = [run.mutant for run in results if run.result == "survived" and run.mutant is not None]
    unexplained = [mutant for mutant in survivors if mutant.key not in explained]
    for mutant in unexplained:
        print(f"\n{mutant.path}:{mutant.line} in {mutant.scope}\n{_difference(mutant)}\n{mutant.key}")
    counts = {room: Counter(run.result for run in results if run.mutant.path in names) for room, names in files.items()}
    print(f"\n{'room':16s} {'mutants':>8s} {'caught':>8s} {'of it timeouts':>15s} {'survived':>9s} {'explained':>10s}")
    for room, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        names = files.get(room, [name for names in files.values() for name in names])
        known = sum(mutant.key in explained and mutant.path in names for mutant in survivors)
        caught = count["caught"] + count["timeout"]
        print(f"{room:16s} {count.total():8d} {caught:8d} {count['timeout']:15d} {count['survived']:9d} {known:10d}")
    share = 1 - len(survivors) / len(results)
    print(f"\ncaught: {share:.1%} of {len(results)}; survivors without an explanation: {len(unexplained)}")
    return int(share < LEAST_CAUGHT or bool(unexplained))


def _explanations() -> Iterator[tuple[str, str]]:
    """key, reason: a line with the key, and the reason below it, indented."""
    key, reason = "", ""
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines() if EXPLAINED.exists() else []:
        if line.startswith("    "):
            reason = f"{reason} {line.strip()}"
        elif line and not line.startswith("#"):
            if key and not reason:
                raise ValueError(f"{EXPLAINED.name}: got {key!r} without a reason, expected one below it, indented")
            if key:
                yield key, reason
            key, reason = line, ""
    if key:
        yield key, reason


def _difference(mutant: Mutant) -> str:
    before = _text(mutant.path)
    lines = difflib.unified_diff(before.splitlines(), mutant.apply(before).splitlines(), lineterm="", n=0)
    return "\n".join(list(lines)[3:])


if __name__ == "__main__":
    sys.exit(main())
