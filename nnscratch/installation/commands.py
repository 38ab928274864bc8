"""What this package adds to `python -m nnscratch`."""

from __future__ import annotations

from nnscratch.commands import Command


def _info(arguments: list[str]) -> None:
    from nnscratch.installation import info

    info.main(arguments)


COMMANDS = {"info": Command("versions, machine, threads, BLAS, cache: what a bug report needs", _info)}
