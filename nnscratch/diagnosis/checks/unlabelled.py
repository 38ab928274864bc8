"""No target has a value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.losses import labels_in


def check(case: Case) -> Iterator[Finding]:
    if np.isnan(case.y).all() or labels_in(case.loss, case.y) == 0:
        yield Finding(
            "unlabelled",
            None,
            {"labels": 0.0},
            "No target has a value: the loss is 0 whatever the network answers, and no weight gets a gradient.",
            "Look at how y was read and selected; rows without any label must be left out.",
        )
