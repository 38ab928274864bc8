"""Profiles and comparisons as text, 80 characters wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnscratch.kernels.choice import Chosen
    from nnscratch.profiling.comparison import Comparison, ComparisonRow
    from nnscratch.profiling.profile import Profile, ProfileRow

WIDTH = 80


def short(value: float | None) -> str:
    """A number in at most five characters, of about three digits.

    >>> [short(value) for value in (0.01234, 1.234, 12.34, 123.4, 1234.0, 123456.0, None)]
    ['0.012', '1.23', '12.3', '123', '1234', '123k', '-']
    """
    if value is None:
        return "-"
    for limit, form in ((0.9995, ".3f"), (9.995, ".2f"), (99.95, ".1f"), (99999.5, ".0f")):
        if abs(value) < limit:
            return format(value, form)
    for unit in ("k", "M"):
        value /= 1000
        if abs(value) < 9999.5:
            return f"{value:.0f}{unit}"
    return f"{value:.0e}".replace("e+0", "e")


def percent(share: float) -> str:
    """A share as a percentage, without digits behind the point unless it is small.

    >>> [percent(share) for share in (0.0042, 0.123, 1.5)]
    ['0.4%', '12%', '150%']
    """
    return f"{share:.1%}" if share < 0.00995 else f"{share:.0%}"


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """A sentence in lines that fit; those after the first are indented."""
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False)


def profile_table(profile: Profile) -> str:
    """One line a pass of a stage, then the totals, then what was chosen and why."""
    head = f"{'':2s}{'layers that run together':27s}{'pass':8s}{'ms':>7s}{'GFLOP/s':>8s}{'GB/s':>6s}{'roof':>6s}"
    lines = [f"{head}  {'bound':8s}{'kept':>6s}"]
    number = 0
    for row in profile.rows:
        starts_stage = bool(row.stage) and row.work == "forward"
        number += starts_stage
        lines.append(_profile_line(row, str(number) if starts_stage else ""))
    lines.append(f"{'':2s}{'sum of these rows':27s}{'':8s}{short(profile.total):>7s}{_mega(_kept(profile)):>36s}")
    lines.append(f"{'':2s}{'a step by the clock':27s}{'':8s}{short(profile.clock):>7s}  {_apart(profile)}")
    lines += ["", *wrapped(f"roof: {profile.roof}; batch of {profile.batch}, {profile.steps} steps of each kind")]
    lines += wrapped(
        f"the step by the clock: {short(profile.operations / 1e9)} GFLOP of the plain formula, {short(profile.gflops)} "
        f"GFLOP/s: {percent(profile.share_of_multiply_adds)} of what multiply-adds in registers reach"
    )
    lines += ["", "why"]
    number = 0
    for row in profile.rows:
        if row.stage and row.work == "forward":
            number += 1
            places = f"layers {row.layers[0]}-{row.layers[-1]}" if len(row.layers) > 1 else f"layer {row.layers[0]}"
            lines += wrapped(f"{number:<2d}{row.stage}, {places}: {row.because}")
            kernels = [kernel for each in profile.rows if each.layers == row.layers for kernel in each.kernels]
            for text in together(kernels):
                lines += wrapped(f"  {text}", "    ")
    return "\n".join(lines)


def together(kernels: Iterable[Chosen]) -> list[str]:
    """One text for each kernel and reason, with all that it computes for that reason.

    >>> from nnscratch.kernels.choice import Chosen
    >>> together([Chosen("dweight", "a.py", "few rows"), Chosen("dx", "a.py", "few rows")])
    ['dweight, dx: a.py: few rows']
    """
    works: dict[str, list[str]] = {}
    for kernel in kernels:
        works.setdefault(f"{kernel.kernel}: {kernel.because}", []).append(kernel.work)
    return [f"{', '.join(names)}: {text}" for text, names in works.items()]


def _profile_line(row: ProfileRow, number: str) -> str:
    shown = row.part if row.work in ("forward", "both", "step") else ""
    work = row.work if row.stage else ""
    name = shown if len(shown) <= 26 else shown[:23] + "..."
    kept = _mega(row.kept) if row.kept else ""
    return (
        f"{number:2s}{name:27s}{work:8s}{short(row.milliseconds):>7s}{short(row.gflops):>8s}"
        f"{short(row.gigabytes_per_second):>6s}{percent(row.share_of_roof):>6s}  {row.bound:8s}{kept:>6s}"
    ).rstrip()


def _apart(profile: Profile) -> str:
    apart = profile.total / profile.clock - 1
    more = "less" if apart < 0 else "more"
    if profile.in_one_call:
        return f"the sum is {abs(apart):.0%} {more}: one call"
    if abs(apart) > 0.1:  # something else was running
        return f"the sum is {abs(apart):.0%} {more}: unsure"
    return f"the sum is {abs(apart):.1%} {more}"


def _kept(profile: Profile) -> int:
    return sum(row.kept for row in profile.rows)


def _mega(size: int) -> str:
    """Bytes, in at most six characters: 960, 12.3k, 4.6M, 1.2G."""
    for unit, least, one in (("G", 1e9, 1e9), ("M", 5e4, 1e6), ("k", 1e3, 1e3)):
        if size >= least:
            return f"{size / one:.1f}{unit}"
    return str(size)


def comparison_table(comparison: Comparison) -> str:
    """One line a method and direction, then what the methods are, then the notes."""
    operation, roof = comparison.operation, comparison.roof
    lines = wrapped(operation.title, "")
    lines += wrapped(f"roof: {roof}", "")
    head = f"{'method':16s}{'':8s}{'ms':>7s}{'x':>7s}{'GFLOP/s':>8s}{'MB':>6s}{'GB/s':>6s}{'op/B':>6s}"
    lines += ["", f"{head}{'roof':>6s}{'differs':>10s}"]
    lines += [_comparison_line(row) for row in comparison.rows]
    forward, backward = operation.bounds
    bounds = f"{forward:.1e} forward, {backward:.1e} backward" if forward + backward else "0"
    lines += wrapped(f"equal: no difference above {bounds} (of an array's largest number; what rounding explains)")
    lines.append("")
    for name, idea in comparison.ideas.items():
        lines += wrapped(f"{name:16s}{idea}", " " * 16)
    lines.append("")
    for note in operation.notes:
        lines += wrapped(note)
    return "\n".join(lines)


def _comparison_line(row: ComparisonRow) -> str:
    name = (row.method if row.direction == "forward" else "") + (" *" if row.chosen else "")
    return (
        f"{name:16s}{row.direction:8s}{_milliseconds(row.milliseconds):>7s}{_times(row.times_as_fast):>7s}"
        f"{short(row.gflops):>8s}{short(row.megabytes):>6s}{short(row.gigabytes_per_second):>6s}"
        f"{short(row.intensity):>6s}{percent(row.share_of_roof):>6s}{row.difference:>10.1e}"
    )


def _milliseconds(value: float) -> str:
    """Milliseconds; of a minute and more, seconds."""
    return short(value) if value < 60_000 else f"{short(value / 1000)} s"


def _times(value: float) -> str:
    if value >= 0.01:
        return short(value)
    for unit, size in (("", 1), ("k", 1e3)):
        if 1 / value < 999.5 * size:
            return f"1/{1 / value / size:.0f}{unit}"
    return f"1/{1 / value / 1e6:.0f}M"
