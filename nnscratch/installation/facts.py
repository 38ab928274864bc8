"""The facts of a bug report, each found by itself: one that cannot be had hides no other."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

import nnscratch
from nnscratch.kernels import cache, vectors
from nnscratch.kernels.cores import available_cores
from nnscratch.kernels.threads import get_threads
from nnscratch.messages import printable
from nnscratch.profiling import machine

# What nnscratch needs, and Numba's compiler; then what its extras need, shown if it is installed.
NEEDED = ("numpy", "numba", "llvmlite", "pandas", "matplotlib", "tqdm", "threadpoolctl")
EXTRAS = (
    "scipy", "scikit-learn", "dask", "distributed", "safetensors", "onnx", "onnxruntime", "mpi4py", "mpich", "torch",
    "tensorflow", "jax", "openvino", "jupyterlab",
)  # fmt: skip
# Environment variables that change what NumPy, BLAS, OpenMP, Numba, matplotlib and the kernels do.
_BEGINNINGS = (
    "NNSCRATCH_", "NUMBA_", "NPY_", "OPENBLAS_", "GOTO_", "OMP_", "KMP_", "MKL_", "BLIS_", "VECLIB_", "MPL", "LOKY_",
)  # fmt: skip
_NAMES = ("PYTHONPATH", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "LD_PRELOAD")
_OURS = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")  # threadpoolctl and scikit-learn set them, no user did
_LONGEST = 200  # characters of a variable that are shown

Facts = dict[str, Any]


def facts() -> dict[str, Facts]:
    """All facts, by topic; what cannot be found out is None.

    Returns
        versions    : of nnscratch, Python, what nnscratch needs, and those of its extras that are
            installed
        machine     : system, processor and its features; bits of the vectors that kernels use
        threads     : cores that this process may use, threads that kernels use
        BLAS        : of each library: name, version, architecture, threads
        environment : variables that change any of these, if they are set
        places      : the folders of nnscratch and of its compiled kernels; whether that can be
            written to

    >>> list(facts())
    ['versions', 'machine', 'threads', 'BLAS', 'environment', 'places']
    """
    return {
        "versions": _versions(),
        "machine": {
            "system": _found(platform.platform),
            "processor": _found(machine.processor),
            "features": _found(_features),
            "vector bits": _found(lambda: 8 * vectors.VECTOR_BYTES),
        },
        "threads": {"cores": _found(available_cores), "threads": _found(get_threads)},
        "BLAS": {"libraries": _found(_blas)},
        "environment": _environment(),
        "places": {
            "nnscratch": _found(lambda: str(Path(nnscratch.__file__).parent)),
            "compiled kernels": _found(lambda: str(cache.folder() or "nowhere: no folder can be written to")),
            "writable": _found(lambda: os.access(cache.folder() or "", os.W_OK)),
        },
    }


def _found(find: Callable[[], object]) -> Any:
    """What `find` returns; None if it finds nothing, or fails."""
    with suppress(Exception):  # whatever this system is: the other facts count all the more
        found = find()
        return None if found in ("", [], ()) else found
    return None


def _versions() -> Facts:
    built = _found(lambda: f"{platform.python_implementation()} {platform.python_version()}")
    found: Facts = {"nnscratch": nnscratch.__version__, "Python": built or sys.version.split()[0]}
    for name in NEEDED:
        found[name] = _found(partial(version, name))
    for name in EXTRAS:
        with suppress(PackageNotFoundError):
            found[name] = _found(partial(version, name))
    return {name: number for name, number in found.items() if number is not None or name in NEEDED}


def _features() -> list[str]:
    """What the processor offers, in LLVM's words."""
    return sorted(name[1:] for name in vectors.FEATURES.split(",") if name.startswith("+"))


def _blas() -> list[Facts]:
    keys = ("internal_api", "version", "architecture", "num_threads")
    return [{key: each.get(key) for key in keys} for each in threadpool_info() if each.get("user_api") == "blas"]


def _environment() -> Facts:
    named = (name for name in os.environ if name.startswith(_BEGINNINGS) or name in _NAMES)
    chosen = sorted(name for name in named if name not in _OURS)
    return {name: printable(os.environ[name][:_LONGEST]) for name in chosen}
