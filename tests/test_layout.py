"""The order of the house: which room may import which, where compiled code may be, a test file for
each module.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nnscratch"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
LONGEST = 300  # lines

# What stands behind a colon may be imported by what stands before it, and by nothing that stands
# further down.
ARROWS = {
    "kernels": "",
    "initializers": "checks kernels",
    "checks": "kernels",
    "messages": "",
    "files": "messages",
    "pictures": "files",
    "pages": "messages pictures",
    "layers": "checks initializers kernels",
    "stages": "checks kernels layers",
    "summary": "layers pages",
    "layer_list": "layers",
    "model": "checks layer_list layers stages summary",
    "losses": "checks kernels",
    "gradient_check": "checks kernels layers losses messages model optimizers pictures",
    "checkpoints": "files initializers kernels layer_list layers messages model",
    "history": "files messages pages",
    "metric": "",
    "interchange": "checks files initializers layers messages model summary",
    "command_output": "files messages",
    "commands": "",
    "installation": "command_output commands kernels messages nnscratch profiling",  # nnscratch: its version
    "optimizers": "checks kernels layers model",
    "diagnosis": "checks history initializers kernels layers losses model optimizers pages pictures",
    "profiling": "checks kernels layers losses model optimizers pages pictures stages",
    "tracing": "checks files kernels layers losses messages model optimizers pages pictures",
    "training": "checks diagnosis files history kernels layers losses messages metric model optimizers",
    "learning_rate": "checks pages pictures training",
    "sklearn": "checks history kernels layers losses model optimizers training",
    "lessons": "diagnosis files gradient_check history layers losses messages model optimizers pictures training",
}
# The same within the face task. All of it may import all of the library, which imports nothing of
# it.
FACES = {
    "faces": "",
    "metrics": "faces",
    "networks": "faces",
    "start": "faces metrics",
    "geometry": "faces metrics",
    "mirror_pass": "faces geometry",
    "onnx_graphs": "faces geometry",
    "kaggle": "faces",
    "drawn": "faces",
    "lookalikes": "faces geometry metrics",
    "splits": "faces lookalikes",
    "plots": "faces metrics",
    "report_page": "cascade faces geometry metrics plots predictors",
    "runs": "cascade predictors report_page",
    "recipe": "faces geometry",
    "loaded_networks": "",
    "cascade": "faces geometry loaded_networks metrics mirror_pass onnx_graphs recipe start",
    "predictors": "cascade faces kaggle loaded_networks mirror_pass onnx_graphs",
    "experiments": "drawn faces geometry kaggle lookalikes metrics networks plots splits start",
    "scripts": "cascade drawn faces geometry kaggle loaded_networks metrics networks plots predictors recipe "
    "report_page runs splits",
    "commands": "scripts",
}


def imported(path: Path) -> set[str]:
    """The dotted names of nnscratch's modules that a file imports, also inside functions and for
    types alone.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from nnscratch import atomic` imports a module, `from nnscratch.layers import Dense`
            # a class of one.
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("nnscratch.") for name in names if name.partition(".")[0] == "nnscratch"}


def room(path: Path) -> str:
    """The first part of a module's name below nnscratch, or below nnscratch.keypoints."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[1] if parts[0] == "keypoints" and len(parts) > 1 else parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    if path.name == "__main__.py":
        return
    own, of_faces = room(path), path.is_relative_to(PACKAGE / "keypoints")
    allowed = {own, *(FACES if of_faces else ARROWS)[own].split()}
    for name in imported(path):
        first, _, rest = name.partition(".")
        if first == "keypoints":
            assert of_faces, f"the library imports {name}"
            assert rest.partition(".")[0] in allowed, f"keypoints/{own} imports {name}"
        else:
            assert of_faces or first in allowed, f"{own} imports {name}"


def test_every_room_has_its_arrows() -> None:
    for path in MODULES:
        if path.name != "__main__.py":
            assert room(path) in (FACES if path.is_relative_to(PACKAGE / "keypoints") else ARROWS), path


def test_arrows_make_no_circle() -> None:
    for arrows in (ARROWS, FACES):
        left = {name: set(others.split()) for name, others in arrows.items()}
        while left:
            free = [name for name, others in left.items() if not others & left.keys()]
            assert free, f"a circle among {sorted(left)}"
            for name in free:
                del left[name]


def test_every_module_has_its_test_file() -> None:
    for path in MODULES:
        relative = path.relative_to(PACKAGE)
        expected = ROOT / "tests" / relative.with_name(f"test_{relative.stem.strip('_')}.py")
        assert expected.exists(), f"no {expected.relative_to(ROOT)} for nnscratch/{relative}"


def test_every_test_file_has_its_module() -> None:
    others = {
        "test_layout.py", "test_readme.py", "test_benchmarks.py", "test_engines.py", "test_stress.py",
        "test_packaging.py", "test_portability.py", "keypoints/test_saved_runs.py",
        "kernels/test_entry_points.py", "tracing/test_network_js.py", "tracing/test_page_in_browser.py",
        "keypoints/report_page/test_pages_in_browser.py",
        "interchange/test_state_dict_torch.py",
        "training/test_fit_together_data.py",
    }  # fmt: skip
    for path in (ROOT / "tests").rglob("test_*.py"):
        relative = path.relative_to(ROOT / "tests")
        if relative.parts[0] in ("examples", "docs") or relative.as_posix() in others:
            continue
        name = relative.name.removeprefix("test_")
        known = [PACKAGE / relative.with_name(name), PACKAGE / relative.with_name(f"__{name.removesuffix('.py')}__.py")]
        assert any(module.exists() for module in known), f"no module for tests/{relative}"


@pytest.mark.parametrize("folder", ["nnscratch", "examples", "benchmarks"])
def test_files_are_short(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= LONGEST, f"{path.relative_to(ROOT)} has {lines} lines: one idea or several?"


_BEGINS_WITH_OF = re.compile(r"""(^\s*|[.!?]\s+|\"{3}|\#\s*|["'(>{])Of\s""", re.MULTILINE)


def test_no_sentence_begins_with_of() -> None:
    """Name a thing before something is said of it."""
    assert all(_BEGINS_WITH_OF.search(text) for text in ("Of x", "a b. Of x", "# Of x", "'Of x'", '"""Of x'))
    folders = "nnscratch", "examples", "benchmarks", "tests", "docs/begin", "docs/house"
    texts = [path for folder in folders for kind in ("*.py", "*.md") for path in (ROOT / folder).rglob(kind)]
    for path in {*texts, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")} - {Path(__file__)}:
        found = _BEGINS_WITH_OF.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path}: {found and found.string[found.start() : found.start() + 60]!r}"


def test_only_kernels_are_compiled() -> None:
    for path in MODULES:
        if not path.is_relative_to(PACKAGE / "kernels"):
            names = {name.partition(".")[0] for name in _third_party(path)}
            assert not names & {"numba", "llvmlite"} or path.name in ("run_config.py",), path


def _third_party(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
