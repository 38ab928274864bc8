"""What commands are made of."""

from __future__ import annotations

import pytest

from nnscratch.commands import Parser


def test_a_parser_answers_a_mistake_with_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser("Heals.\n\n  a line of its own", "heal")
    parser.add_argument("--all", type=int)
    assert "Heals.\n\n  a line of its own\n" in parser.format_help()
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--all", "x"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "heal: error: argument --all: invalid int value: 'x'; see heal --help\n"
