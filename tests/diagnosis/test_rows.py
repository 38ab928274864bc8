"""Rows that are looked at."""

from __future__ import annotations

from nnscratch.diagnosis.rows import evenly_spaced


def test_first_and_last_are_among_them_and_none_twice() -> None:
    for count, most in ((1, 5), (5, 5), (6, 5), (1000, 128)):
        rows = evenly_spaced(count, most)
        assert (rows[0], rows[-1]) == (0, count - 1)
        assert len(set(rows.tolist())) == len(rows) == min(count, most)
