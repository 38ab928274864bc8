"""The table: 80 columns, every fact of a gradient on its line, the same facts in JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from nnscratch.gradient_check.comparison import Comparison
from nnscratch.gradient_check.table import HEADER, WIDTH, Checked, block, conclusion, record, row, timed


def right(name: str = "weight", kinks: int = 0) -> Comparison:
    gradient = np.array([-1.25e-5, 3.0])
    return Comparison(name, (2, 3), np.array([0, 4]), gradient, gradient * (1 + 1e-12), 1e-11, kinks=kinks)


def wrong() -> Comparison:
    return Comparison("bias", (2,), np.arange(2), np.array([1.0, -2.5]), np.array([1.0, 2.5]), 1e-11)


def at_kinks() -> Comparison:
    return Comparison("x", (4, 5), np.array([], int), np.array([]), np.array([]), 1e-11, False, 36)


def test_a_line_has_every_fact_under_its_head() -> None:
    line = row(wrong())
    assert line.split() == ["bias", "2", "1.0e+00", "(1)", "-2.5", "2.5", "wrong"]
    for head, cell in (("gradient of", "bias"), ("at", "(1)"), ("verdict", "wrong")):
        assert line.index(cell) == HEADER.index(head)
    for head, cell in (("entries", "2 "), ("error", "1.0e+00"), ("written", "-2.5"), ("numeric", " 2.5 ")):
        assert HEADER.index(head) + len(head) == line.index(cell) + len(cell.rstrip()), head


def test_how_many_entries_of_how_many() -> None:
    assert "2 of 6" in row(right())
    assert row(at_kinks()).split() == ["x", "0", "of", "20", "kinks"]


def test_everything_fits_into_80_columns() -> None:
    wide = Comparison(
        "weight",
        (15488, 500),
        np.array([7_743_999]),
        np.array([-1.2345e-105]),
        np.array([-1.2345e-105]),
        1e-11,
    )
    title = "Conv2D(100, 200, (20, 40), stride=(20, 10), padding=(10, 20)), fused, x (100, 200, 300, 100)"
    printed = block(Checked(title, [wide, right("prediction"), wrong(), at_kinks()], 123.4))
    several = row(replace(wrong(), name="layer 12 weight"))
    assert max(map(len, [HEADER, several, *printed.splitlines()])) <= WIDTH
    assert "123.4 s" in printed.splitlines()[0]
    assert " ".join(title.split()) in " ".join(printed.replace("123.4 s", "").split())


def test_the_conclusion_counts() -> None:
    good = Checked("a", [right(), right()], 1.0)
    assert conclusion([good, good], "2 configurations").startswith("2 configurations, 4 gradients: all right.\n")
    assert "2.0 s" in conclusion([good, good], "2")
    assert "kink" not in conclusion([good], "1")
    bad = Checked("b", [wrong(), at_kinks(), right(kinks=3)], 1.0)
    text = conclusion([good, bad], "2 configurations")
    assert "5 gradients: 1 WRONG" in text
    assert "39 entries lay too close to a kink" in text
    assert "Not compared: 1, because" in text
    assert "2 gradients: 1 right." in conclusion([Checked("c", [right(), at_kinks()], 1.0)], "1")
    assert good.right
    assert not bad.right
    assert not Checked("c", [at_kinks()], 1.0).right


def test_json_has_the_same_facts() -> None:
    infinite = Comparison("x", (1,), np.arange(1), np.array([np.inf]), np.array([1.0]), 1e-11)
    facts = json.loads(
        json.dumps(record(Checked("all", [right(), wrong(), at_kinks(), infinite], 0.5)), allow_nan=False)
    )
    assert facts["what"] == "all"
    assert [each["verdict"] for each in facts["gradients"]] == ["right", "wrong", "kinks", "wrong"]
    assert facts["gradients"][0] | {"largest_relative_error": 0} == {
        "of": "weight", "shape": [2, 3], "entries": 2, "of_entries": 6, "left_out_at_kinks": 0,
        "largest_relative_error": 0, "at": [1, 1], "written": 3.0, "numeric": 3.0 * (1 + 1e-12), "verdict": "right",
    }  # fmt: skip
    assert facts["gradients"][2]["at"] is None
    assert facts["gradients"][3]["written"] is None


def test_time_is_measured() -> None:
    checked = timed("a", lambda: [right()])
    assert checked.title == "a"
    assert checked.right
    assert 0 <= checked.seconds < 5
