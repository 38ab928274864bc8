"""A network that knows its training rows by heart, by the history of its training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.thresholds import FEWEST_EPOCHS

# Validation loss over its best: noise makes a few percent.
WORSE = 1.2

# Validation loss over training loss, beside a validation loss that has risen.
GAP = 2.0

# Validation loss over training loss: 2 to 4 is usual after 60 epochs on some hundred faces; from
# ten on the rows are known by heart, whether or not the validation loss has risen.
BY_HEART = 10.0

# The same, if the share UNEXPLAINED or more of what differs between new rows is still unexplained.
NEARLY_BY_HEART = 6.0
UNEXPLAINED = 0.5

# Training loss over the variance of the targets. Below a half, beside a validation loss above the
# variance, the network explains most of its own rows and nothing of new ones.
KNOWN = 0.5


def check(case: Case) -> Iterator[Finding]:
    columns = case.history.columns if case.history is not None else {}
    train, validation = np.array(columns.get("loss", [])), np.array(columns.get("validation_loss", []))
    if len(train) < FEWEST_EPOCHS or len(validation) != len(train) or not np.isfinite([train, validation]).all():
        return
    recent = max(1, len(train) // 10)
    last, best, own = float(np.median(validation[-recent:])), float(validation.min()), float(np.median(train[-recent:]))
    has_risen = last > WORSE * best and last > GAP * own and own < train[int(validation.argmin())]
    useless = own < KNOWN * case.variance <= case.variance < last
    by_heart = last > BY_HEART * own or (last > NEARLY_BY_HEART * own and last > UNEXPLAINED * case.variance)
    if has_risen or useless or by_heart:
        best_epoch = float(validation.argmin() + 1)
        worse = f", after {best:.3g} at epoch {best_epoch:.0f}" if has_risen else ""
        mean = ", no better than the mean of the targets" if useless else ""
        yield Finding(
            "overfitting",
            None,
            {"validation_loss": last, "best_validation_loss": best, "best_epoch": best_epoch, "training_loss": own},
            f"The training loss has come down to {own:.3g}, but the validation loss is {last:.3g}{worse}{mean}: the "
            "network learns its training rows by heart.",
            "Stop at the best epoch, use more or augmented data, dropout, or a smaller network.",
        )
