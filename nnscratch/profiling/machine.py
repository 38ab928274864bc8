"""What a measurement says about the machine, and a start that leaves BLAS to the processor."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_info

from nnscratch.kernels.cores import available_cores
from nnscratch.kernels.threads import get_threads

# Environment variables that make a BLAS run another processor's kernels, or block for another one's
# caches. Some machines set the first two for all programs; NumPy's products then take up to twice
# as long.
BLAS_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_ENABLE_INSTRUCTIONS", "BLIS_ARCH_TYPE")
_WINDOWS = os.name == "nt"


def overrides() -> str:
    """Those of BLAS_OVERRIDES that are set, as NAME=VALUE; "" if none is."""
    return ", ".join(f"{name}={os.environ[name]}" for name in BLAS_OVERRIDES if name in os.environ)


def start() -> None:
    """Starts this program again without BLAS_OVERRIDES, if any is set, and says so in one line.

    The program that goes on is a new one, which has not loaded NumPy yet; so have all processes
    that it starts.
    """
    if found := overrides():
        print(f"started again without {found}, so that BLAS is fitted to this processor", flush=True)
        environment = {name: value for name, value in os.environ.items() if name not in BLAS_OVERRIDES}
        command = [sys.executable, *sys.orig_argv[1:]]
        if _WINDOWS:  # whose exec gives the terminal back before the new program ends
            sys.exit(subprocess.run(command, env=environment, check=False).returncode)
        os.execve(sys.executable, command, environment)


def start_command() -> None:
    """`start` for a command of `python -m nnscratch`; if another program called it, only a line."""
    specification = getattr(sys.modules["__main__"], "__spec__", None)
    module = None if specification is None else specification.name
    if module == "nnscratch.__main__" or Path(sys.argv[0]).stem == "nnscratch":  # the console script
        start()
    elif found := overrides():
        print(f"NumPy's products may be slow: {found} is set")


def blas() -> str:
    """NumPy's BLAS: library, version, and the processor architecture whose kernels it runs."""
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    # SciPy's wheel has one of its own, which computes nothing here: each lies in a folder that is
    # named after its package.
    libraries = [library for library in loaded if "numpy" in Path(library["filepath"]).parent.name] or loaded
    names = [
        " ".join(str(b[key]) for key in ("internal_api", "version", "architecture") if b.get(key)) for b in libraries
    ]
    return " and ".join(names) or "none that threadpoolctl knows"


def processor() -> str:
    """The processor's name, as the system tells it."""
    lines: list[str] = []
    with suppress(OSError):  # not Linux, or a container that hides it
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def description() -> dict[str, object]:
    """Processor, BLAS, cores, threads that kernels use, and versions."""
    return {
        "processor": processor(),
        "BLAS": blas(),
        "cores": available_cores(),
        "threads": get_threads(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }
