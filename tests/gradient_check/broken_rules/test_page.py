"""The page of a broken rule: every part is there, in 80 columns, and true."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nnscratch.gradient_check.broken_rules.page import Broken
from nnscratch.gradient_check.broken_rules.rules import RULES


@pytest.mark.parametrize("place", range(len(RULES)), ids=[rule.name for rule in RULES])
def test_the_page_has_every_part(place: int, briefly_broken: list[Broken]) -> None:
    broken = briefly_broken[place]
    rule, text = broken.rule, broken.text()
    assert max(map(len, text.splitlines())) <= 80, [line for line in text.splitlines() if len(line) > 80]
    flat = " ".join(text.split())
    for part in (rule.title, *rule.formulas, f"class {rule.wrong.__name__}", "# right:", broken.trainings.sentence()):
        assert " ".join(part.split()) in flat
    assert "The check finds it." in text
    assert "*" in text.partition("marks where the two differ")[2].partition("The check:")[0]
    final = f"{broken.trainings.right[0][-1]:.3g} (right) and {broken.trainings.wrong[0][-1]:.3g} (wrong)"
    assert final in flat


def test_a_mistake_that_is_not_found_is_said(briefly_broken: list[Broken]) -> None:
    missed = replace(briefly_broken[0], wrong=briefly_broken[0].right)
    assert not missed.found
    assert "THE CHECK DOES NOT FIND IT." in missed.text()
    assert not replace(briefly_broken[0], right=briefly_broken[0].wrong).found


def test_json_has_the_same_facts(briefly_broken: list[Broken]) -> None:
    for broken in briefly_broken:
        facts = json.loads(json.dumps(broken.record(), allow_nan=False))
        assert facts["rule"] == broken.rule.name
        assert facts["found"] is True
        assert facts["training_alone_shows_it"] == broken.trainings.verdict
        right, wrong = np.array(facts["right_gradient"]), np.array(facts["wrong_gradient"])
        assert right.shape == wrong.shape
        assert np.abs(right - wrong).max() > 1e-3
        assert len(facts["right_losses"]) == len(facts["wrong_losses"]) == 5
