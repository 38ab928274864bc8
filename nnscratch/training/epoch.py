"""One epoch of a training: its batches, a step with each, and what they add up to."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from nnscratch.training.callbacks import StepDone
from nnscratch.training.following import follow
from nnscratch.training.step import Step

if TYPE_CHECKING:
    from nnscratch.training.callbacks import Calls
    from nnscratch.training.fit_state import FitState
    from nnscratch.training.fit_together import FitTogether
    from nnscratch.training.progress import ProgressBar
    from nnscratch.training.trainer import Trainer


def train_epoch(
    trainer: Trainer, fit: FitState, bar: ProgressBar, calls: Calls, together: FitTogether
) -> dict[str, float]:
    """Trains on what is left of the epoch, or until something ends it; returns its columns.

    trainer : whose `fit` this is;  fit : its state;  bar : shows how far it is;  calls : its
    callbacks;  together : who else has rows of each batch
    """
    clock, epoch, number, optimizer = fit.clock, fit.epoch, len(fit.history) + 1, trainer.optimizer
    step = Step(trainer.model, trainer.loss, optimizer, trainer.clip_norm, trainer.accumulate, together)
    fit.between_steps()
    began = clock.seconds - epoch.seconds
    with closing(fit.batches_left()) as batches:
        for batch in batches:
            follow(trainer.lr, "lr", optimizer, clock)
            follow(trainer.momentum, "momentum", optimizer, clock)
            loss, labels = step.take(batch)
            if fit.average is not None:
                fit.average.update()
            epoch.count(len(batch[0]), labels, loss)
            clock.count(len(batch[0]))
            epoch.seconds = clock.seconds - began
            bar.show(number, epoch.mean_loss, epoch.images / epoch.seconds, clock)
            if calls.of_steps:
                done = StepDone(clock.step, number, loss, labels, len(batch[0]), optimizer.lr)
                if any(trainer.ranks.gathered(calls.after_step(fit.history, done))):
                    break
            if clock.is_up:
                break
            fit.between_steps()
        else:
            clock.end_epoch()
    return {
        "epoch": number,
        "loss": epoch.mean_loss,
        "lr": optimizer.lr,
        "images": epoch.images,
        "images_per_second": epoch.images / epoch.seconds,
    }
