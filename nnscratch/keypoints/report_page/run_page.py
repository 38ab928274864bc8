"""The page of a run: how good it is, why, and how it was made."""

from __future__ import annotations

from pathlib import Path

from nnscratch.keypoints.report_page.curves import curves
from nnscratch.keypoints.report_page.error_map import error_map
from nnscratch.keypoints.report_page.face_pictures import best_and_worst
from nnscratch.keypoints.report_page.networks import filters, first_network, networks
from nnscratch.keypoints.report_page.run_facts import RunFacts, within
from nnscratch.keypoints.report_page.scores import head, per_point
from nnscratch.keypoints.report_page.settings import settings
from nnscratch.pages.markup import Html, element, joined
from nnscratch.pages.page import Section, page


def run_page(run: RunFacts) -> str:
    """The page as text; the same run gives the same text."""
    sections = [
        Section("curves", "Learning curves", curves(run)),
        Section("points", "Error of each point", element("div", per_point(run), class_="panel")),
        Section("errors", "Where the errors lie", error_map(run)),
        Section("faces", "Best, median and worst faces", best_and_worst(run)),
        Section("doctor", "The doctor", element("div", _doctor(run), class_="panel")),
        Section("network", "The network", element("div", networks(run.predictor), class_="panel")),
    ]
    network = first_network(run.predictor)
    if network is not None:
        sections.append(Section("filters", "First filters", filters(network)))
    command = run.metrics.get("command")
    how = settings(command if isinstance(command, str) else None, within(run.config, "versions"), run.config)
    sections.append(Section("made", "How it was made", how))
    title = f"Run {Path(str(run.config.get('out', ''))).name or 'of a training'}"
    about = f"15 points in pictures of faces: {_kind(run)}"
    return page(title, about, head(run.metrics), sections)


def _kind(run: RunFacts) -> str:
    names = {"SingleNetwork": "one network", "Cascade": "a cascade"}
    kind = names.get(type(run.predictor).__name__, type(run.predictor).__name__)
    return f"{kind} of {1 + len(run.levels[1:])} levels" if len(run.levels) > 1 else kind


def _doctor(run: RunFacts) -> Html:
    if run.diagnosis is None:
        return element("p", "The network was not examined.")
    several = len(run.levels) > 1
    about = joined(
        [
            f"{'Level 1, on' if several else 'On'} some training faces. ",
            element("code", "python -m nnscratch diagnose"),
            f" looks at more of them{', and at the networks behind it' if several else ''}.",
        ]
    )
    return joined([run.diagnosis.html(), element("p", about, class_="note")])
