"""python -m nnscratch info: readable, 80 columns, whatever cannot be found out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnscratch import __main__
from nnscratch.installation import info
from nnscratch.installation.facts import Facts, facts


@pytest.fixture(scope="module")
def found() -> dict[str, Facts]:
    return facts()


def test_prints_all_facts_in_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/a/long/path" * 20)
    __main__.main(["info"])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) < 80
    for name in (
        "nnscratch",
        "numpy",
        "processor",
        "vector bits",
        "cores",
        "BLAS",
        "compiled kernels",
        "NUMBA_CACHE_DIR",
    ):
        assert f"\n{name} " in f"\n{printed}"


def test_json_on_stdout_stands_alone(capsys: pytest.CaptureFixture[str], found: dict[str, Facts]) -> None:
    info.main(["--json"])
    assert json.loads(capsys.readouterr().out).keys() == found.keys()


def test_json_in_a_file_stands_beside_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info.main(["--json", str(tmp_path / "info.json")])
    assert "processor" in capsys.readouterr().out
    assert "processor" in json.loads((tmp_path / "info.json").read_text(encoding="utf-8"))["machine"]


def test_a_file_that_cannot_be_written_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        __main__.main(["info", "--json", str(tmp_path)])
    assert stop.value.code == 2
    assert "got a folder, expected the name of a file" in capsys.readouterr().err


def test_what_is_not_known_is_called_so(found: dict[str, Facts], monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("no home directory")

    monkeypatch.setattr(info.Path, "home", nobody)
    nothing = {topic: dict.fromkeys(each) for topic, each in found.items()} | {"environment": {}}
    lines = info.text(nothing).splitlines()
    assert "processor         not known" in lines
    assert "BLAS              not known" in lines
    assert "writable          not known" in lines
    assert lines[-1] == "environment       no variable that overrides any of these"


def test_an_empty_variable_is_shown(found: dict[str, Facts]) -> None:
    assert info.text({**found, "environment": {"NUMBA_OPT": ""}}).endswith("\nNUMBA_OPT")


def test_a_home_folder_is_shortened(found: dict[str, Facts]) -> None:
    places = {"nnscratch": str(Path.home() / "x"), "compiled kernels": None, "writable": False}
    text = info.text({**found, "places": places})
    assert f"\nnnscratch         {Path('~') / 'x'}\n" in text
    assert "cannot be written to" in text
    neighbour = {**places, "nnscratch": f"{Path.home()}er/x"}  # whose folder begins with the same letters
    assert f"\nnnscratch         {Path.home()}er/x\n" in info.text({**found, "places": neighbour})


def test_a_path_is_not_cut_at_its_hyphens(found: dict[str, Facts]) -> None:
    places = {"nnscratch": "/usr/a-long-way/lib/python3.11/site-packages/nnscratch", "writable": True}
    assert "site-packages/nnscratch\n" in info.text({**found, "places": places})
