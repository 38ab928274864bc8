"""A finding is a plain, frozen record."""

from __future__ import annotations

import dataclasses

import pytest

import nnscratch as nn


def test_is_frozen_and_comes_from_before_the_training_unless_said_otherwise() -> None:
    finding = nn.Finding("dead_units", 3, {"never_active": 1.0}, "Off.", "Make it anew.")
    assert not finding.by_training
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.code = "other"  # type: ignore[misc]
