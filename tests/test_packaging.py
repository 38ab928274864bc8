"""What sdist and wheel hold, and that versions are the same wherever they are named."""

from __future__ import annotations

import importlib.util
import re
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.setup_file import ROOT, name_of, requirements, setup_arguments

PACKAGE = ROOT / "nnscratch"
GENERATED = re.compile(r"(^|/)(__pycache__|\.[a-z_]+_cache|[^/]+\.egg-info|_build|build|dist|runs|\.venv|\.git)(/|$)")


def test_the_wheel_has_every_file_that_is_no_module() -> None:
    patterns = setup_arguments()["package_data"]["nnscratch"]
    packed = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    files = {path for path in files if "__pycache__" not in path.parts}
    assert files - packed == set()
    assert packed - files == set()
    assert PACKAGE / "py.typed" in packed  # or nobody's mypy sees the types


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_sdist_takes_all_that_the_project_has() -> None:
    lines = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    taken = {name for line in lines if line.startswith(("graft ", "include ")) for name in line.split()[1:]}
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    there = {path.name for path in ROOT.iterdir() if path.name not in ignored and not GENERATED.search(path.name)}
    assert there - taken == {"nnscratch", "MANIFEST.in"}
    assert taken - there == set()


def test_the_console_script_is_the_main_program() -> None:
    from nnscratch.__main__ import main

    (script,) = setup_arguments()["entry_points"]["console_scripts"]
    name, _, place = script.partition(" = ")
    module, _, function = place.partition(":")
    assert name == "nnscratch"
    assert getattr(importlib.import_module(module), function) is main


def test_the_oldest_python_is_the_same_everywhere() -> None:
    setup = setup_arguments()
    oldest = setup["python_requires"].removeprefix(">=")
    versions = [each.rpartition(" ")[2] for each in setup["classifiers"] if re.search(r":: 3\.\d+$", each)]
    assert versions[0] == oldest
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tools["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert sys.version_info[:2] >= tuple(map(int, oldest.split(".")))


def test_the_oldest_versions_are_those_of_setup_py() -> None:
    declared: dict[str, set[str]] = {}
    for each in requirements(without=("docs", "bench", "browser", "lessons")):
        name, _, oldest = each.partition(";")[0].partition(">=")  # whatever system it is for
        if oldest:
            declared.setdefault(name, set()).add(oldest)
    lines = (ROOT / ".ci" / "minimum.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name: {oldest} for name, oldest in pinned.items()} == declared  # one oldest version in all extras


def test_pre_commit_has_the_tools_of_ci() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    pins = {pin for pin in requirements() if "==" in pin.partition(";")[0]}
    assert set(re.findall(r'"([a-z-]+==[^"]+)"', text)) == pins
    assert {name_of(pin) for pin in pins} == {"ruff", "mypy"}


@pytest.fixture(scope="module")
def contents() -> ModuleType:
    """.ci/package_contents.py, which is in no package."""
    specification = importlib.util.spec_from_file_location("package_contents", ROOT / ".ci" / "package_contents.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _packed(contents: ModuleType, folder: Path, sdist_lacks: str = "", wheel_has: str = "") -> tuple[Path, Path]:
    """A project of three files with its sdist and wheel, less or more one file."""
    source, dist = folder / "source", folder / "dist"
    for name in ("setup.py", "nnscratch/__init__.py", "nnscratch/page.css", "nnscratch.egg-info/PKG-INFO"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    dist.mkdir()
    with tarfile.open(dist / "nnscratch-1.tar.gz", "w:gz") as sdist:
        for name in ("setup.py", "nnscratch/__init__.py", "nnscratch/page.css"):
            if name != sdist_lacks:
                sdist.add(source / name, f"nnscratch-1/{name}")
        sdist.add(source / "setup.py", "nnscratch-1/PKG-INFO")
    with zipfile.ZipFile(dist / "nnscratch-1-py3-none-any.whl", "w") as wheel:
        for name in ("nnscratch/__init__.py", "nnscratch/page.css", wheel_has):
            if name:
                wheel.writestr(name, "")
        for name in contents.WHEEL_OWN:
            wheel.writestr(f"nnscratch-1.dist-info/{name}", "")
    return source, dist


def test_contents_that_are_whole(contents: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contents.main(*_packed(contents, tmp_path)) == 0
    assert capsys.readouterr().out == "nnscratch-1.tar.gz: 3 files; nnscratch-1-py3-none-any.whl: 2\n"


def test_a_file_that_is_missing_or_too_much_is_named(
    contents: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = _packed(contents, tmp_path, sdist_lacks="nnscratch/page.css", wheel_has="tests/test_a.py")
    assert contents.main(*made) == 1
    assert capsys.readouterr().out.splitlines() == [
        "nnscratch-1.tar.gz: got no nnscratch/page.css, expected it; add it to MANIFEST.in",
        "nnscratch-1-py3-none-any.whl: got tests/test_a.py, expected it left out",
    ]


def test_contributing_is_one_screen() -> None:
    lines = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 50
    for part in ("Set up", "Add a layer", "Add a kernel", "Measure"):
        assert any(part in line for line in lines), part
