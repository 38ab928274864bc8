"""The page of the doctor's findings says what the doctor says."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from nnscratch.diagnosis import findings, learnable
from nnscratch.diagnosis import setup as trials
from nnscratch.diagnosis.checks import symptoms
from nnscratch.diagnosis.doctor import EXPLAINS_SOMETHING
from nnscratch.diagnosis.trying import BRINGS, FAR_BEHIND

PAGE = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
HEAD, *ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\|(?!-)", line)
]


def section(title: str) -> str:
    """The text below a heading, on one line."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return " ".join(text.split())


def test_the_table_has_every_finding_once_in_the_doctors_order() -> None:
    assert [row[0] for row in ROWS] == [f"`{code}`" for code in findings.ORDER]


def test_no_cell_is_empty() -> None:
    assert HEAD[0] == "code"
    for row in ROWS:
        assert len(row) == len(HEAD), row[0]
        assert all(row), row[0]


def test_others_are_said_to_say_nothing_or_are_among_the_sources() -> None:
    column = HEAD.index("what others say")
    sources = set(re.findall(r"(?:^|- )(\w+): ", section("Sources")))
    named = set()
    for row in ROWS:
        programs = set(re.findall(r"(\w+) [`\"]", re.sub(r"[`\"][^`\"]*[`\"]", "`", row[column])))
        assert programs or row[column] == "nothing", row[0]
        named |= programs - {"and"}
    assert named <= sources


def test_numbers_in_the_text_are_the_programs() -> None:
    verdicts, rules, tried = map(section, ("Three verdicts", "What could be learnt", "Remedies, tried"))
    assert f"less than {EXPLAINS_SOMETHING:.0%} of what differs" in verdicts
    assert set(re.findall(r"\d+%", verdicts)) == {f"{EXPLAINS_SOMETHING:.0%}"}
    assert f"each of {learnable._ROWS} rows ({learnable._FEW_ROWS} if a row has more than" in rules
    assert f"more than {learnable._MANY_NUMBERS:,} numbers" in rules
    assert f"fewer than {learnable.FEWEST_ROWS} rows" in rules
    assert f"{trials._STEPS} steps ({trials._FEW_STEPS} if it is large)" in tried
    assert trials._APART == 4
    assert f"every fourth row, which the training did not see (with fewer than {trials._APART * 10} rows" in tried
    assert f"take {BRINGS} off that, or leave {FAR_BEHIND} more" in tried
    (last,) = (row for row in ROWS if row[0] == "`no_better_than_mean`")
    assert last[2] == f"R² below {symptoms.NO_BETTER:.0%}"


def test_the_example_prints_what_the_page_says() -> None:
    """Word for word; digits depend on the machine."""
    code, shown = (
        re.findall(rf"<!-- {kind} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL) for kind in ("example", "printed")
    )
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(code[0], {})
    assert words(shown[0]) in words(printed.getvalue())


def words(text: str) -> str:
    return re.sub(r"[\d.]+", "#", " ".join(text.split()))
