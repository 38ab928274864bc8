"""Which test files concern a file of nnscratch/: those first that are likely to see a mistake."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Tests that use a file through `import nnscratch as nn` alone, and lie in another folder.
ELSEWHERE = {
    "nnscratch/training/trainer.py": ["tests/diagnosis/test_watch.py"],
    "nnscratch/model.py": ["tests/stages/test_runner.py"],
    "nnscratch/stages/runner.py": ["tests/test_model.py"],
}


def concerned_tests(path: str) -> list[str]:
    """The file's own tests, its doctests, those that use it, those of its folder and its importers.

    A kernel's folder says nothing: kernels do not know each other but by import.
    """
    own = _test_file(path)
    users = [test for test in _test_files() if _name(path) in _imports(test)]
    folder = [test for test in _test_files() if Path(test).parent == Path(own).parent]
    if "/kernels/" in path or Path(own).parent.name == "tests":
        folder = []
    importers = [_test_file(other) for other in _library() if _name(path) in _imports(other)]
    elsewhere = [*ELSEWHERE.get(path, []), "tests/gradient_check/test_check.py"]
    found = [own, path, *users, *folder, *importers, *elsewhere]
    return [name for name in dict.fromkeys(found) if (ROOT / name).exists()]


def _test_files() -> list[str]:
    found = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    return [name for name in found if not name.startswith(("tests/keypoints/", "tests/examples/"))]


def _library() -> list[str]:
    found = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "nnscratch").rglob("*.py"))]
    return [name for name in found if "/keypoints/" not in name and not name.endswith("__init__.py")]


def _test_file(path: str) -> str:
    module = Path(path).relative_to("nnscratch")
    return f"tests/{module.with_name(f'test_{module.name}').as_posix()}"


def _name(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


@functools.cache
def _imports(path: str) -> set[str]:
    """The modules behind a file's imports, of `import Dense` from layers also dense."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nnscratch"):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            package = ROOT / node.module.replace(".", "/") / "__init__.py"
            # Not what all of nnscratch imports: every test imports that.
            if node.module != "nnscratch" and package.exists() and path != package.relative_to(ROOT).as_posix():
                found |= _imports(package.relative_to(ROOT).as_posix())
    return found
