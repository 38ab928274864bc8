"""The clinic: each patient is sick, its cure learns, and the doctor finds what was done to it."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.lessons import clinic

each_patient = pytest.mark.parametrize("number", range(1, 11))


@functools.cache
def rows(seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """The faces of the lesson, or others."""
    faces = draw_faces(160, seed=seed, missing=False)
    x = faces.x.reshape(-1, 24, 4, 24, 4).mean(axis=(2, 4)).reshape(-1, 576)
    return (x - x.mean(axis=0)) / x.std(), (faces.y - faces.y.mean(axis=0)) / faces.y.std(axis=0)


@functools.cache
def patients() -> list[clinic.Patient]:
    return clinic.admit(*rows())


@each_patient
def test_the_doctor_agrees_with_the_truth(number: int) -> None:
    assert patients()[number - 1].illness == clinic.truth(number)[0]


@pytest.mark.nightly
def test_it_agrees_on_other_faces_too() -> None:
    others = clinic.admit(*rows(seed=5))
    assert [patient.illness for patient in others] == [clinic.truth(number)[0] for number in range(1, 11)]


@each_patient
def test_the_patient_has_learnt_nothing(number: int) -> None:
    patient = patients()[number - 1]
    assert not patient.learnt
    assert patient.score > 0.98


@each_patient
def test_its_cure_learns_and_the_doctor_finds_nothing(number: int) -> None:
    cured = clinic.cured(number, *rows())
    assert cured.learnt, cured.score
    assert cured.illness == "healthy"


@each_patient
def test_a_chart_fits_the_page_and_names_no_illness(number: int) -> None:
    chart = patients()[number - 1].chart()
    assert max(map(len, chart.splitlines())) <= 100
    assert not [code for code in clinic.ILLNESSES if code in chart]


def test_the_truth_says_what_was_spoilt() -> None:
    assert clinic.truth(1) == ("step_too_small", "lr 0.1 -> 0.0001")
