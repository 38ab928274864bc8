"""How a run was made: the command, the versions, every option with the value that was used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnscratch.pages.markup import Html, element, joined
from nnscratch.pages.tables import facts

_ELSEWHERE = {"versions", "model"}  # on the page already


def settings(command: str | None, versions: Mapping[str, Any], options: Mapping[str, Any]) -> Html:
    """The command to repeat it, and what else decides its numbers."""
    told = [
        (name.replace("_", " "), "–" if value is None else _shown(value))
        for name, value in options.items()
        if name not in _ELSEWHERE
    ]
    return joined(
        [
            element("pre", element("code", command), class_="command") if command else None,
            element("h3", "Versions"),
            facts([(name, str(version)) for name, version in versions.items()]),
            element("h3", "Options, defaults included") if told else None,
            facts(told) if told else None,
        ]
    )


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text):,} characters)"
