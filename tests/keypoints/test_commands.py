"""The table of commands is read whenever one runs: it must not import what each of them needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nnscratch.keypoints.commands import COMMANDS

ROOT = Path(__file__).parents[2]


def test_the_table_of_commands_imports_nothing_heavy() -> None:
    code = "import sys, nnscratch.keypoints.commands; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"matplotlib", "pandas", "nnscratch.keypoints.faces"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_line_and_says_what_it_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 < len(COMMANDS[name].help) < 68
    assert "\n" not in COMMANDS[name].help
    with pytest.raises(SystemExit) as stop:
        COMMANDS[name].main(["--help"])
    assert not stop.value.code
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: python -m nnscratch {name} ")
    assert max(map(len, printed.splitlines())) <= 80
