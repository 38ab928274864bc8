"""A whole page: sections that can be reached, one style, nothing from outside."""

from __future__ import annotations

import re

from nnscratch.pages.markup import element
from nnscratch.pages.page import Section, page, shared_style
from tests.pages.parsed_page import check_page


def test_its_sections_can_be_reached() -> None:
    sections = [Section("score", "The <score>", element("p", "1 px")), Section("faces", "Faces", element("p", "none"))]
    made = page("A <run>", "of & today", element("p", "head"), sections)
    parsed = check_page(made)
    assert parsed.headings == [(1, "A <run>"), (2, "The <score>"), (2, "Faces")]
    links = [given["href"] for tag, given in parsed.elements if tag == "a"]
    assert links == ["#content", "#score", "#faces"]
    assert made == page("A <run>", "of & today", element("p", "head"), sections)


def test_dark_and_light_have_the_same_names_and_text_can_be_read_on_both() -> None:
    """WCAG AA: 4.5 for text, 3 for lines; the print has its own colours."""
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", shared_style())
    themes = [dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in blocks]
    light, dark, chosen = themes
    assert dark == chosen
    assert light.keys() == dark.keys()
    for theme in (light, dark):
        for ground in ("paper", "panel", "faint"):
            for text in ("ink", "soft", "go", "source"):
                assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
            for line in ("first", "second", "third", "fourth"):
                assert contrast(theme[line], theme[ground]) >= 3, (line, ground)
        assert contrast(theme["warn"], theme["warn-paper"]) >= 4.5


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
