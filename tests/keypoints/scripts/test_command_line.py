"""Numbers on the command line, and how programs end."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts import command_line
from nnscratch.training.checkpoint import CheckpointError

ROOT = Path(__file__).parents[3]


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


def program(*lines: str) -> list[str]:
    start = "import os, signal, sys", "from nnscratch.keypoints.scripts import command_line"
    return [sys.executable, "-W", "error", "-c", "\n".join([*start, *lines])]


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_a_program_with_one_line(name: str, status: int) -> None:
    """A second one, while it ends, does not change that."""
    lines = (
        "import atexit",
        "atexit.register(lambda: signal.raise_signal(signal.SIGINT))",
        f"command_line.run(lambda: signal.raise_signal(signal.{name}))",
    )
    done = subprocess.run(program(*lines), capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (status, "-c: interrupted\n")


def test_a_reader_that_goes_away_is_no_error() -> None:
    lines = "command_line.run(lambda: [command_line.tell('a line') for _ in range(100_000)])", "print('more')"
    process = subprocess.Popen(program(*lines), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 0)
    process.stderr.close()


def test_a_disk_that_takes_no_output_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        lines = ("command_line.run(lambda: print('a line'))",)
        done = subprocess.run(program(*lines), stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("-c: error: No space left")


def test_a_damaged_checkpoint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def damaged() -> None:
        raise CheckpointError("a.npz: got a damaged checkpoint")

    with pytest.raises(SystemExit) as stop:
        command_line.run(damaged)
    assert stop.value.code == 2
    assert capsys.readouterr().err == "train.py: error: a.npz: got a damaged checkpoint\n"
