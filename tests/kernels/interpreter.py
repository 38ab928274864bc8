"""Programs in processes of their own, as `python -c` runs them, at the cost of a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

# Each line that it reads is a program to run: where, with which environment, and the files for what
# it prints and what it logs. The answer is how it ended. What Numba sets up at its first
# compilation is set up once; it is asked for its variables again, as those of a child may differ.
_PROGRAM = """
import json, os, signal, sys, traceback
import numba, numpy
from numba.core import config
numba.njit(lambda x: x + 1)(1)
exec(sys.argv[1])
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        signal.alarm(300)  # ends one that hangs
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for number, path in (1, asked["out"]), (2, asked["err"]):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.orig_argv = [sys.executable, "-W", "error", *asked["command"]]  # of one that starts itself again
            os.chdir(asked["folder"])
            os.environ.update(asked["environment"])
            config.reload_config()
            exec(asked["program"], {"__name__": "__main__"})
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Interpreter:
    """Forks a process per program, after `imports`; its warnings are errors.

    Nothing of nnscratch is imported before the fork unless `imports` says so: a child sees the
    sources and the environment of its moment.
    """

    def __init__(self, folder: Path, imports: str = "") -> None:
        """folder : where `imports` run, and where the files of what children print are"""
        self._folder = folder
        environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
        command = [sys.executable, "-W", "error", "-c", _PROGRAM, imports]
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, program: str, folder: Path, command: list[str] | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """How it ended in a working folder, whose packages it finds first.

        command : what follows `python` in a command of the same effect; None: -c PROGRAM
        """
        assert self._process.stdin
        assert self._process.stdout
        out, err = self._folder / "out.txt", self._folder / "err.txt"
        asked = {"program": program, "folder": str(folder), "environment": environment}
        asked["command"] = ["-c", program] if command is None else command
        print(json.dumps({**asked, "out": str(out), "err": str(err)}), file=self._process.stdin, flush=True)
        status = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(program, status, out.read_text(), err.read_text())

    def run_file(self, words: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """How `python WORDS` ended in a working folder: a file, and its arguments."""
        program = f"""
import os, runpy, sys
sys.argv = {words!r}
sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
        return self.run(program, folder, words, **environment)

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()

    def __enter__(self) -> Interpreter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
