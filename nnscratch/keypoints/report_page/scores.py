"""Scores: the head of a run's page, and the error of each point, level by level."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.metrics import Score, rmse_per_point, rmse_px
from nnscratch.keypoints.report_page.run_facts import RunFacts, within
from nnscratch.pages.markup import Html, element, joined
from nnscratch.pages.tables import bar, facts, table


def head(metrics: Mapping[str, Any]) -> Html:
    """The score beside the mean face's, and how the run went; from what metrics.json says."""
    each_point = within(metrics, "per_point")
    error, constant, ratio = (number(metrics, name) for name in ("rmse_px", "mean_face_rmse_px", "ratio"))
    scores = [("RMSE", error, "px"), ("mean face", constant, "px"), ("ratio", ratio, "")]
    shown = (
        element(
            "div",
            element("dt", name),
            element("dd", _two_digits(value), element("small", f" {unit}") if unit else None),
        )
        for name, value, unit in scores
    )
    said = _said(error, constant, ratio, {point: number(each_point, point) for point in POINTS})
    return element(
        "div",
        element(
            "div",
            element("dl", joined(shown), class_="scores"),
            bar(error, constant if constant > 0 else 1.0) if math.isfinite(error) else None,
            *(element("p", line) for line in said),
            element(
                "p",
                "The mean face is the best constant answer: each point's mean over the training faces, whatever the "
                "picture. The ratio is the error over its error: at 0 all is perfect, at 1 nothing was learnt.",
                class_="note",
            ),
        ),
        element("div", _status(metrics), facts(_how_it_went(metrics))),
        class_="head panel",
    )


def number(metrics: Mapping[str, Any], name: str) -> float:
    """A number of metrics.json; NaN if it has none there."""
    value = metrics.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _said(error: float, constant: float, ratio: float, points: dict[str, float]) -> list[str]:
    """The score in words; `Score.verdict` without the numbers that stand above it."""
    if math.isnan(error) and math.isnan(constant):
        return ["It was not scored."]
    if not ratio < 1:
        return Score(error, constant, ratio, points, {}).verdict().splitlines()
    known = sorted((value, name.replace("_", " ")) for name, value in points.items() if math.isfinite(value))
    said = [f"On validation faces {1 - ratio:.0%} less error than the mean face."]
    if known:
        (best, best_point), (worst, worst_point) = known[0], known[-1]
        said.append(f"Best: {best_point}, {best:.2f} px. Worst: {worst_point}, {worst:.2f} px.")
    return said


def _two_digits(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _status(metrics: Mapping[str, Any]) -> Html:
    reasons = within(metrics, "stopped")
    if metrics.get("finished") is True:
        return element("p", element("span", "finished", class_="badge good"), f" {reasons.get('all', '')}")
    # A cascade may have been stopped at a later network.
    why = next((str(reason) for reason in reasons.values() if "interrupted" in str(reason)), reasons.get("all", ""))
    return element("p", element("span", "not finished", class_="badge warn"), f" {why}")


def _how_it_went(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    config = within(metrics, "config")
    recipe, network = config.get("recipe"), config.get("network")
    seconds, speed = number(metrics, "seconds"), number(metrics, "images_per_second")
    told = [
        ("recipe, network", ", ".join(str(each) for each in (recipe, network) if each)),
        (
            "faces",
            f"{_count(config, 'training_faces')} to learn from, {_count(config, 'validation_faces')} to validate on",
        ),
        ("data", str(config.get("data") or "drawn faces")),
        ("epochs", _count(metrics, "epochs")),
        ("time", f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"),
        ("speed", f"{speed:,.0f} images/s"),
    ]
    return [(name, text) for name, text in told if text and "nan" not in text.split()]


def _count(metrics: Mapping[str, Any], name: str) -> str:
    value = number(metrics, name)
    return f"{value:,.0f}" if math.isfinite(value) else "nan"


def per_point(run: RunFacts) -> Html:
    """A row per point: its error at each level, beside the mean face's."""
    levels = list(run.levels) if len(run.levels) > 1 else [run.predicted]
    errors = [rmse_per_point(level, run.validation.points) for level in levels]
    totals = [rmse_px(level, run.validation.points) for level in levels]
    constant, all_constant = run.score.mean_face_per_point, run.score.mean_face_rmse_px
    labels = np.isfinite(run.validation.points).all(axis=2).sum(axis=0)
    most = max((value for value in (*errors[-1].values(), *constant.values()) if math.isfinite(value)), default=1.0)
    names = [f"level {n}" for n in range(1, len(levels) + 1)] if len(levels) > 1 else ["network"]
    headings = ["point", *names, *(["change"] if len(levels) > 1 else []), "mean face", "labels"]
    order = sorted(POINTS, key=lambda point: (math.isnan(errors[-1][point]), errors[-1][point]))
    rows = [
        _row(point, [each[point] for each in errors], constant[point], int(labels[POINTS.index(point)]), most)
        for point in order
    ]
    rows.append(_row("all points", totals, all_constant, int(labels.sum()), most))
    key = element(
        "p",
        "RMSE in pixels of validation faces, best first. ",
        element("span", class_="key"), f" {'last level' if len(levels) > 1 else 'network'}, ",
        element("span", class_="key mark"), " mean face.",
        class_="note",
    )  # fmt: skip
    return joined([table(headings, rows, caption="Error of each point", last_is_total=True), key])


def _row(name: str, errors: Sequence[float], constant: float, labels: int, most: float) -> list[object]:
    shown = joined([name.replace("_", " "), bar(errors[-1], most, mark=constant if math.isfinite(constant) else None)])
    change = [_change(errors)] if len(errors) > 1 else []
    return [shown, *map(_two_digits, errors), *change, _two_digits(constant), f"{labels:,}"]


def _change(errors: Sequence[float]) -> str:
    """What the last level brought; "off" where it kept the answer of before."""
    if not all(map(math.isfinite, errors[-2:])) or errors[-2] == 0:
        return "–"
    return "off" if errors[-1] == errors[-2] else f"{errors[-1] / errors[-2] - 1:+.0%}"
