"""Numbers on the command line, and how programs end."""

from __future__ import annotations

import argparse
import sys

import pytest

from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts import command_line


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])


@pytest.mark.parametrize(
    ("default", "arguments", "number", "shown"),
    [
        (None, [], None, "(default: the recipe's)"),
        (None, ["--many", "4"], 4, "(default: the recipe's)"),
        (3, [], 3, "(default: 3)"),
        (3, ["--many", "4"], 4, "(default: 3)"),
    ],
)
def test_a_number_has_a_default_or_is_the_recipes(
    default: int | None, arguments: list[str], number: int | None, shown: str
) -> None:
    parser = command_line.Parser("Trains.")
    command_line.add_number(parser, "--many", help="how many", default=default)
    assert parser.parse_args(arguments).many == number
    assert f"how many {shown}" in parser.format_help()


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (command_line.whole_number, {"1": 1, "64": 64}, ["0", "-1", "1.5", "two", "", "\u0663"]),
        (command_line.seed, {"0": 0, "7": 7}, ["-1", "1.5", "x"]),
        (command_line.minutes, {"0.5": 0.5, "10": 10.0}, ["0", "-1", "nan", "inf", "soon"]),
    ],
)
def test_a_number_out_of_its_range_is_refused(kind, good: dict[str, float], bad: list[str]) -> None:
    assert {text: kind(text) for text in good} == good
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=f"got {text!r}, expected "):
            kind(text)


class Terminal:
    """A stderr that may be a terminal, and keeps what is written."""

    def __init__(self, is_terminal: bool) -> None:
        self.written, self.isatty, self.flush = "", lambda: is_terminal, lambda: None

    def write(self, text: str) -> None:
        self.written += text


@pytest.mark.parametrize(("terminal", "expected"), [(True, f"\r{'epoch 1':<78}\r"), (False, "")])
def test_what_is_going_on_is_shown_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, expected: str
) -> None:
    stderr = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", stderr)
    command_line.show("epoch 1")
    assert stderr.written == expected


def no_right_to_write() -> None:
    raise PermissionError(13, "Permission denied", "model.npz")


def no_data() -> None:
    raise DataError("a.csv: no such file")


def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("main", "status", "message"),
    [
        (no_data, 2, "train.py: error: a.csv: no such file\n"),
        (no_right_to_write, 2, "train.py: error: model.npz: Permission denied\n"),
        (interrupted, 130, "train.py: interrupted\n"),
    ],
)
def test_how_a_program_ends(main, status: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command_line.run(main)
    assert stop.value.code == status
    assert capsys.readouterr().err == message


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        command_line.run(lambda: 1 / 0 and None)
