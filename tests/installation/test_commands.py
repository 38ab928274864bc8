"""What the package offers to `python -m nnscratch`."""

from __future__ import annotations

from nnscratch import __main__
from nnscratch.installation.commands import COMMANDS


def test_info_is_a_command() -> None:
    assert __main__.find_commands().items() >= COMMANDS.items()
    assert list(COMMANDS) == ["info"]
