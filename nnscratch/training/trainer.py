"""Trainer: the loop over epochs and batches that turns gradients into a model that has learnt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.checks import NotFiniteError, above, below, number, positive, whole_number
from nnscratch.diagnosis.watch import TrainingWatch
from nnscratch.history import History, Outcome
from nnscratch.metric import Metric
from nnscratch.training import arguments
from nnscratch.training.all_ranks import Ranks, on_all_ranks
from nnscratch.training.averaging import DECAY_FIX, WeightAverage
from nnscratch.training.batches import Augment, batches_of
from nnscratch.training.best_weights import BestWeights
from nnscratch.training.callbacks import Callback, Calls, EpochFunction
from nnscratch.training.checkpoint import OnError
from nnscratch.training.communicator import Communicator
from nnscratch.training.continuing import continue_history, digest_of, scores_of
from nnscratch.training.data import training_data, validation_data
from nnscratch.training.divergence import bad_weight
from nnscratch.training.epoch import train_epoch
from nnscratch.training.fit_state import FitState
from nnscratch.training.fit_together import FitTogether
from nnscratch.training.following import check_schedule, own_numbers_after
from nnscratch.training.interrupts import finish_the_batch
from nnscratch.training.progress import ProgressBar
from nnscratch.training.rows import RandomAccess
from nnscratch.training.same_training import settings_of
from nnscratch.training.scoring import Scoring
from nnscratch.training.stopping import AnyOf, Stop, StoppedFromOutside, diverged, end_if_over
from nnscratch.training.stream import Stream

if TYPE_CHECKING:
    from nnscratch.losses import Loss
    from nnscratch.model import Sequential
    from nnscratch.optimizers.base import Optimizer


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
        optimizer : an SGD or Adam, made for this model or, with `layers`, for some of its layers
        batch_size : rows per pass, and per step unless gradients accumulate, >= 1 (default 128)
        accumulate : batches whose gradients make one step, >= 1 (default 1): as a batch of k *
            batch_size rows, in the memory of batch_size. `augment` is given all of them at once,
            schedules count steps, and the last step of an epoch may have fewer rows
        lr, momentum : schedules (progress 0..1 -> value) that set the optimizer's value before
            every step: exactly the one of progress 0 before the first, of 1 before the last of all
            epochs. Functions of the epoch or the step are schedules inside `schedules.by_epoch` or
            `schedules.by_step`. None: it stays as it is
        seed : int or Generator that the permutations are drawn from (default 0)
        metric : a number for people, computed on the validation rows, which `fit` then needs
        progress : True or False: with or without a progress bar on stderr; None: on a terminal and
            in a notebook, where it is a widget if ipywidgets is installed
        augment : (x, y, rng) -> x and y of the augmented batch: as many rows, the same dtype, any
            other shape. It runs in another thread beside the training, and must not use the model
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
        accumulate: int = 1,
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
        check_schedule("lr", lr, optimizer)
        check_schedule("momentum", momentum, optimizer)
        arguments.check_choices(progress, augment)
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.batch_size = whole_number("Trainer", "batch_size", batch_size)
        self.accumulate = whole_number("Trainer", "accumulate", accumulate)
        self.lr = lr
        self.momentum = momentum
        self.metric = metric
        self.progress = progress
        self.augment = augment
        self.average = arguments.or_none(number, "average", average, above(0), below(1), fix=DECAY_FIX)
        self.clip_norm = arguments.or_none(positive, "clip_norm", clip_norm)
        self.diagnose_every = arguments.or_none(whole_number, "diagnose_every", diagnose_every)
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.ranks = Ranks(communicator)
        self._averaged: WeightAverage | None = None

    @on_all_ranks
    def fit(
        self,
        x: np.ndarray | RandomAccess | Stream,
        y: np.ndarray | None = None,
        *,
        epochs: int,
        sample_weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | RandomAccess | Stream | None = None,
        time_limit: float | None = None,
        patience: int | None = None,
        keep_best: bool = True,
        callbacks: Iterable[Callback | EpochFunction] = (),
        stop: Stop | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        on_checkpoint_error: OnError | None = None,
        continue_from: History | None = None,
    ) -> History:
        """Trains for some epochs and returns the history of the training.

        The score of an epoch is its metric; without one its validation loss; without validation its
        training loss. With `average`, metric and validation loss are those of the averaged weights.

        Same seed, data and model: same numbers, except for the times. A time_limit brings the times
        into the numbers: schedules go by the share of the steps or of the time, whichever is
        larger.

        A second fit continues: running means (unless it diverged) and permutations go on. History
        and best epoch begin anew unless `continue_from` is given; schedules and averaged weights
        always do. At the end the optimizer gets back what schedules have set.

        Arguments
            x : (N, ...), in the dtype of the model's parameters, finite. Or, without y and
                sample_weight, what gives batches of them: a Rows, any object with `len(rows)` and
                `rows[indices]`, or a Stream
            y : (N, ...), in the same dtype, NaN where a label is missing; for SoftmaxCrossEntropy
                also (N,) classes, integers too
            sample_weight : (N,), finite, >= 0: how much each row counts in the loss; None: alike.
                Validation, metric and diagnoses take all rows alike
            epochs : at most so many, >= 1
            validation : (x, y) of rows to score after every epoch, as x and y, or what gives
                batches of them; never trained on
            time_limit : seconds, checked after every step; an epoch cut short is recorded
            patience : stop after so many epochs without a better score
            keep_best : (default True) at the end, also after an error, put back the weights of the
                best epoch, or those from before the fit if it diverged in its first epoch. False
                leaves the last ones, even diverged. With `average`, the averaged weights of that
                epoch or, unless it diverged, the last averaged ones (BestWeights has the table)
            callbacks : functions, called after every epoch with (trainer, history), and Callbacks;
                a text that one returns is a reason to stop, True stops without one
            stop : an Event; once it is set, by another thread or a signal, the training ends before
                its next step, as by Ctrl-C. (A second Ctrl-C does not wait for the step's end.)
            checkpoint : file, .npz, that holds the state of the training (fit_state.py): written
                after every epoch, at least every 60 s, and when the training is stopped. If it
                exists, the training goes on from there with the same bits. None: no file
            on_checkpoint_error : takes the OSError if the file cannot be written; the training goes
                on with the last good one. None: a warning, once
            continue_from : History of an earlier fit: its epochs stand before those of this one,
                count for `patience`, and its best epoch stays the best until there is a better one.
                The model must have that epoch's weights, as that fit left them. None: begin anew

        Returns
            History with the columns epoch, loss (over all labels of the epoch, measured while their
            rows are trained on; NaN without a label), lr (of the last batch), seconds (since the
            fit began), images (rows trained on), images_per_second (of training); with validation
            also validation_loss, and the metric under its name; with `average` these again with
            "average_" before the name. Its `outcome` and `stopped` say how it ended.

        Raises
            ValueError : no rows, lengths that differ, a wrong dtype, NaN or inf in x, inf or
                nothing but NaN in y, shapes that do not fit the model, weights that are wrong or
                that the loss does not take, a metric without validation, a number out of its range:
                all before the first epoch; a batch of rows or a Stream in which one of these comes
                up later, or an epoch without a label; layers that were replaced meanwhile; a
                checkpoint that is damaged, or of other code, data or settings
            OSError : the checkpoint's folder is missing, or it cannot be read
            whatever the rows, the Stream, `augment` or a callback raises
        """
        epochs = whole_number("fit", "epochs", epochs)
        patience = arguments.or_none(whole_number, "patience", patience, where="fit")
        calls = Calls(callbacks, self)
        arguments.check_stop(keep_best, stop)
        self.optimizer.check_model()
        data = training_data(self, x, y, sample_weight, validation, checkpoint, epochs)
        ranks, together = self.ranks, FitTogether(self.ranks, self.optimizer)
        clock = data.clock(self, epochs, time_limit, together.now)
        average = None if self.average is None else WeightAverage(self.model, self.average)
        scoring = Scoring(self.model, self.loss, self.metric, validation_data(self, validation, data), average, ranks)
        history = scoring.new_history(shuffled=data.shuffled)
        best = BestWeights(self.model, average, keep_best=keep_best)
        watch = TrainingWatch(self.diagnose_every, *data.for_diagnosis(self.diagnose_every is not None))
        if continue_from is not None:
            continue_history(history, continue_from, best, keep_best=keep_best)
        of_fit = {"patience": patience, "keep_best": keep_best, "continue_from": scores_of(continue_from)}
        settings = partial(settings_of, vars(self), x, y, validation, data.weights, epochs=epochs, **of_fit)
        with calls.around(history), own_numbers_after(self), finish_the_batch() as asked:
            together.begin(settings, self.rng, clock, AnyOf(asked, stop), steps_watched=len(calls.of_steps))
            history.warnings = ranks.from_first(lambda: watch.warnings(self.optimizer, self.loss))
            batches = batches_of(data.batches(self, together.share), self.augment, self.rng, self.model)
            kept = together.checkpoint(checkpoint, on_checkpoint_error)
            parts = history, batches, clock, average, best, watch, together, kept
            fit = ranks.alike(FitState, self.optimizer, self.rng, *parts)
            bar = ProgressBar(ranks.is_first and self.progress, fit.before + epochs, self.metric, history.warnings)
            self._averaged = average
            try:
                calls.begin(history)
                while history.outcome is None:
                    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite ends the training below
                        line = train_epoch(self, fit, bar, calls, together) | together.agreed(scoring.scores)
                    line["seconds"] = clock.seconds
                    history.append({name: line[name] for name in history.names})
                    if history.best_epoch == len(history):
                        best.keep()
                    bar.scores = scoring.shown
                    bar.show(len(history), line["loss"], line["images_per_second"], clock)
                    reasons = calls.after_epoch(history)
                    if self.diagnose_every is not None:
                        reasons += [ranks.from_first(lambda: watch.reason_to_stop(self.optimizer, self.loss, history))]
                    self.optimizer.check_model()
                    end_if_over(history, epochs, clock, patience, ranks.all_of(reasons))
                    fit.end_epoch()
            except (KeyboardInterrupt, StoppedFromOutside) as end:
                together.check_end(end)
                history.end(Outcome.INTERRUPTED, "interrupted by the user")
            except NotFiniteError as error:
                if error is calls.error:
                    raise
                together.check_end(error)
                self.optimizer.reset()  # its running means may be NaN, and would spoil a second fit
                history.end(Outcome.DIVERGED, diverged(bad_weight(self.model) or error, fit.where, self.optimizer.lr))
            finally:
                bar.close()
                if best.put_back(diverged=history.outcome is Outcome.DIVERGED):
                    history.best_weights = digest_of(self.model)
                self._averaged = None
                fit.close()
        return history

    @contextmanager
    def judged_weights(self) -> Iterator[None]:
        """Gives the model, in the block, the weights that epochs are judged by, such as averaged.

        >>> import nnscratch as nn
        >>> def save_best(trainer, history):
        ...     if history.best_epoch == len(history):
        ...         with trainer.judged_weights():
        ...             nn.save(trainer.model, "best.npz")
        """
        with nullcontext() if self._averaged is None else self._averaged.in_place():
            yield
