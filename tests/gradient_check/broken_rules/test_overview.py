"""The table of all rules, and that the document says what the program says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nnscratch.gradient_check.broken_rules.overview import markdown, overview
from nnscratch.gradient_check.broken_rules.page import Broken

pytestmark = pytest.mark.nightly  # ten seconds: every rule trains twice; each by itself is tested beside this
DOCUMENT = Path(__file__).parents[3] / "docs" / "broken_gradients.md"


def test_a_line_per_rule_in_80_columns(all_broken: list[Broken]) -> None:
    lines = overview(all_broken).splitlines()
    assert max(map(len, lines)) <= 80
    for broken in all_broken:
        (line,) = (line for line in lines if line.startswith(f"{broken.rule.name} "))
        assert line.endswith(broken.trainings.verdict)
    assert lines[-1] == f"The check finds all {len(all_broken)}."
    missed = replace(all_broken[2], wrong=all_broken[2].right)
    assert overview([missed]).endswith(f"THE CHECK MISSES {missed.rule.name}.")


def test_most_mistakes_look_like_learning(all_broken: list[Broken]) -> None:
    verdicts = [broken.trainings.verdict for broken in all_broken]
    assert verdicts.count("yes") < len(verdicts) / 2
    assert {"yes", "only compared", "no"} == set(verdicts)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_document_says_what_the_program_says(all_broken: list[Broken]) -> None:
    printed = [cells(line) for line in markdown(all_broken).splitlines()]
    written = [cells(line) for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert len(written) == len(printed) == len(all_broken) + 2
    assert written[0] == printed[0]
    for one, other in zip(written[2:], printed[2:], strict=True):
        assert (one[0], one[-1]) == (other[0], other[-1])  # the rule and the verdict; digits depend on the machine
