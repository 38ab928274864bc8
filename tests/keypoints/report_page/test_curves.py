"""Learning curves on a page."""

from __future__ import annotations

import nnscratch as nn
from nnscratch.keypoints.report_page.curves import curves
from tests.keypoints.report_page.made_runs import history, run
from tests.pages.parsed_page import ParsedPage


def test_loss_and_error_with_the_best_epoch_and_the_mean_face() -> None:
    made = run(values=(4, 2, 3))
    page = ParsedPage(curves(made))
    assert page.problems == []
    assert f"mean face: {made.score.mean_face_rmse_px:.2f} px" in page.text
    assert "best: 2.00 px in epoch 2" in page.text
    assert "in the last 3.00 px on validation faces" in " ".join(page.attributes("aria-label"))
    assert "behind level 1" not in page.text


def test_later_networks_stand_in_a_table() -> None:
    text = ParsedPage(curves(run(levels=True))).text
    assert "nose 2 3.00 2.00 2" in text  # epochs, first, best, in epoch
    assert "Each: all 2 epochs done." in text


def test_how_later_networks_ended_is_counted_by_the_way() -> None:
    made = run(levels=True)
    for name, minutes in (("eye", 1.5), ("mouth", 2.5)):
        made.histories[name] = history([3.0, 2.0])
        made.histories[name].end(nn.Outcome.TIME_LIMIT, f"time limit of {minutes} min reached")
    assert "How they ended: time limit reached, 2 of 3; all epochs done, 1 of 3." in ParsedPage(curves(made)).text
