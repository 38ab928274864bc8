from __future__ import annotations

import pytest

from nnscratch.messages import LONGEST, one_line, printable, shown


@pytest.mark.parametrize("place", ["a.csv", "folder/" * 500 + "a.csv", "a\nb\x1b[31m\udce9" * 100])
@pytest.mark.parametrize("came", ["5", "x" * 10**6, "\n\t\x00\u2028" * 500])
@pytest.mark.parametrize("expected", ["6", "y" * 400])
def test_always_one_printable_line(place: str, came: str, expected: str) -> None:
    message = one_line(place, came, expected, "correct it")
    assert message.isprintable()
    assert len(message) <= LONGEST < 300


def test_the_file_and_the_fix_are_kept() -> None:
    message = one_line("/long" * 100 + "/model.npz, line 3", "z" * 1000, "arrays", "write it again")
    assert "/model.npz, line 3: got zzz" in message
    assert message.endswith("z..., expected arrays; write it again")


def test_nothing_is_cut_that_fits() -> None:
    parts = "p" * 90, "c" * 70, "e" * 50, "f" * 40
    assert one_line(*parts) == f"{parts[0]}: got {parts[1]}, expected {parts[2]}; {parts[3]}"


def test_words() -> None:
    assert printable("a\nb\udce9×") == "a\\nb\\udce9×"
    assert shown("x" * 41) == "'" + "x" * 40 + "...' (41 characters)"
