"""No target has a value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding


def check(case: Case) -> Iterator[Finding]:
    if np.isnan(case.y).all():
        yield Finding(
            "unlabelled",
            None,
            {"labels": 0.0},
            "No target has a value: the loss is 0 whatever the network answers, and no weight gets a gradient.",
            "Look at how y was read and selected; rows without any label must be left out.",
        )
