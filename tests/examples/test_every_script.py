"""Every script: it can be copied alone, says what it takes, and is run by a test."""

from __future__ import annotations

import argparse
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from nnscratch.__main__ import find_commands
from nnscratch.keypoints.scripts import command_line
from tests.kernels.interpreter import Interpreter

ROOT = Path(__file__).parents[2]
COPIED = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
EXPERIMENTS = sorted(f"experiments/{path.name}" for path in (ROOT / "examples" / "experiments").glob("*.py"))
WITHOUT_OPTIONS = {"first_network.py"}  # but for --help
LESSONS = ["lessons/build.py"]
COMMANDS = list(find_commands())
# What a program's answer is: a run's files, or what it prints.
KEEPS_FILES = {"train_mlp.py", "train_cnn.py", "train_cascade.py", "predict.py"} | {
    f"experiments/{name}.py" for name in ("ablation", "reproduce_report")
}
PRINTS = {
    "predict.py", "experiments/ingredients.py", "experiments/cascade_ingredients.py", *COMMANDS,
}  # fmt: skip


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    """Starts programs that find the library, and nothing else of this project."""
    imports = f"sys.path.insert(0, {str(ROOT)!r})\nimport nnscratch.keypoints\ndel sys.path[0]"
    with Interpreter(tmp_path_factory.mktemp("interpreter"), imports) as python:
        yield python


@pytest.mark.parametrize("script", [name for name in COPIED if name not in WITHOUT_OPTIONS])
def test_a_script_that_is_copied_alone_says_what_it_takes(
    interpreter: Interpreter, script: str, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "examples" / script, tmp_path)
    done = interpreter.run_file([script, "--help"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--out" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("script", EXPERIMENTS)
def test_an_experiment_says_what_it_takes(
    run_here: Callable[..., subprocess.CompletedProcess[str]], script: str
) -> None:
    done = run_here(script, "--help")
    assert "--out" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


class _Parsed(Exception):
    """A program has read its command line."""


@pytest.fixture
def parser_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], argparse.ArgumentParser]:
    """parser_of(program): the parser of a script or a command, which is stopped there."""
    found: list[argparse.ArgumentParser] = []

    def parse_args(parser: argparse.ArgumentParser, *_: object) -> None:
        found.append(parser)
        raise _Parsed

    def parser(program: str) -> argparse.ArgumentParser:
        monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
        monkeypatch.setattr(command_line, "run", lambda main: main())
        monkeypatch.setattr(sys, "argv", [program])
        with suppress(_Parsed):
            if program in COMMANDS:
                find_commands()[program].main([])
            else:
                runpy.run_path(str(ROOT / "examples" / program), run_name="__main__")
        return found[-1]

    return parser


@pytest.mark.parametrize("program", [*COPIED, *EXPERIMENTS, *LESSONS, *COMMANDS])
def test_help_shows_calls_options_and_exit_statuses(
    program: str, parser_of: Callable[[str], argparse.ArgumentParser]
) -> None:
    parser = parser_of(program)
    shown = parser.format_help()
    assert max(map(len, shown.splitlines())) <= 80
    call = f"python -m nnscratch {program}" if program in COMMANDS else f"{Path(program).name}"
    assert f"{call}" in (parser.description or ""), "no call to copy"
    assert re.search(r"\nexit status:\n  0 .*\n  1 .*\n  2 .*\n  130, 143, 129 .*Ctrl-C, SIGTERM, SIGHUP\n$", shown)
    options = {option for action in parser._actions for option in action.option_strings}
    # Commands that only print may be asked for their exit status, or for a picture.
    assert ("--quiet" in options) == (program in KEEPS_FILES | set(COMMANDS) - {"info"})
    assert ("--json" in options) == (program in PRINTS)


@pytest.mark.parametrize("script", COPIED + EXPERIMENTS)
def test_every_script_has_a_test_that_runs_it(script: str) -> None:
    name = Path(script)
    test = Path(__file__).parent / name.parent / f"test_{name.name}"
    assert re.search(rf'(run|run_here)\(\s*"{script}"', test.read_text()), f"{test.name} does not run {script}"
