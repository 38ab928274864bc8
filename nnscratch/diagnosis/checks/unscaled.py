"""What the data and the history of a training say: scales, order, labels, NaN, overfitting."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.thresholds import (
    BY_HEART,
    EPOCHS,
    GAP,
    KNOWN,
    LARGE,
    NEARLY_BY_HEART,
    OFF_CENTRE,
    SMALL,
    SMALL_TARGETS,
    UNEXPLAINED,
    WORSE,
)
from nnscratch.history import Outcome
from nnscratch.losses import MSELoss, mean_of


def data(case: Case) -> Iterator[Finding]:
    s = case.signals
    if np.isfinite([s.x_rms, s.x_spread]).all():
        offset = math.sqrt(max(0.0, s.x_rms**2 - s.x_spread**2)) / max(s.x_spread, 1e-30)
        if s.x_rms > LARGE or s.x_rms < SMALL or (offset > OFF_CENTRE and len(case.x) > 1):
            yield Finding(
                "input_unscaled",
                None,
                {"x_rms": s.x_rms, "x_spread": s.x_spread},
                f"The input has a root mean square of {s.x_rms:.3g} and spreads {s.x_spread:.3g} between rows; the "
                "first weights were drawn for numbers around 1, so what comes out of them has the wrong size.",
                "Scale x: pixels / 256, or (x - mean) / standard deviation of the training rows.",
            )
    if type(case.loss) is MSELoss:
        y = case.y.astype(np.float64)
        y = np.where(np.isfinite(y), y, np.nan)
        rms, spread = math.sqrt(float(np.nanmean(y**2))), math.sqrt(float(np.nanmean((y - mean_of(y)) ** 2)))
        if rms > LARGE or (0 < spread < SMALL_TARGETS):
            yield Finding(
                "targets_unscaled",
                None,
                {"y_rms": rms, "y_spread": spread},
                f"The targets have a root mean square of {rms:.3g} and spread {spread:.3g}, but a fresh "
                "network answers with numbers around 1: the squared error, and with it every step, has the wrong size.",
                "Scale y to about -1..1, as (pixel - 48) / 48, and scale the answers back.",
            )


def _diverged(case: Case) -> bool:
    if case.history is None:
        return False
    losses = [v for name in ("loss", "validation_loss") for v in case.history.columns.get(name, [])]
    return case.history.outcome is Outcome.DIVERGED or not np.isfinite(losses).all()


def finite(case: Case) -> Iterator[Finding]:
    # All rows are looked at: the one with a NaN may not be among those that went through the layers.
    place = "" if np.isfinite(case.x).all() else "x, the input"
    place = place or case.signals.not_finite or ("y, the targets" if np.isinf(case.y).any() else "")
    if place or _diverged(case):
        place = place or "the loss during the training"
        yield Finding(
            "not_finite",
            None,
            {"steps": float(case.steps)},
            f"NaN or infinity came up first in {place}. Whatever is computed with it is NaN too, and no step takes "
            "it away again.",
            "If x and y are finite, make the network anew and train with a learning rate ten times lower.",
        )


def overfitting(case: Case) -> Iterator[Finding]:
    columns = case.history.columns if case.history is not None else {}
    train, validation = np.array(columns.get("loss", [])), np.array(columns.get("validation_loss", []))
    if len(train) < EPOCHS or len(validation) != len(train) or not np.isfinite([train, validation]).all():
        return
    recent = max(1, len(train) // 10)
    last, best, own = float(np.median(validation[-recent:])), float(validation.min()), float(np.median(train[-recent:]))
    rising = last > WORSE * best and last > GAP * own and own < train[int(validation.argmin())]
    variance = case.variance
    useless = own < KNOWN * variance <= variance < last
    by_heart = last > BY_HEART * own or (last > NEARLY_BY_HEART * own and last > UNEXPLAINED * variance)
    if rising or useless or by_heart:
        best_epoch = float(validation.argmin() + 1)
        worse = f", after {best:.3g} at epoch {best_epoch:.0f}" if rising else ""
        mean = ", no better than the mean of the targets" if useless else ""
        yield Finding(
            "overfitting",
            None,
            {"validation_loss": last, "best_validation_loss": best, "best_epoch": best_epoch, "training_loss": own},
            f"The training loss has come down to {own:.3g}, but the validation loss is {last:.3g}{worse}{mean}: the "
            "network learns its training rows by heart.",
            "Stop at the best epoch, use more or augmented data, dropout, or a smaller network.",
        )
