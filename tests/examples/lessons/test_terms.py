"""The list of terms in examples/lessons/README.md: each is explained where the list says, and not
used in the text of a lesson before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from nnscratch.lessons import notebook

FOLDER = Path(__file__).parents[3] / "examples" / "lessons"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
NOTEBOOKS = {int(path.name[:2]): path for path in sorted(FOLDER.glob("*.ipynb"))}
# | slope | 1 | Slope |
TERMS = re.findall(r"^\| ([^|]+) \| (\d) \| ([^|]+) \|$", README, re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """The prose under one heading of a lesson: no code, no link targets, no other headings."""

    lesson: int
    heading: str
    text: str


def prose(markdown: str) -> str:
    """Markdown without code, without titles of other lessons and without the targets of links."""
    markdown = re.sub(r"```.*?```", " ", markdown, flags=re.DOTALL)
    markdown = re.sub(r"^    .*$", " ", markdown, flags=re.MULTILINE)
    markdown = re.sub(r"\[[^]]*\]\([^)]*\.ipynb\)", " ", re.sub(r"`[^`]*`", " ", markdown))
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", markdown)


def sections() -> list[Section]:
    found = []
    for lesson, path in NOTEBOOKS.items():
        text = "\n\n".join(cell.source for cell in notebook.read(path).cells if not cell.code)
        text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)  # a # in it is no heading
        parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
        found += [Section(lesson, *each) for each in zip(parts[1::2], map(prose, parts[2::2]), strict=True)]
    return found


SECTIONS = sections()


def test_every_lesson_is_in_the_index_with_its_terms() -> None:
    listed = {int(number) for _, number, _ in TERMS}
    assert listed == {*NOTEBOOKS}
    for path in NOTEBOOKS.values():
        assert f"({path.name})" in README
        assert f"(solutions/{path.stem}.py)" in README


def test_no_term_is_listed_twice() -> None:
    names = [term.lower() for term, _, _ in TERMS]
    assert len(names) == len({*names})


@pytest.mark.parametrize(("term", "lesson", "heading"), TERMS, ids=[term for term, _, _ in TERMS])
def test_a_term_is_explained_before_it_is_used(term: str, lesson: str, heading: str) -> None:
    word = re.compile(rf"(?<![\w-]){re.escape(term)}(s|es)?(?![\w-])", re.IGNORECASE)
    first = next((section for section in SECTIONS if word.search(section.text)), None)
    assert first is not None, f"no lesson says {term}"
    assert (first.lesson, first.heading) == (int(lesson), heading), f"{term} stands first in {first.heading}"
    place = word.search(first.text)
    assert place
    before, after = first.text[: place.start()], first.text[place.end() :]
    assert before.endswith("**"), f"{term} is used before it is explained: ...{before[-60:]}{place[0]}"
    assert after.startswith("**"), after[:40]


def test_prose_is_what_a_reader_reads_as_text() -> None:
    assert prose("A line\n\n    weight = 1\n\n```\nbias\n```\n\nend").split() == ["A", "line", "end"]
    assert prose("A `weight` [is](a.md) **here**") == "A   is **here**"
