"""Starts programs on several processes by MPI's launcher, or says why it cannot."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@functools.cache
def _launcher() -> list[str]:
    """mpiexec with its options: the one beside this Python, or on the PATH; [] without one."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("mpiexec", path=path)
    if found is None:
        return []
    about = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=30)
    open_mpi = "Open MPI" in about.stdout or "OpenRTE" in about.stdout
    return [found, *(["--allow-run-as-root", "--oversubscribe"] if open_mpi else [])]


def mpiexec(ranks: int, program: str | Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The program, a file of this repository, on so many ranks; its warnings are errors.

    ranks : 0 starts it without mpiexec

    Skips the test where mpi4py or mpiexec is missing.
    """
    if find_spec("mpi4py") is None:
        pytest.skip("needs mpi4py: pip install 'nnscratch[mpi]'")
    if not _launcher():
        pytest.skip("needs mpiexec: pip install mpich, or the system's MPI")
    start = [*_launcher(), "-n", str(ranks)] if ranks else []
    command = [*start, sys.executable, "-W", "error", str(ROOT / program), *map(str, arguments)]
    # Processes that share the cores: OpenBLAS's threads wait for one another by computing.
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
