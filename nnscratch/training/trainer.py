"""Trainer: the loop over epochs and batches that turns gradients into a model that has learnt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.checks import NotFiniteError, above, below, number, positive, whole_number
from nnscratch.diagnosis.watch import TrainingWatch
from nnscratch.history import History, Metric, Outcome
from nnscratch.training import arguments
from nnscratch.training.all_ranks import Ranks, on_all_ranks
from nnscratch.training.averaging import DECAY_FIX, WeightAverage
from nnscratch.training.batches import Augment, Batches, batches_of
from nnscratch.training.best_weights import BestWeights
from nnscratch.training.checkpoint import Checkpoint, OnError, largest_state
from nnscratch.training.communicator import Communicator
from nnscratch.training.divergence import bad_weight
from nnscratch.training.fit_state import FitState
from nnscratch.training.fit_together import FitTogether
from nnscratch.training.interrupts import finish_the_batch
from nnscratch.training.progress import Clock, ProgressBar
from nnscratch.training.same_training import settings_of
from nnscratch.training.scoring import Scoring
from nnscratch.training.step import Step
from nnscratch.training.stopping import AnyOf, Stop, StoppedFromOutside, diverged, end_if_over

if TYPE_CHECKING:
    from nnscratch.losses import Loss
    from nnscratch.model import Sequential
    from nnscratch.optimizers.base import Optimizer

Callback = Callable[["Trainer", History], str | None]


class Trainer:
    """Trains a model: the loop around forward, loss, backward and step.

    In every epoch
        order <- a fresh permutation of the N rows
        for each batch of B rows of that order (the last batch may be smaller):
            prediction  = model(x)                      model.forward(x, training=True)
            L           = loss(prediction, y)           one number; owns the 1/N
            dprediction = dL/dprediction                loss.backward()
            dw          = dL/dw, for every parameter w  model.backward(dprediction): the chain rule
            all dw are shortened if they are very long  clip_gradients(model, clip_norm)
            w           <- w - lr * (a mean of dw)      optimizer.step()
            the mean of the last steps' w moves along   WeightAverage(model, average).update()
        the validation rows are scored without dropout  model.predict(x)

    Why batches: the mean of B gradients points almost where the mean of N does, for B/N of the
    work. Why a fresh order: a fixed one repeats the same errors of those means in every epoch.

    Arguments
        model : a Sequential
        loss : a Loss, such as MSELoss()
        optimizer : an SGD or Adam, made for this model
        batch_size : rows per step, >= 1 (default 128)
        lr, momentum : schedules (progress 0..1 -> value) that set the optimizer's value before
            every step: exactly the one of progress 0 before the first, of 1 before the last of all
            epochs; None: it stays as it is
        seed : int or Generator that the permutations are drawn from (default 0)
        metric : a number for people, computed on the validation rows, which `fit` then needs
        progress : True or False: with or without a progress bar on stderr; None: if stderr is a
            terminal
        augment : (x, y, rng) -> x and y of the augmented batch: as many rows, the same dtype, any
            other shape. It runs in another thread while the model trains on the batch before, so it
            must not use the model (AugmentedBatches). None: batches stay as they are
        average : decay of a WeightAverage, in (0, 1), such as 0.998. Then the averaged weights are
            scored, kept as the best, and left in the model at the end. None: the live weights
        clip_norm : largest norm of a gradient, > 0 (clip_gradients); None: any
        diagnose_every : epochs between two diagnoses on x and y as given. Two in a row with a
            finding that more epochs do not cure, such as dead units, end it (`history.stopped`).
            `history.warnings` is what is certain before the first step. None: no diagnoses
        communicator : mpi4py's `MPI.COMM_WORLD`, say: all its processes make this Trainer, fit the
            same data, and share every batch (docs/several_machines.md). None: this one alone

    Attributes
        rng : the Generator of `seed`; `augment` draws from it too

    Raises
        ValueError : a number out of its range, a schedule that is none, an optimizer of another
            model or without a momentum, a class in place of an object (`check_parts`)

    >>> import nnscratch as nn
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (64, 1)).astype(np.float32)
    >>> model = nn.Sequential(nn.Dense(1, 1, rng=rng))
    >>> trainer = Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1, momentum=0.5), batch_size=8)
    >>> history = trainer.fit(x, 2 * x, epochs=10)  # learn y = 2x
    >>> history.stopped
    'all 10 epochs done'
    >>> round(model.layers[0].params["weight"].item(), 2)
    2.0
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        optimizer: Optimizer,
        *,
        batch_size: int = 128,
        lr: Callable[[float], float] | None = None,
        momentum: Callable[[float], float] | None = None,
        seed: int | np.random.Generator = 0,
        metric: Metric | None = None,
        progress: bool | None = None,
        augment: Augment | None = None,
        average: float | None = None,
        clip_norm: float | None = None,
        diagnose_every: int | None = None,
        communicator: Communicator | None = None,
    ) -> None:
        arguments.check_parts(model, loss, optimizer, metric)
        arguments.check_schedule("lr", lr, optimizer)
        arguments.check_schedule("momentum", momentum, optimizer)
        arguments.check_choices(progress, augment)
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.batch_size = whole_number("Trainer", "batch_size", batch_size)
        self.lr = lr
        self.momentum = momentum
        self.metric = metric
        self.progress = progress
        self.augment = augment
        self.average = (
            None if average is None else number("Trainer", "average", average, above(0), below(1), fix=DECAY_FIX)
        )
        self.clip_norm = None if clip_norm is None else positive("Trainer", "clip_norm", clip_norm)
        self.diagnose_every = (
            None if diagnose_every is None else whole_number("Trainer", "diagnose_every", diagnose_every)
        )
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.ranks = Ranks(communicator)

    @on_all_ranks
    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        epochs: int,
        sample_weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        time_limit: float | None = None,
        patience: int | None = None,
        keep_best: bool = True,
        callbacks: Iterable[Callback] = (),
        stop: Stop | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        on_checkpoint_error: OnError | None = None,
    ) -> History:
        """Trains for some epochs and returns the history of the training.

        The score of an epoch is its metric; without one its validation loss; without validation its
        training loss. With `average`, metric and validation loss are those of the averaged weights.

        Same seed, data and model: same numbers, except for the times. A time_limit brings the times
        into the numbers: schedules go by the share of the steps or of the time, whichever is
        larger.

        A second fit continues: the optimizer keeps its running means and its last lr (after a
        divergence it has lost the means), and the permutations go on. The history, the schedules,
        the best epoch and the averaged weights begin anew.

        Arguments
            x : (N, ...), in the dtype of the model's parameters, finite
            y : (N, ...), in the same dtype, NaN where a label is missing; for SoftmaxCrossEntropy
                also (N,) classes, integers too
            sample_weight : (N,), finite, >= 0: how much each row counts in the loss; None: alike.
                Validation, metric and diagnoses take all rows alike
            epochs : at most so many, >= 1
            validation : (x, y) of rows to score after every epoch, as x and y; never trained on
            time_limit : seconds, checked after every batch; an epoch cut short is recorded
            patience : stop after so many epochs without a better score
            keep_best : (default True) at the end, also after an error, put back the weights of the
                best epoch, or those from before the fit if it diverged in its first epoch. False
                leaves the last ones, even diverged. With `average`, the averaged weights of that
                epoch or, unless it diverged, the last averaged ones (BestWeights has the table)
            callbacks : each is called after every epoch with (trainer, history), the model with its
                live weights; a string that it returns is a reason to stop
            stop : an Event; once it is set, by another thread or a signal, the training ends before
                its next batch, as by Ctrl-C. (A second Ctrl-C does not wait for the batch's end.)
            checkpoint : file, .npz, that holds the state of the training (fit_state.py): written
                after every epoch, at least every 60 s, and when the training is stopped. If the
                file exists, the training goes on from there, with the same bits as if nothing had
                happened; if it was over, `fit` returns at once. None: no file
            on_checkpoint_error : takes the OSError if the file cannot be written; the training goes
                on with the last good one. None: a warning, once

        Returns
            History with the columns epoch, loss (over all labels of the epoch, measured while their
            rows are trained on; NaN without a label), lr (of the last batch), seconds (since the
            fit began), images (rows trained on), images_per_second (of training); with validation
            also validation_loss, and the metric under its name; with `average` these again with
            "average_" before the name. Its `outcome` and `stopped` say how it ended: Ctrl-C and a
            loss that is not finite end a training too, with the history so far.

        Raises
            ValueError : no rows, lengths that differ, a wrong dtype, NaN or inf in x, inf or
                nothing but NaN in y, shapes that do not fit the model, weights that are wrong or
                that the loss does not take, a metric without validation, a number out of its range:
                all before the first epoch; layers that were replaced meanwhile; a checkpoint that
                is damaged, or of other code, data or settings
            OSError : the checkpoint's folder is missing, or the checkpoint cannot be read
        """
        epochs = whole_number("fit", "epochs", epochs)
        patience = None if patience is None else whole_number("fit", "patience", patience)
        callbacks = arguments.checked_callbacks(callbacks)
        arguments.check_stop(keep_best, stop)
        self.optimizer.check_model()
        arguments.check_data(x, y, validation, self.model, self.loss, self.metric, augmented=self.augment is not None)
        weights = arguments.checked_sample_weight(sample_weight, self.loss, len(x))
        ranks, together = self.ranks, FitTogether(self.ranks, self.optimizer)
        clock = Clock(len(x), epochs, self.batch_size, time_limit, together.now)
        average = None if self.average is None else WeightAverage(self.model, self.average)
        scoring = Scoring(self.model, self.loss, self.metric, validation, average, ranks)
        history = scoring.new_history()
        best = BestWeights(self.model, average, keep_best=keep_best)
        watch = TrainingWatch(self.diagnose_every, x, y)
        kept, settings, of_fit = None, {}, {"epochs": epochs, "patience": patience, "keep_best": keep_best}
        if checkpoint is not None or ranks.are_several:
            settings = settings_of(vars(self), x, y, validation, weights, **of_fit)
        if checkpoint is not None and ranks.is_first:
            kept = Checkpoint(checkpoint, settings, on_checkpoint_error, most_bytes=largest_state(self.model))
        with finish_the_batch() as asked:
            together.begin(settings, self.rng, clock, AnyOf(asked, stop))
            history.warnings = ranks.from_first(lambda: watch.warnings(self.optimizer, self.loss))
            rows, saved = Batches(x, y, self.batch_size, weights, together.share), together.checkpoint(kept)
            batches = batches_of(rows, self.augment, self.rng, self.model)
            parts = history, batches, clock, average, best, watch, together, saved
            fit = ranks.alike(FitState, self.optimizer, self.rng, *parts)
            bar = ProgressBar(self.progress if ranks.is_first else False, epochs, self.metric, history.warnings)
            try:
                while history.outcome is None:
                    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite ends the training below
                        line = self._epoch(fit, bar, together) | together.agreed(scoring.scores)
                    line["seconds"] = clock.seconds
                    history.append({name: line[name] for name in history.names})
                    if history.best_epoch == len(history):
                        best.keep()
                    bar.scores = scoring.shown
                    bar.show(len(history), line["loss"], line["images_per_second"], clock)
                    reasons = [callback(self, history) for callback in callbacks]
                    if self.diagnose_every is not None:
                        reasons += [ranks.from_first(lambda: watch.reason_to_stop(self.optimizer, self.loss, history))]
                    self.optimizer.check_model()
                    end_if_over(history, epochs, clock, patience, ranks.all_of(reasons))
                    fit.end_epoch()
            except (KeyboardInterrupt, StoppedFromOutside) as end:
                together.check_end(end)
                history.end(Outcome.INTERRUPTED, "interrupted by the user")
            except NotFiniteError as error:
                together.check_end(error)
                self.optimizer.reset()  # its running means may be NaN, and would spoil a second fit
                history.end(Outcome.DIVERGED, diverged(bad_weight(self.model) or error, fit.where, self.optimizer.lr))
            finally:
                bar.close()
                best.put_back(diverged=history.outcome is Outcome.DIVERGED)
                fit.close()
        return history

    def _epoch(self, fit: FitState, bar: ProgressBar, together: FitTogether) -> dict[str, float]:
        """Trains on what is left of the epoch, or until the time is up; returns its columns."""
        clock, epoch, number = fit.clock, fit.epoch, len(fit.history) + 1
        step = Step(self.model, self.loss, self.optimizer, self.clip_norm, together)
        fit.between_steps()
        began = clock.seconds - epoch.seconds
        with closing(fit.batches_left()) as batches:
            for batch in batches:
                self._follow_schedules(clock.progress_of_step)
                loss, labels = step.take(batch)
                if fit.average is not None:
                    fit.average.update()
                epoch.count(len(batch[0]), labels, loss)
                clock.count(len(batch[0]))
                epoch.seconds = clock.seconds - began
                bar.show(number, epoch.mean_loss, epoch.images / epoch.seconds, clock)
                if clock.is_up:
                    break
                fit.between_steps()
        return {
            "epoch": number,
            "loss": epoch.mean_loss,
            "lr": self.optimizer.lr,
            "images": epoch.images,
            "images_per_second": epoch.images / epoch.seconds,
        }

    def _follow_schedules(self, progress: float) -> None:
        for name, schedule in (("lr", self.lr), ("momentum", self.momentum)):
            if schedule is not None:
                setattr(self.optimizer, name, schedule(progress))
