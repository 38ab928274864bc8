"""A finding is a plain, frozen record."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

import nnscratch as nn
from tests.diagnosis.small_networks import mlp, rows


def test_is_frozen_and_comes_from_before_the_training_unless_said_otherwise() -> None:
    finding = nn.Finding("dead_units", 3, {"never_active": 1.0}, "Off.", "Make it anew.")
    assert not finding.by_training
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.code = "other"  # type: ignore[misc]


def test_a_diagnosis_can_go_to_another_process() -> None:
    model = mlp(bias="constant(-30)")
    diagnosis = nn.diagnose(model, *rows())
    assert diagnosis.findings[0].treatments
    back = pickle.loads(pickle.dumps(diagnosis))
    assert back.findings == diagnosis.findings
    assert str(back) == str(diagnosis)
    assert back.findings[0].treatments == ()
