"""What the data and the history of a training say: scales, order, labels, NaN, overfitting."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.checks.case import Case, Finding, mean_of
from nnscratch.checks.thresholds import (
    BY_HEART,
    EPOCHS,
    GAP,
    LARGE,
    OFF_CENTRE,
    ORDERED,
    ORDERED_ROWS,
    SMALL,
    SMALL_TARGETS,
    WORSE,
)
from nnscratch.losses import MSELoss


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
    likeness = _likeness(case.y)
    if likeness < ORDERED:
        yield Finding(
            "unshuffled",
            None,
            {"neighbours_to_random": likeness},
            f"Rows beside each other have almost the same target ({likeness:.2f} of the difference of random rows): a "
            "batch of them pulls the network to one answer, and the next batch to another.",
            "Shuffle x and y with one permutation before every epoch, as Trainer does; also before a split.",
        )


def _likeness(y: np.ndarray) -> float:
    """Mean squared difference of neighbouring rows over that of random ones, in the direction where it is least."""
    y = y.reshape(len(y), -1).astype(np.float64)
    if y.shape[1] > 64 or len(y) < ORDERED_ROWS:  # maps of pixels have no order
        return 1.0
    labelled = np.isfinite(y)
    y = np.where(labelled, y - mean_of(y), 0)
    whole = labelled.all(axis=1).sum() >= ORDERED_ROWS
    if whole:
        directions = np.linalg.svd(y, full_matrices=False)[2][:3]
        y = np.concatenate([y, y @ directions.T, y.sum(axis=1, keepdims=True)], axis=1)
        labelled = np.concatenate(
            [labelled, np.repeat(labelled.all(axis=1)[:, None], y.shape[1] - labelled.shape[1], 1)], 1
        )
    ratios = []
    for column, known in zip(y.T, labelled.T, strict=True):
        values = column[known]
        if len(values) >= ORDERED_ROWS and len(np.unique(values)) > 1:
            ratios.append(float(np.mean(np.diff(values) ** 2) / (2 * values.var())))
    return min(ratios, default=1.0)


def _diverged(case: Case) -> bool:
    if case.history is None:
        return False
    losses = [v for name in ("loss", "validation_loss") for v in case.history.columns.get(name, [])]
    return case.history.stopped.startswith("diverged") or not np.isfinite(losses).all()


def finite(case: Case) -> Iterator[Finding]:
    place = case.signals.not_finite or ("y, the targets" if np.isinf(case.y).any() else "")
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
    if rising or last > BY_HEART * own:
        yield Finding(
            "overfitting",
            None,
            {"validation_loss": last, "best_validation_loss": best, "training_loss": own},
            f"The training loss has come down to {own:.3g}, but the validation loss is {last:.3g}, after {best:.3g} at "
            f"epoch {int(validation.argmin()) + 1}: the network learns its training rows by heart.",
            "Stop at the best epoch, use more or augmented data, dropout, or a smaller network.",
        )
