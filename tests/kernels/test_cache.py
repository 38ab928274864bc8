"""Numba's disk cache and changes in the files that a kernel imports, on a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nnscratch
from nnscratch.kernels import cache
from nnscratch.kernels.products import gemv

# Multiplies a row of ones by a matrix of ones, and says whether the machine code came from the
# cache.
PROGRAM = """
import numpy as np
from nnscratch.kernels.products.gemv import row_by_matrix
y = np.zeros((1, 3))
row_by_matrix(np.ones((1, 8)), np.ones((8, 3)), y, 0, 8)
print(y[0].tolist(), sum(row_by_matrix.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    source = Path(nnscratch.__file__).parent
    shutil.copytree(source, tmp_path / "nnscratch", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "nnscratch"


def run(package: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment["PYTHONPATH"] = str(package.parent)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, cwd=package.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_change_in_an_intrinsic_is_seen_by_the_kernel_that_calls_it(package: Path) -> None:
    assert run(package) == "[8.0, 8.0, 8.0] 0"
    assert run(package) == "[8.0, 8.0, 8.0] 1"  # nothing has changed: from the cache
    tiles = package / "kernels" / "products" / "gemv_tiles.py"
    code = tiles.read_text().replace("v.store(total, y + k)", "v.store(total + total, y + k)")
    tiles.write_text(code)
    assert run(package) == "[16.0, 16.0, 16.0] 0"


def test_a_file_that_is_not_imported_does_not_matter(package: Path) -> None:
    run(package)
    with (package / "kernels" / "warp.py").open("a") as file:
        file.write("# another line\n")
    assert run(package) == "[8.0, 8.0, 8.0] 1"


def test_the_files_behind_a_kernel_are_those_it_imports_directly_or_not() -> None:
    names = {file.name for file in cache.files_behind(Path(gemv.__file__))}
    assert names == {"gemv.py", "gemv_tiles.py", "vectors.py", "values.py", "writer.py", "cache.py"}


def test_functions_of_other_packages_are_left_to_numba() -> None:
    assert cache._LocatorThatFollowsImports.from_function(run, __file__) is None
