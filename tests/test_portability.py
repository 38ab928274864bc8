"""What only POSIX has may be missing: a network trains, is saved and loaded, a folder is locked."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Names of os and signal that Windows lacks; a module may ask for them by hasattr or getattr.
MISSING = {
    "fork", "register_at_fork", "sched_getaffinity", "sched_setaffinity", "getuid", "geteuid", "getpgid", "killpg",
    "mkfifo", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "fchmod", "fchown", "chown", "sysconf", "statvfs", "pread",
    "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "alarm", "setitimer", "pause", "sigwait", "pthread_kill",
}  # fmt: skip
MODULES_MISSING = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"}

PROGRAM = """
import os, signal, sys, random, tempfile, threading, subprocess
import matplotlib.figure, numba, numpy as np, pandas

MISSING, MODULES = sys.argv[1].split(), sys.argv[2].split()
for name in MISSING:
    for module in (os, signal):
        if hasattr(module, name):
            delattr(module, name)
for name in MODULES:
    sys.modules[name] = None
open_any, link = os.open, os.link
def open_files(path, flags, *mode, **more):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return open_any(path, flags, *mode, **more)
def no_links(*_, **__):
    raise OSError(1, "no second names here")
os.open, os.link = open_files, no_links

from pathlib import Path
import nnscratch as nn
from nnscratch.installation import facts
from nnscratch.keypoints.scripts.interruption import Interruption
from nnscratch.keypoints.scripts.run_lock import locked

folder = Path(sys.argv[3])
x = np.random.default_rng(0).random((20, 3), dtype=np.float32)
model = nn.Sequential(nn.Dense(3, 1, rng=0))
with Interruption(), locked(folder):
    trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), batch_size=10, progress=False)
    trainer.fit(x, x[:, :1], epochs=2, checkpoint=folder / "training.npz")
    nn.save(model, folder / "model.npz")
assert np.array_equal(nn.load(folder / "model.npz").predict(x), model.predict(x))
assert nn.get_threads() >= 1 and facts()["threads"]["cores"] >= 1
print("done")
"""


def test_it_works_without_what_only_posix_has(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, str(program), " ".join(MISSING), " ".join(MODULES_MISSING), str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert {path.name for path in tmp_path.iterdir()} >= {"program.py", "model.npz"}


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    """All code that users run, parsed."""
    paths = [
        path for folder in ("nnscratch", "examples", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def test_what_windows_lacks_is_asked_for_first(trees: dict[Path, ast.Module]) -> None:
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in MISSING:
                # What is set can be got.
                asked = [
                    f'hasattr({node.value.id}, "{name}")' for name in (node.attr, node.attr.replace("_get", "_set"))
                ]
                text = path.read_text(encoding="utf-8")
                assert any(each in text for each in asked), f"{path}, line {node.lineno}: {node.attr}"


def test_modules_that_windows_lacks_are_imported_with_a_fallback(trees: dict[Path, ast.Module]) -> None:
    for path, tree in trees.items():
        tried = {id(node) for attempt in ast.walk(tree) if isinstance(attempt, ast.Try) for node in ast.walk(attempt)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and id(node) not in tried:
                assert not {alias.name for alias in node.names} & MODULES_MISSING, f"{path}, line {node.lineno}"


def test_no_window_is_opened(trees: dict[Path, ast.Module]) -> None:
    """pyplot opens windows. Lessons have it, which show figures in a notebook."""
    for path, tree in trees.items():
        if "lessons" not in path.parts:
            names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom):
                    names |= {f"{node.module}.{alias.name}" for alias in node.names}
            assert not any(name.startswith("matplotlib.pyplot") for name in names), path
