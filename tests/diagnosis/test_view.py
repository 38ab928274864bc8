"""A diagnosis as HTML."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.diagnosis.doctor import NEXT_LOOK, layer_table
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.trying import Trial
from nnscratch.diagnosis.view import content, finding_content, layers
from tests.pages.parsed_page import ParsedPage


def diagnosis(**changed: object) -> nn.Diagnosis:
    x = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    model = nn.Sequential(nn.Dense(8, 16, rng=1), nn.ReLU(), nn.Dense(16, 2, rng=2))
    found = nn.diagnose(model, x, x[:, :2])
    return nn.Diagnosis(**{**vars(found), **changed})  # type: ignore[arg-type]


def test_verdict_and_share() -> None:
    page = ParsedPage(content(diagnosis(explained=0.5), NEXT_LOOK))
    assert page.problems == []
    assert "healthy: no finding" in page.text
    assert "explains 50.0%" in page.text
    early = ParsedPage(content(diagnosis(explained=0.01, trained=True), NEXT_LOOK)).text
    assert NEXT_LOOK in early
    assert early.count("explains") == 1


def test_findings_with_remedy_and_trial_are_escaped() -> None:
    finding = Finding("dead_units", 0, {}, "All <b>dead</b>.", "Make it <i>anew</i>.")
    symptom = Finding("constant_output", None, {}, "One answer.", "Cure the above.")
    trial = Trial("dead_units", "new weights", 0.9, 0.1, 300)
    page = ParsedPage(content(diagnosis(findings=[finding, symptom], trials=[trial]), NEXT_LOOK))
    assert page.problems == []
    for part in (
        "dead_units (layer 0) All <b>dead</b>. Make it <i>anew</i>. tried:",
        "symptom: constant_output One answer.",
    ):
        assert part in page.text, part
    assert "tried" not in finding_content(finding)


def test_layers_have_the_numbers_of_the_text() -> None:
    signals = diagnosis().signals.layers
    text = ParsedPage(layers(signals)).text.replace("–", "-")
    for line in layer_table(signals).splitlines()[1:]:
        assert " ".join(line.split()) in text
