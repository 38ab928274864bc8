"""--quiet and --json: where a program's answer goes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from nnscratch.command_output import STDOUT, add_json, add_quiet, check_writable, muted, write_json
from nnscratch.commands import Parser


def read(*arguments: str) -> argparse.Namespace:
    parser = Parser("Measures.", "measure")
    add_json(parser)
    add_quiet(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("arguments", [["--quiet"], ["--json", "-"], ["--quiet", "--json", "-"]])
def test_only_warnings_and_errors_are_shown(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with muted(read(*arguments)):
        print("a table")
        print("warning: no rows", file=sys.stderr)
    print("after it")
    assert capsys.readouterr() == ("after it\n", "warning: no rows\n")


def test_without_them_all_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with muted(read()), muted(object()):
        print("a table")
    assert capsys.readouterr().out == "a table\n"


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_progress_finds_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _Terminal())
    with muted(read("--quiet")):
        assert not sys.stderr.isatty()
    assert sys.stderr.isatty()


def test_closed_streams_stay_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with muted(read("--quiet")):
        print("nobody sees it")
        assert sys.stderr is None


def test_an_error_passes_and_printing_works_again(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="bad"), muted(read("--quiet")):
        raise ValueError("bad")
    print("again")
    assert capsys.readouterr().out == "again\n"


def test_json_goes_to_stdout_or_into_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read("--json", "-").json is STDOUT
    write_json(read("--json", "-").json, {"a": 1})
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    write_json(read("--json", "./-").json, {"a": 2})  # a file of this name
    assert json.loads((tmp_path / "-").read_text(encoding="utf-8")) == {"a": 2}
    write_json(read().json, {"a": 3})
    assert [file.name for file in tmp_path.iterdir()] == ["-"]
    assert capsys.readouterr().out == ""


def test_what_is_not_json_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_found_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, came in [(tmp_path, "a folder,"), (tmp_path / "no" / "a.json", "a folder that does not exist")]:
        with pytest.raises(SystemExit) as stop:
            read("--json", str(name))
        assert stop.value.code == 2
        assert f"got {came}" in capsys.readouterr().err
    (tmp_path / "kept").write_text("all of it")
    check_writable(tmp_path / "kept")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("kept", "all of it")]
