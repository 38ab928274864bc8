"""first_network.py: a bare loop, and an error that falls far below that of the mean answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2] / "examples" / "first_network.py"


def test_it_learns(run_here: Any) -> None:
    done = run_here("first_network.py")
    mean, *errors = [float(number) for number in re.findall(r"([\d.]+) px", done.stdout)]
    assert len(errors) == 10
    assert errors[-1] < 0.7 * mean
    assert errors[-1] < 0.8 * errors[0]


def test_the_loop_hides_nothing() -> None:
    source = SOURCE.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 50
    for hidden in ("Trainer", "Recipe", "argparse", "scripts"):
        assert hidden not in source
