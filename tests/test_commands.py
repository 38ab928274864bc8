"""What commands are made of."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnscratch import commands
from nnscratch.commands import Parser, exit_statuses, print_anything, program


def test_a_parser_answers_a_mistake_with_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser("Heals.\n\n  a line of its own", "heal")
    parser.add_argument("--all", type=int)
    assert "Heals.\n\n  a line of its own\n" in parser.format_help()
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--all", "x"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "heal: error: argument --all: invalid int value: 'x'; see heal --help\n"


def test_help_ends_with_the_exit_statuses() -> None:
    assert Parser("Heals.").format_help().endswith(f"\n{exit_statuses()}\n")
    own = Parser("Heals.", statuses=exit_statuses("it is ill")).format_help()
    assert "  1    it is ill\n" in own
    assert max(map(len, own.splitlines())) <= 80


def test_a_program_is_called_as_the_user_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for first, expected in [("/bin/nnscratch", "nnscratch heal"), ("/lib/nnscratch/__main__.py", None), ("", None)]:
        monkeypatch.setattr(sys, "argv", [first])
        assert program("heal") == (expected or "python -m nnscratch heal")
    monkeypatch.setattr(sys, "argv", [])
    assert program() == "python -m nnscratch"


def test_what_an_encoding_lacks_is_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    print_anything()
    print("2 × 3 → 6", flush=True)
    assert written.getvalue() == b"2 ? 3 ? 6\n"
    for stream in (None, object()):
        monkeypatch.setattr(sys, "stdout", stream)
        print_anything()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_are_the_null_device_before_a_file_takes_their_number(closed: str, tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from nnscratch.commands import open_closed_streams\n"
        "open_closed_streams()\n"
        "file = open('numbers.txt', 'w'); print('to stdout'); print('to stderr', file=sys.stderr)\n"
        "os.write(2, b'at once'); file.write(str(file.fileno() > 2) + sys.stdin.read())"
    )
    command = f"'{sys.executable}' -c \"$PROGRAM\" {closed}"
    environment = {**os.environ, "PROGRAM": program, "PYTHONPATH": str(Path(commands.__file__).parents[1])}
    subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert (tmp_path / "numbers.txt").read_text() == "True"
