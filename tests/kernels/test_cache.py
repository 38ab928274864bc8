"""Machine code on disk: never that of other sources, never a reason to fail; on package copies.

A process that was forked before it called a kernel finds its code as a fresh one does; where the
processes themselves matter, they are fresh.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numba
import numpy as np
import pytest

import nnscratch
from nnscratch.kernels import cache
from nnscratch.kernels.products.gemv import row_by_matrix
from tests.kernels.interpreter import Interpreter

# Multiplies a row of ones by a matrix of ones, and says whether the machine code came from the
# cache.
PROGRAM = """
import numpy as np
from nnscratch.kernels.products.gemv import row_by_matrix
y = np.zeros((1, 3))
row_by_matrix(np.ones((1, 8)), np.ones((8, 3)), y, 0, 8)
print(y[0].tolist(), sum(row_by_matrix.stats.cache_hits.values()))
"""
FRESH, CACHED = "[8.0, 8.0, 8.0] 0", "[8.0, 8.0, 8.0] 1"


@pytest.fixture(scope="module")
def compiled_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, whose cache holds the kernel."""
    package = tmp_path_factory.mktemp("package") / "nnscratch"
    source = Path(nnscratch.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    assert run(package) == FRESH
    assert run(package) == CACHED
    return package


@pytest.fixture
def package(compiled_package: Path, tmp_path: Path) -> Path:
    """A copy of it for a test that changes sources or folders."""
    return Path(shutil.copytree(compiled_package, tmp_path / "nnscratch"))


@pytest.fixture(scope="module")
def forked(compiled_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """forked(package, ...): as `run`, without the start of an interpreter."""
    with Interpreter(tmp_path_factory.mktemp("forked")) as interpreter:
        yield lambda package, expect_log=False, **environment: printed(
            interpreter.run(PROGRAM, package.parent, **environment), expect_log
        )


@pytest.fixture(scope="module")
def kernel(compiled_package: Path) -> Iterator[Interpreter]:
    imports = "from nnscratch.kernels.products.gemv import row_by_matrix\nassert not row_by_matrix.signatures"
    with Interpreter(compiled_package.parent, imports) as interpreter:
        yield interpreter


@pytest.fixture
def look(compiled_package: Path, kernel: Interpreter) -> Iterator[Callable[..., str]]:
    """look(program): as `run`, of the package that all share, and of the kernel as it is imported.

    What a test makes of the kernel's files is undone.
    """
    before = {file: file.read_bytes() for file in entries(compiled_package)}
    yield lambda program=PROGRAM, expect_log=False: printed(kernel.run(program, compiled_package.parent), expect_log)
    for file in entries(compiled_package):
        file.unlink()
    for file, content in before.items():
        file.write_bytes(content)


def run(package: Path, program: str = PROGRAM, expect_log: bool = False, **environment: str) -> str:
    """What the program prints, in an interpreter of its own. Warnings are errors."""
    names = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    names |= {"PYTHONPATH": str(package.parent), **environment}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=names, cwd=package.parent, capture_output=True, text=True, check=False)
    return printed(done, expect_log)


def printed(done: subprocess.CompletedProcess[str], expect_log: bool = False) -> str:
    """What a program printed that ended well. It logged nothing, or one line."""
    assert done.returncode == 0, done.stderr
    if expect_log:
        assert done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith("kernels: cannot keep compiled code (")
        assert "NUMBA_CACHE_DIR" in done.stderr
    else:
        assert not done.stderr
    return done.stdout.strip()


def entries(package: Path) -> list[Path]:
    """The files of the kernel's cache: the index and the code."""
    return sorted((package / "kernels" / "products" / "__pycache__").glob("gemv.row_by_matrix*.nb[ic]"))


# Each is part of what the kernel is made of, most of them through several imports.
EDITS = {
    "products/gemv_tiles.py": ("v.store(total, y + k)", "v.store(total + total, y + k)"),
    "products/gemv.py": ("    y[:] = 0\n", "    y[:] = 8\n"),
    "writer.py": ("[a.llvm, b.llvm, total.llvm]", "[(a + a).llvm, b.llvm, total.llvm]"),
    "values.py": ("gep(self.address, [steps])", "gep(self.address, [self.builder.mul(steps, INTP(1))])"),
    "vectors.py": ("VECTOR_BYTES = 64 if AVX512 else 32", "VECTOR_BYTES = 32"),
}


@pytest.mark.parametrize("file", EDITS)
def test_a_change_in_any_file_is_seen_by_the_kernel(file: str, package: Path, forked: Callable[..., str]) -> None:
    path = package / "kernels" / file
    before, after = EDITS[file]
    assert path.read_text().count(before) == 1
    path.write_text(path.read_text().replace(before, after))
    doubled = file in ("products/gemv_tiles.py", "products/gemv.py", "writer.py")
    result = forked(package)
    assert result.endswith(" 0")
    assert (result != FRESH) == doubled
    assert forked(package) == result[:-1] + "1"


def test_every_file_of_the_kernels_counts(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    monkeypatch.setattr(cache, "_KERNELS", package / "kernels")
    files = sorted((package / "kernels").rglob("*.py"))
    assert len(files) > 30
    stamps = {cache.stamp.__wrapped__()}
    for file in files:
        file.write_bytes(file.read_bytes() + b"# another line\n")
        stamps.add(cache.stamp.__wrapped__())
    (package / "kernels" / "other.py").touch()
    stamps.add(cache.stamp.__wrapped__())
    files[0].rename(files[0].with_name("renamed.py"))
    stamps.add(cache.stamp.__wrapped__())
    assert len(stamps) == len(files) + 3


@pytest.mark.parametrize("library", [numba, cache.llvmlite, np])
def test_another_version_of_a_library_is_other_code(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.stamp.__wrapped__()
    monkeypatch.setattr(library, "__version__", "999")
    assert cache.stamp.__wrapped__() != before


def _garbage(content: bytes) -> bytes:
    return np.random.default_rng(0).bytes(len(content))


def _flipped(content: bytes) -> bytes:
    return content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]


class _Explodes:
    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("1 / 0",)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "half": lambda content: content[: len(content) // 2],
    "all but one byte": lambda content: content[:-1],
    "a byte more": lambda content: content + b"\0",
    "a bit flipped": _flipped,
    "garbage": _garbage,
    "zeros": lambda content: bytes(len(content)),
    "another pickle": lambda content: pickle.dumps(["no", "index"]),
    "a pickle that raises": lambda content: pickle.dumps(_Explodes()),
    "text": lambda content: b"version https://git-lfs.github.com/spec/v1\n",
}


# The seal tells them apart no less than the others.
AT_NIGHT = {"one byte", "all but one byte", "a byte more", "zeros", "text"}


@pytest.mark.parametrize("which", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "damage", [pytest.param(damage, marks=[pytest.mark.nightly] * (damage in AT_NIGHT)) for damage in DAMAGES]
)
def test_a_damaged_file_is_as_none_and_is_written_again(
    damage: str, which: str, compiled_package: Path, look: Callable[..., str]
) -> None:
    files = [file for file in entries(compiled_package) if file.suffix == which]
    assert files
    for file in files:
        file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert look() == FRESH
    assert look() == CACHED


def test_a_sealed_entry_that_is_no_code_is_compiled_again(look: Callable[..., str]) -> None:
    """The seal is that of these sources: only what lies behind it is wrong."""
    for value in ["({}, [], 3)", "['no', 'entry']", "{key: 'other.nbc' for key in ('a', 'b')}"]:
        program = (
            "import glob\nfrom nnscratch.kernels import cache\n"
            "from nnscratch.kernels.products.gemv import row_by_matrix\nfile = row_by_matrix._cache._cache_file\n"
            f"for path in glob.glob(file._cache_path + '/gemv.row_by_matrix*.nb[ic]'): file._write(path, {value})"
        )
        look(program)
        assert look() == FRESH
        assert look() == CACHED


def test_code_of_one_signature_is_never_run_for_another(compiled_package: Path, look: Callable[..., str]) -> None:
    """As two processes leave it that wrote their first entries at the same moment."""
    program = PROGRAM.replace("np.ones((1, 8))", "np.ones((1, 8), np.float32)")
    program = program.replace("np.ones((8, 3))", "np.ones((8, 3), np.float32)")
    program = program.replace("np.zeros((1, 3))", "np.zeros((1, 3), np.float32)")
    assert look(program) == FRESH
    one, two = (file for file in entries(compiled_package) if file.suffix == ".nbc")
    content = one.read_bytes(), two.read_bytes()
    one.write_bytes(content[1])
    two.write_bytes(content[0])
    assert look(program) == FRESH
    assert look() == FRESH
    assert look(program) == look() == CACHED


def test_files_that_cannot_be_read(compiled_package: Path, look: Callable[..., str]) -> None:
    for file in entries(compiled_package):
        file.unlink()
        file.mkdir()  # also the super-user cannot read it
    assert look(expect_log=True) == FRESH  # nor write it
    for file in entries(compiled_package):
        if file.is_dir():
            file.rmdir()
    assert look() == FRESH
    assert look() == CACHED


def test_no_folder_that_can_be_written_to(package: Path, forked: Callable[..., str]) -> None:
    for folder in [package / "kernels", *(package / "kernels").iterdir()]:
        if folder.is_dir() and folder.name != "__pycache__":
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)
            (folder / "__pycache__").touch()  # a file: no folder can be made there
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache", "PYTHONDONTWRITEBYTECODE": "1"}
    assert run(package, expect_log=True, **nowhere) == FRESH
    assert forked(package, expect_log=True, **nowhere) == FRESH
    own = {"NUMBA_CACHE_DIR": str(package.parent / "cache")}
    assert forked(package, **nowhere, **own) == FRESH
    assert forked(package, **nowhere, **own) == CACHED


def test_a_full_disk(package: Path, forked: Callable[..., str]) -> None:
    """A limit on the size of files stands in for it: a write fails, and leaves nothing behind."""
    for file in entries(package):
        file.unlink()
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    assert run(package, full + PROGRAM, expect_log=True, PYTHONDONTWRITEBYTECODE="1") == FRESH
    assert not list((package / "kernels" / "products" / "__pycache__").glob("*.tmp.*"))
    assert forked(package) == FRESH
    assert forked(package) == CACHED


def test_processes_that_compile_at_once(package: Path, forked: Callable[..., str]) -> None:
    for file in entries(package):
        file.unlink()
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment["PYTHONPATH"] = str(package.parent)
    command = [sys.executable, "-c", PROGRAM]
    started = [
        subprocess.Popen(
            command, env=environment, cwd=package.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in started:
        out, err = process.communicate(timeout=300)
        assert (out.strip()[:-1], err) == (FRESH[:-1], "")
    assert forked(package) == CACHED


def test_a_terminal_shows_once_that_kernels_are_compiled(compiled_package: Path, look: Callable[..., str]) -> None:
    terminal = "import io, sys\nclass Terminal(io.StringIO):\n    isatty = lambda self: True\nsys.stderr = Terminal()\n"
    two = f"{PROGRAM}row_by_matrix(*(np.ones((1, 1), np.float32),) * 3, 0, 1)\n"
    program = f"{terminal}{two}print(repr(sys.stderr.getvalue()))"
    for file in entries(compiled_package):
        file.unlink()
    first, shown = look(program).splitlines()
    assert first == FRESH
    assert shown.count("compiling kernels") == shown.count(r"\n") == shown.count(r"\r") == 1
    cached, shown = look(program).splitlines()
    assert (cached, shown) == (CACHED, "''")


def test_a_stderr_of_somebodys_own_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "counts", cache.Counts())
    for stderr in (None, object()):
        monkeypatch.setattr(sys, "stderr", stderr)
        cache._say_that_it_compiles()


def test_with_checked_bounds_there_are_entries_of_their_own(package: Path, forked: Callable[..., str]) -> None:
    assert forked(package, NNSCRATCH_CHECK="1") == FRESH
    assert forked(package, NNSCRATCH_CHECK="1") == CACHED
    assert forked(package) == CACHED


def test_a_kernel_has_one_file_per_signature_and_an_index(compiled_package: Path) -> None:
    assert [file.suffix for file in entries(compiled_package)] == [".nbc", ".nbi"]
    assert all(row_by_matrix.__name__ in file.name for file in entries(compiled_package))
