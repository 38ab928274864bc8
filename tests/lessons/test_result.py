"""What a check found, as text."""

from __future__ import annotations

from nnscratch.lessons.result import is_right, is_wrong, not_done


def test_the_three_verdicts() -> None:
    right, open_, wrong = is_right("which", "that"), not_done("which", "that"), is_wrong("which", "that", ["no"])
    assert [bool(each) for each in (right, open_, wrong)] == [True, False, False]
    assert [each.verdict for each in (right, open_, wrong)] == ["right", "not done yet", "wrong"]
    assert [each.text.partition("\n")[0][7:] for each in (right, open_, wrong)] == [
        "right",
        "not done yet. Fill in its cell, run that cell, then this one.",
        "wrong",
    ]
    assert all(each.working == "that" for each in (right, open_, wrong))


def test_repr_is_the_text() -> None:
    assert repr(is_right("which", "that", "4 cases")) == "which: right (4 cases)"


def test_lines_fit_a_terminal() -> None:
    result = is_wrong("which", "that", ["a long hint " * 20 + "\nwith a detail", "another"])
    lines = result.text.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-2:] == ["    with a detail", "  another"]
    assert result.hints[1] == "another"
    assert "\n" not in result.hints[0]
