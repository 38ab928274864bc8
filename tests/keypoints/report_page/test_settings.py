"""How a run was made."""

from __future__ import annotations

from nnscratch.keypoints.report_page.settings import settings
from tests.pages.parsed_page import ParsedPage


def test_command_versions_and_options() -> None:
    options = {"lr": 0.002, "data": None, "model": "long", "versions": {}, "note": "x" * 1000}
    page = ParsedPage(settings("python a.py '<b>'", {"numpy": "2.4"}, options))
    assert page.problems == []
    for part in ("python a.py '<b>'", "numpy 2.4", "lr 0.002", "data –", "(1,000 characters)"):
        assert part in page.text, part
    assert "long" not in page.text


def test_what_is_not_known_is_left_out() -> None:
    text = ParsedPage(settings(None, {}, {})).text
    assert text == "Versions"
