"""The table of all broken rules: what the check says, and whether training would have shown it."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Sequence

from nnscratch.gradient_check import table
from nnscratch.gradient_check.broken_rules.page import Broken
from nnscratch.gradient_check.broken_rules.trainings import AS_WELL, LEARNS, SEEDS
from nnscratch.gradient_check.comparison import Comparison

_LEGEND = (
    "Largest error: the largest relative error that the check finds, with the right layer and with the wrong one. Loss "
    f"ends at: the share of its first value; ratio: wrong over right; medians over {len(SEEDS)} seeds. Training alone "
    f"shows it: yes, if the wrong loss does not fall below {LEARNS:.0%} for most seeds; only compared, if it does, but "
    f"ends above {AS_WELL:g} times the right one; otherwise no."
)


def overview(all_broken: Sequence[Broken]) -> str:
    """A line per rule, 80 columns."""
    lines = [
        f"{'':23}{'largest error':>16}  {'loss ends at':>15}          training",
        f"{'rule':23}{'right':>8}{'wrong':>8}  {'right':>7} {'wrong':>7} {'ratio':>7}  alone shows it",
    ]
    for name, right, wrong, right_end, wrong_end, ratio, verdict in map(_cells, all_broken):
        lines.append(f"{name:23}{right:>8}{wrong:>8}  {right_end:>7} {wrong_end:>7} {ratio:>7}  {verdict}")
    missed = [each.rule.name for each in all_broken if not each.found]
    end = f"THE CHECK MISSES {', '.join(missed)}." if missed else f"The check finds all {len(all_broken)}."
    return "\n".join([*lines, "", *textwrap.wrap(_LEGEND, table.WIDTH), "", end])


def markdown(all_broken: Sequence[Broken]) -> str:
    """The same as a table in Markdown."""
    head = "| rule | error, right | error, wrong | loss ends at, right | wrong | ratio | training alone shows it |"
    lines = [head, "|---" * 7 + "|"]
    lines += [f"| {' | '.join(_cells(each))} |" for each in all_broken]
    return "\n".join(lines)


def _cells(broken: Broken) -> tuple[str, ...]:
    both = broken.trainings
    ends = [statistics.median(losses[-1] / losses[0] for losses in of) for of in (both.right, both.wrong)]
    errors = [_error(broken.right), _error(broken.wrong)]
    return broken.rule.name, *errors, *map(_share, ends), _ratio(both.ratio), both.verdict


def _error(comparisons: Sequence[Comparison]) -> str:
    error = max((each.worst.error for each in comparisons if each.worst), default=0.0)
    return f"{error:.2f}" if error > 0.01 else f"{error:.0e}"


def _share(share: float) -> str:
    return f"{share:.1%}" if share < 1 else _times(share)


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else _times(ratio)


def _times(number: float) -> str:
    if math.isinf(number):
        return "infinite"
    return f"{number:.0f} x" if number < 1e4 else f"{number:.0e} x"
