"""Symptoms, and the two causes that are seen by them alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.diagnosis import diagnose
from nnscratch.diagnosis.checks.symptoms import check
from nnscratch.keypoints.start import start_from_mean_face
from tests.diagnosis.small_networks import (
    both_networks,
    case_of,
    faces,
    first_two,
    history_of,
    mlp,
    rows,
    sgd,
    train,
)


@both_networks
def test_labels_of_other_pictures(network: Any) -> None:
    x, y = rows()
    y = y[np.random.default_rng(0).permutation(len(y))]
    model = network()
    optimizer = sgd(model)
    history = train(model, optimizer, 15, (x, y))
    diagnosis = diagnose(model, x, y, optimizer=optimizer, history=history)
    finding = first_two(diagnosis, "misaligned_rows", "no_better_than_mean")
    assert "x seems to say nothing about y" in diagnosis.findings[0].message
    assert "symptom" in finding.remedy


@both_networks
def test_plateau(network: Any) -> None:
    """All is well, but the loss has long been flat and the answer is still the mean."""
    x, y = rows()
    model = network()
    start_from_mean_face(model, faces().points)
    optimizer = sgd(model)
    assert diagnose(model, x, y, optimizer=optimizer).healthy
    optimizer.steps = 2000
    diagnosis = diagnose(model, x, y, optimizer=optimizer, history=history_of([0.006] * 200))
    assert diagnosis.codes == ["step_too_small", "constant_output", "no_better_than_mean"]
    assert "plateau" in diagnosis.findings[0].message


@pytest.mark.parametrize("steps", [0, 999])
def test_a_training_that_has_just_begun_is_left_in_peace(steps: int) -> None:
    model = mlp()
    start_from_mean_face(model, faces().points)
    optimizer = sgd(model)
    optimizer.steps = steps
    assert not list(check(case_of(model, optimizer=optimizer), cause_is_known=False))


def test_with_a_cause_only_symptoms_are_told() -> None:
    model = mlp()
    start_from_mean_face(model, faces().points)
    optimizer = sgd(model)
    optimizer.steps = 1
    found = check(case_of(model, optimizer=optimizer), cause_is_known=True)
    assert [finding.code for finding in found] == ["constant_output", "no_better_than_mean"]
