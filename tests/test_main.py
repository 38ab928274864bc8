"""python -m nnscratch: its commands, how it ends on bad input. The library knows no faces."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nnscratch
from nnscratch import __main__, commands
from nnscratch.commands import Command

PACKAGE = Path(nnscratch.__file__).parent
LIBRARY = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] != "keypoints"]


@pytest.fixture
def heal(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A command `heal` of the library's own; the arguments of each call."""
    calls: list[list[str]] = []

    def main(arguments: list[str]) -> None:
        calls.append(arguments)
        if "badly" in arguments:
            raise ValueError("got 'badly',\n  expected well; try again")

    monkeypatch.setitem(commands.COMMANDS, "heal", Command("makes it whole", main))
    return calls


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_the_commands_of_all_packages(
    option: str, heal: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    __main__.main([option])
    printed = capsys.readouterr().out
    assert re.search(
        "  heal +makes it whole\n  info +versions.*\n  diagnose +why the network", printed
    )  # the library's own commands first
    assert max(map(len, printed.splitlines())) <= 80
    assert heal == []


def test_a_command_gets_the_arguments_behind_its_name(heal: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    __main__.main(["heal", "--all", "layers"])
    monkeypatch.setattr(sys, "argv", ["__main__.py", "heal", "all"])
    __main__.main()
    assert heal == [["--all", "layers"], ["all"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cure"], "got the command 'cure', expected one of ALL; see python -m nnscratch --help"),
        ([], "got no command, expected one of ALL; see python -m nnscratch --help"),
        (["trcae"], "got the command 'trcae', expected one of ALL; did you mean trace?"),
        (
            ["x\n" * 100],
            f"got the command '{'x ' * 20}...' (200 characters), expected one of ALL; see python -m nnscratch --help",
        ),
        (["--versoin"], "got the command '--versoin', expected one of ALL; see python -m nnscratch --help"),
        (["heal", "badly"], "got 'badly', expected well; try again"),
    ],
)
@pytest.mark.usefixtures("heal")
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        __main__.main(arguments)
    assert stop.value.code == 2
    message = message.replace("ALL", ", ".join(__main__.find_commands()))
    assert capsys.readouterr().err == f"python -m nnscratch: error: {message}\n"


def test_commands_are_found_without_an_import_of_extras() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from nnscratch import __main__; __main__.main(['--help'])\n"
        "assert not {'nnscratch.sklearn', 'matplotlib', 'pandas'} & set(sys.modules), sorted(sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    __main__.main(["--version"])
    assert capsys.readouterr().out == f"nnscratch {nnscratch.__version__}\n"


def test_the_console_script_is_called_by_its_own_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for script in ("/usr/bin/nnscratch", "nnscratch.exe"):
        monkeypatch.setattr(sys, "argv", [script, "--help"])
        __main__.main()
        printed = capsys.readouterr().out
        assert printed.startswith("usage: nnscratch COMMAND ...\n")
        assert "python -m" not in printed
    monkeypatch.setattr(sys, "argv", ["/usr/bin/nnscratch", "cure"])
    with pytest.raises(SystemExit):
        __main__.main()
    assert capsys.readouterr().err.startswith("nnscratch: error: got the command 'cure', expected one of")


def test_a_reader_that_went_away_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def prints(arguments: list[str]) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setitem(commands.COMMANDS, "heal", Command("makes it whole", prints))
    monkeypatch.setattr(__main__, "write_nowhere", lambda: None)
    __main__.main(["heal"])
    assert capfd.readouterr().err == ""


def test_ctrl_c_is_one_line_and_status_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(arguments: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(commands.COMMANDS, "heal", Command("makes it whole", interrupted))
    with pytest.raises(SystemExit) as stop:
        __main__.main(["heal"])
    assert stop.value.code == 130
    assert capsys.readouterr().err == "python -m nnscratch: interrupted\n"


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-W", "error", "-m", "nnscratch", "--version"]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert done.stdout == f"nnscratch {nnscratch.__version__}\n"


def imports(path: Path) -> set[str]:
    """The names of the modules that a file imports, also those inside functions."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", LIBRARY, ids=[str(path.relative_to(PACKAGE)) for path in LIBRARY])
def test_the_library_imports_no_faces(path: Path) -> None:
    assert [name for name in imports(path) if name.startswith("nnscratch.keypoints")] == []


def test_import_nnscratch_imports_no_faces() -> None:
    code = "import sys, nnscratch; print([name for name in sys.modules if name.startswith('nnscratch.keypoints')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
