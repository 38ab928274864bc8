"""What a report of a bug needs."""

from __future__ import annotations

import platform
from importlib import import_module

import pytest

import nnscratch
from nnscratch.installation.facts import EXTRAS, NEEDED, facts
from tests.setup_file import name_of, requirements, setup_arguments

module = import_module("nnscratch.installation.facts")  # its package has a function of this name


def test_all_that_setup_py_names_is_looked_for() -> None:
    assert {name_of(each) for each in setup_arguments()["install_requires"]} == set(NEEDED) - {"llvmlite"}
    # No code of the library's own uses what these extras install.
    extras = {name_of(each) for each in requirements(without=("test", "docs", "browser"))} - set(NEEDED)
    assert extras - {"ipykernel"} <= set(EXTRAS)


def test_facts_are_those_of_this_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_OPT", "3")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell\n" + "x" * 1000)
    monkeypatch.setenv("HARMLESS", "1")
    found = facts()
    assert found["versions"]["nnscratch"] == nnscratch.__version__
    assert platform.python_version() in found["versions"]["Python"]
    assert found["threads"]["threads"] == nnscratch.get_threads()
    assert found["machine"]["vector bits"] in (256, 512)
    assert found["environment"]["NUMBA_OPT"] == "3"
    assert found["environment"]["OPENBLAS_CORETYPE"].startswith("Haswell\\nxxx")
    assert len(found["environment"]["OPENBLAS_CORETYPE"]) < 300
    assert "HARMLESS" not in found["environment"]


def test_an_extra_that_is_missing_is_left_out_and_what_is_needed_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise module.PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", version)
    versions = facts()["versions"]
    assert set(versions) == {"nnscratch", "Python", *NEEDED}
    assert versions["numpy"] is None


def test_no_fact_hides_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("no such thing on this system")

    for name in ("version", "threadpool_info", "available_cores", "get_threads", "_features"):
        monkeypatch.setattr(module, name, fails)
    monkeypatch.setattr(module.machine, "processor", fails)
    monkeypatch.setattr(module.cache, "folder", fails)
    monkeypatch.setattr(module.platform, "platform", lambda: "")
    monkeypatch.setattr(module.platform, "python_implementation", fails)
    found = facts()
    assert found["versions"]["Python"] == platform.python_version()
    assert found["threads"] == {"cores": None, "threads": None}
    assert found["BLAS"] == {"libraries": None}
    assert found["machine"]["system"] is None
    assert found["machine"]["processor"] is None
    assert found["places"]["writable"] is None
    assert found["machine"]["vector bits"] in (256, 512)
