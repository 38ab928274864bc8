"""What the page of a run is made of."""

from __future__ import annotations

from dataclasses import replace

from tests.keypoints.report_page.made_runs import run


def test_the_config_is_that_of_metrics_json() -> None:
    facts = run()
    assert facts.config["network"] == "small"
    assert replace(facts, metrics={"config": None}).config == {}
