"""The table of `python -m nnscratch gradcheck`: for each array the worst entry, and the verdict."""

from __future__ import annotations

import math
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nnscratch.gradient_check.comparison import Comparison
from nnscratch.gradient_check.differences import RIGHT

WIDTH = 80
HEADER = f"  {'gradient of':12}{'entries':>13} {'error':>7} {'at':14} {'written':>10} {'numeric':>10} verdict"


@dataclass(frozen=True)
class Checked:
    """What was checked, each of its gradients, and how long that took."""

    title: str
    comparisons: Sequence[Comparison]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether all gradients are right."""
        return all(each.verdict == "right" for each in self.comparisons)


def timed(title: str, compare: Callable[[], list[Comparison]]) -> Checked:
    """Runs `compare` by the clock."""
    begin = time.perf_counter()
    comparisons = compare()
    return Checked(title, comparisons, time.perf_counter() - begin)


def block(checked: Checked) -> str:
    """The title and the time, then a line per gradient; 80 columns."""
    seconds = checked.seconds
    duration = f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"
    first, *rest = textwrap.wrap(checked.title, WIDTH - 2 - len(duration), subsequent_indent="    ")
    head = [f"{first:{WIDTH - len(duration)}}{duration}", *rest]
    return "\n".join([*head, *map(row, checked.comparisons)])


def row(comparison: Comparison) -> str:
    """One line: which gradient, how many entries, the worst one, the verdict."""
    size, count = math.prod(comparison.shape), len(comparison.places)
    entries = f"{count:,} of {size:,}" if count < size else f"{size:,}"
    begin = f"  {comparison.name} {entries:>{24 - len(comparison.name)}}"
    worst = comparison.worst
    if worst is None:
        return f"{begin} {'':45}{comparison.verdict}"
    error = f"{worst.error:.1e}" if worst.error else "0"
    index = f"({', '.join(map(str, worst.index))})"
    written = f"{_number(worst.written):>{24 - len(index)}}"
    return f"{begin} {error:>7} {index} {written} {_number(worst.numeric):>10} {comparison.verdict}"


def _number(value: float) -> str:
    """At most 10 characters: four digits, or three where the exponent takes more."""
    text = f"{value:.4g}"
    return text if len(text) <= 10 else f"{value:.3g}"


def conclusion(checked: Sequence[Checked], what: str) -> str:
    """The last lines: how many gradients are right, and the largest error of all.

    what : was checked, in words
    """
    comparisons = [each for one in checked for each in one.comparisons]
    errors = [each.worst.error for each in comparisons if each.worst]
    wrong = sum(each.verdict == "wrong" for each in comparisons)
    kinks, undecided = sum(each.kinks for each in comparisons), sum(each.verdict == "kinks" for each in comparisons)
    verdict = f"{wrong} WRONG" if wrong else f"{len(comparisons) - undecided} right" if undecided else "all right"
    lines = [
        f"{what}, {len(comparisons)} gradients: {verdict}.",
        f"Largest relative error {max(errors, default=0.0):.1e}, bound {RIGHT:.0e}; "
        f"{sum(each.seconds for each in checked):.1f} s.",
    ]
    if kinks:
        lines.append(f"{kinks} entries lay too close to a kink (ReLU at 0, equal maxima); others took their place.")
    if undecided:
        lines.append(f"Not compared: {undecided}, because each entry that was looked at lay at a kink.")
    return "\n".join(line for text in lines for line in textwrap.wrap(text, WIDTH))


def record(checked: Checked) -> dict[str, Any]:
    """The same facts for JSON."""
    return {
        "what": checked.title,
        "seconds": checked.seconds,
        "gradients": [record_of(each) for each in checked.comparisons],
    }


def record_of(comparison: Comparison) -> dict[str, Any]:
    worst = comparison.worst
    return {
        "of": comparison.name,
        "shape": list(comparison.shape),
        "entries": len(comparison.places),
        "of_entries": math.prod(comparison.shape),
        "left_out_at_kinks": comparison.kinks,
        "largest_relative_error": worst.error if worst else None,
        "at": list(worst.index) if worst else None,
        "written": worst.written if worst and math.isfinite(worst.written) else None,
        "numeric": worst.numeric if worst else None,
        "verdict": comparison.verdict,
    }
