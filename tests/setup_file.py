"""What setup.py says, read without running it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def setup_arguments() -> dict[str, Any]:
    """The arguments of setup() that are written out."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    call = next(node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "setup")
    found = {}
    for keyword in call.keywords:
        try:
            found[keyword.arg or ""] = ast.literal_eval(keyword.value)
        except ValueError:  # computed, such as the version
            continue
    return found


def requirements(*, without: tuple[str, ...] = ()) -> list[str]:
    """All requirements, the extras' too, but for the extras in `without`."""
    setup = setup_arguments()
    extras = [each for extra, names in setup["extras_require"].items() if extra not in without for each in names]
    return [*setup["install_requires"], *extras]


def name_of(requirement: str) -> str:
    """The package of a requirement.

    >>> name_of("pandas>=2.2.2")
    'pandas'
    """
    return re.split(r"[<>=!~;\[ ]", requirement)[0]
