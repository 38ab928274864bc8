"""Views for notebooks: a style of their own, and what each object shows."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.pages.notebook import text_view, view
from nnscratch.profiling.roof import Roof
from tests.pages.parsed_page import check_view


def test_a_view_is_escaped_and_keeps_its_style() -> None:
    assert "<b>" in check_view(view("A <b>", "1 < 2")).text
    assert check_view(text_view("t", "a  <b>\n c")).text == "t a <b> c"


def test_a_model_shows_its_summary() -> None:
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, 2, rng=1))
    text = check_view(model._repr_html_()).text
    assert "3 layers, 26 parameters" in text
    for line in model.summary().splitlines()[1:]:
        assert " ".join(line.split()) in text


def test_a_model_whose_input_nobody_knows_shows_its_layers() -> None:
    text = check_view(nn.Sequential(nn.ReLU(), nn.Flatten())._repr_html_()).text
    assert "2 layers, 0 parameters" in text
    assert "0 ReLU() 1 Flatten()" in text


def test_a_layer_of_ones_own_cannot_bring_markup() -> None:
    class Odd(nn.ReLU):
        def __repr__(self) -> str:
            return "<img src=x onerror=alert(1)>"

    assert "<img src=x" in check_view(nn.Sequential(nn.Dense(2, 2, rng=0), Odd())._repr_html_()).text


@pytest.fixture(scope="module")
def step() -> tuple[nn.Sequential, np.ndarray, np.ndarray, nn.Adam]:
    x = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    model = nn.Sequential(nn.Dense(8, 16, rng=1), nn.ReLU(), nn.Dense(16, 2, rng=2))
    return model, x, np.ascontiguousarray(x[:, :2]), nn.Adam(model)


def test_a_diagnosis_shows_findings_with_remedies(
    step: tuple[nn.Sequential, np.ndarray, np.ndarray, nn.Adam],
) -> None:
    model, x, y, _ = step
    healthy = nn.diagnose(model, x, y)
    assert "healthy: no finding" in check_view(healthy._repr_html_()).text
    ill = nn.Sequential(nn.Dense(8, 16, rng=1, bias_init="constant(-100)"), nn.ReLU(), nn.Dense(16, 2, rng=2))
    diagnosis = nn.diagnose(ill, x, y)
    text = check_view(diagnosis._repr_html_()).text
    for finding in diagnosis.findings:
        for part in (finding.code, finding.message, finding.remedy):
            assert part in text
    assert diagnosis.findings[0].remedy in check_view(diagnosis.findings[0]._repr_html_()).text


def test_a_profile_and_a_trace_show_their_tables(
    step: tuple[nn.Sequential, np.ndarray, np.ndarray, nn.Adam],
) -> None:
    model, x, y, optimizer = step
    profile = nn.profile(model, x, y, steps=4, roof=Roof(100, 10, threads=1))
    assert " ".join(str(profile).split()) in check_view(profile._repr_html_()).text
    trace = nn.trace(model, x, y, nn.MSELoss(), optimizer)
    assert " ".join(str(trace).split()) in check_view(trace._repr_html_()).text
