"""Which findings follow from which, and which come first."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import nnscratch.diagnosis.checks
from nnscratch.diagnosis import Finding
from nnscratch.diagnosis.findings import (
    BY_SIZE,
    BY_TRAINING,
    CHECKS_ALWAYS,
    CHECKS_IF_NOTHING_LEARNT,
    EXPLAINS,
    IN_THE_ROWS,
    ORDER,
    find,
    without_consequences,
)
from tests.diagnosis.small_networks import case_of, mlp


def finding(code: str, by_training: bool = False) -> Finding:
    return Finding(code, None, {}, "", "", by_training)


def codes(*found: Finding) -> list[str]:
    return [left.code for left in without_consequences(found)]


def test_a_consequence_is_left_out() -> None:
    assert codes(finding("step_too_large"), finding("decay_dominates")) == ["step_too_large"]
    assert codes(finding("decay_dominates"), finding("overfitting")) == ["decay_dominates", "overfitting"]


def test_a_consequence_of_a_consequence_is_left_out() -> None:
    assert codes(finding("targets_unscaled"), finding("step_too_large"), finding("decay_dominates")) == [
        "targets_unscaled"
    ]


@pytest.mark.parametrize("cause", ["exploding_signal", "step_too_large"])
def test_large_biases_of_an_explosion_are_part_of_it(cause: str) -> None:
    assert codes(finding("saturated_by_bias", by_training=True), finding(cause)) == [cause]


def test_large_biases_from_the_start_cause_an_explosion() -> None:
    assert codes(finding("saturated_by_bias"), finding("exploding_signal")) == ["saturated_by_bias"]
    assert codes(finding("saturated_by_bias"), finding("step_too_large")) == ["saturated_by_bias", "step_too_large"]


def test_the_table_names_findings_and_has_no_circle() -> None:
    names = {*EXPLAINS, *(name for explained in EXPLAINS.values() for name in explained)}
    assert names - {BY_TRAINING, BY_SIZE, IN_THE_ROWS} <= set(ORDER)
    assert tuple(TopologicalSorter(EXPLAINS).static_order())  # raises CycleError


def test_every_check_is_listed() -> None:
    folder = Path(nnscratch.diagnosis.checks.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "unlabelled", "symptoms"}
    assert {check.__name__.rpartition(".")[2] for check in CHECKS_ALWAYS + CHECKS_IF_NOTHING_LEARNT} == files


def test_findings_stand_in_order() -> None:
    found = [finding.code for finding in find(case_of(mlp(bias="constant(-30)")))]
    assert found == sorted(found, key=ORDER.index)
    assert len(found) > 2
