"""Second opinions: what a remedy brings, and which come first."""

from __future__ import annotations

from typing import Any

import pytest

import nnscratch as nn
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Setup
from nnscratch.diagnosis.treatments import Treatment, change_lr, widen
from nnscratch.diagnosis.trying import Trial, try_remedies
from tests.diagnosis.small_networks import adam, case_of, dense, sgd, table


def finding(code: str, *treatments: Any) -> Finding:
    return Finding(code, None, {}, "What.", "How.", treatments=treatments)


def tried(*findings: Finding, lr: float = 1e-6) -> tuple[list[Finding], list[Trial]]:
    """With a network whose only fault is its rate."""
    model = dense(32, 2)
    optimizer = sgd(model, lr=lr)
    setup = Setup.of(model, *table(), nn.MSELoss(), optimizer)
    return try_remedies(case_of(model, table(), optimizer), findings, setup)


def test_what_brings_nothing_goes_behind_and_symptoms_stay_last() -> None:
    useless, useful = finding("dead_units", widen(64)), finding("step_too_small", change_lr(1e4, 1e-6))
    unknown, symptom = finding("misaligned_rows"), finding("constant_output")
    found, trials = tried(useless, useful, unknown, symptom)
    assert [each.code for each in found] == ["step_too_small", "misaligned_rows", "dead_units", "constant_output"]
    assert [trial.brings for trial in trials] == [False, True]
    assert trials[1].changed < 0.7 < trials[1].as_it_is


def test_the_best_treatment_of_a_finding_becomes_its_first() -> None:
    (found,), (trial,) = tried(finding("step_too_small", change_lr(10, 1e-6), change_lr(1e4, 1e-6)))
    assert found.treatments[0].words == "lr=0.01"
    assert "0.01" in str(trial)
    assert trial.steps == 300


def test_if_none_brings_anything_the_likeliest_stays_first() -> None:
    (found,), (trial,) = tried(finding("dead_units", widen(64), widen(128)))
    assert found.treatments[0].words == trial.words == "hidden layers of 64 units"


def test_nothing_to_try() -> None:
    assert tried(finding("unlabelled")) == ([finding("unlabelled")], [])


def test_a_remedy_that_cannot_be_applied_brings_nothing() -> None:
    def cannot(setup: Setup) -> None:
        raise ValueError

    _, (trial,) = tried(finding("dead_units", Treatment("cannot", cannot)))
    assert trial.changed == 2


def test_the_text_has_80_columns_and_the_facts_have_the_trials() -> None:
    model = dense(32, 2)
    diagnosis = nn.diagnose(model, *table(), optimizer=adam(model, lr=1e-7), try_remedies=True)
    assert max(map(len, str(diagnosis).splitlines())) <= 80
    (trial,) = diagnosis.facts()["trials"]
    assert trial["code"] == "step_too_small"
    assert trial["changed"] < trial["as_it_is"] - 0.05
    assert nn.diagnose(model, *table(), optimizer=adam(model, lr=1e-7)).trials == []


@pytest.mark.parametrize("wrong", [1, "yes", None])
def test_try_remedies_is_true_or_false(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected True or False"):
        nn.diagnose(dense(8, 2), *table(), try_remedies=wrong)
