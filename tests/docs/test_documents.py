from __future__ import annotations

import json
from pathlib import Path

import pytest
from house.documents import ROOT, bring_in, documents, file_named, with_page_links, write_changed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small repository."""
    texts = {
        "docs/results.md": "# Results\n",
        "docs/begin/learn.md": "# Learn\n",
        "examples/lessons/README.md": "# Lessons\n",
        "examples/lessons/02_why.md": "# Why\n",
        "examples/lessons/01_sum.ipynb": json.dumps({"nbformat": 4, "cells": []}),
        "examples/train.py": "pass\n",
        "nnscratch/kernels/README.md": "# Kernels\n",
        "nnscratch/kernels/__init__.py": "",
        "CONTRIBUTING.md": "# Contributing\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "runs").mkdir()
    return tmp_path


def test_all_documents_have_a_page(root: Path) -> None:
    assert sorted(documents(root)) == [
        "begin/learn", "lessons/01_sum", "lessons/02_why", "lessons/index", "project/contributing", "project/kernels",
        "results",
    ]  # fmt: skip


def test_documents_from_elsewhere_are_brought_in_and_own_ones_are_not(root: Path) -> None:
    made = bring_in(root / "docs", documents(root))
    assert sorted(made) == [
        "lessons/01_sum.md", "lessons/02_why.md", "lessons/index.md", "project/contributing.md", "project/kernels.md",
    ]  # fmt: skip
    (root / "examples" / "lessons" / "README.md").unlink()
    assert bring_in(root / "docs", documents(root))["lessons/index.md"].startswith(b"# Lessons")


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("results", "[w](../examples/lessons/02_why.md#a)", "[w](lessons/02_why.md#a)"),
        ("begin/learn", "[l](../../examples/lessons)", "[l](../lessons/index.md)"),
        ("begin/learn", "[n](../../examples/lessons/01_sum.ipynb)", "[n](../lessons/01_sum.md)"),
        ("lessons/02_why", "[`t`](../train.py)", "[`t`](source:examples/train.py)"),
        ("lessons/02_why", "[k](../../nnscratch/kernels)", "[k](source:nnscratch/kernels/__init__.py)"),
        ("results", "[r](../runs) [s](https://a.org) [t](#results)", "r [s](https://a.org) [t](#results)"),
        ("results", "![p](a.png) [no](nowhere.py)", "![p](a.png) [no](nowhere.py)"),
        ("results", "```\n[w](../CONTRIBUTING.md)\n```\n", "```\n[w](../CONTRIBUTING.md)\n```\n"),
    ],
)
def test_links_between_files_become_links_between_pages(root: Path, page: str, text: str, expected: str) -> None:
    assert with_page_links(text, page, documents(root), root) == expected


def test_files_that_did_not_change_stay_untouched_and_old_ones_go(tmp_path: Path) -> None:
    write_changed(tmp_path, {"api/a.rst": b"a", "api/b.rst": b"b"}, ["api"])
    before = (tmp_path / "api" / "a.rst").stat().st_mtime_ns
    write_changed(tmp_path, {"api/a.rst": b"a"}, ["api"])
    assert (tmp_path / "api" / "a.rst").stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "api").iterdir()] == ["a.rst"]


def test_a_named_file_is_found() -> None:
    assert file_named("glossary.md") == "docs/glossary.md"
    assert file_named("dense.py") is None
    assert file_named("dense.py", room="layers") == "nnscratch/layers/dense.py"
    assert file_named("layers/../model.py") is None
    assert (ROOT / "setup.py").exists()
