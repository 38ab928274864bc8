"""Training: the loop over epochs and batches that turns gradients into a model that has learnt something."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.checks import NotFiniteError, size
from nnscratch.diagnosis.watch import TrainingWatch
from nnscratch.history import History, Metric, Outcome
from nnscratch.parameters import copy_parameters, parameters_of, put_back
from nnscratch.training.averaging import WeightAverage, decay_in_range
from nnscratch.training.batches import Batches, check_rows
from nnscratch.training.clipping import clip_gradients, norm_in_range
from nnscratch.training.prefetch import Augment, AugmentedBatches
from nnscratch.training.progress import Clock, ProgressBar
from nnscratch.training.scoring import COLUMNS, Scoring
from nnscratch.training.stopping import diverged, end_if_over

if TYPE_CHECKING:
    from nnscratch.losses import MSELoss
    from nnscratch.model import Sequential
    from nnscratch.optimizers.base import Optimizer

Callback = Callable[["Trainer", History], str | None]


class Trainer:
    """Trains a model: the loop around forward, loss, backward and step.

    In every epoch
        order <- a fresh permutation of the N rows
        for each batch of B rows of that order (the last batch may be smaller):
            prediction  = model(x)                         model.forward(x, training=True): dropout is on
            L           = loss(prediction, y)              one number; owns the 1/N
            dprediction = dL/dprediction                   loss.backward()
            dw          = dL/dw, for every parameter w     model.backward(dprediction): the chain rule, layer by layer
            all dw are shortened if they are very long     clip_gradients(model, clip_norm)
            w           <- w - lr * (a mean of dw)         optimizer.step()
            the mean of the last steps' w moves along      WeightAverage(model, average).update()
        the validation rows are scored, without dropout    model.predict(x)

    Why batches: the mean of B gradients points almost where the mean of N does, for B/N of the work. Why a fresh order:
    with a fixed one, every epoch repeats the same errors of those means.

    Arguments
        model : a Sequential
        loss : an MSELoss
        optimizer : an SGD or Adam, made for this model
        batch_size : rows a step, >= 1
        lr, momentum : schedules (progress 0..1 -> value) that set the optimizer's before every batch; None: as it is
        seed : int or Generator that the permutations come from
        metric : a number for people, taken on the validation rows
        progress : True or False: with or without a progress bar on stderr; None: if stderr is a terminal
        augment : (x, y, generator) -> new x and y of a batch, of as many rows, maybe of other shapes; called in another
            thread while the model trains on the batch before, so it must not use the model (AugmentedBatches); None:
            as they are
        average : decay of a WeightAverage, in (0, 1), such as 0.998: what is judged, kept as the best, and in the model
            at the end, are averaged weights; None: the weights as they are
        clip_norm : largest norm of a gradient, > 0 (clip_gradients); None: any
        diagnose_every : every so many epochs, `diagnose` looks at the network (as it is, with x and y as given); two
            diagnoses in a row with a finding that more epochs do not cure (such as dead units) end the training, and
            `history.stopped` says why; None: never

    Raises
        ValueError : a number out of its range, a schedule that is none, an optimizer of another model or without a
            momentum

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
        loss: MSELoss,
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
    ) -> None:
        for name, schedule in (("lr", lr), ("momentum", momentum)):
            if schedule is not None and not callable(schedule):
                raise ValueError(f"got {name}={schedule!r}, expected a schedule or None; try constant({schedule!r})")
        if momentum is not None and not hasattr(optimizer, "momentum"):
            raise ValueError(f"got a momentum schedule for {optimizer!r}, expected one with a momentum; use SGD")
        if optimizer.model is not model:
            raise ValueError("got an optimizer of another model, expected one of this model; make it from this model")
        if metric is not None and metric.name in COLUMNS:
            raise ValueError(f"got a metric named {metric.name!r}, expected a name that no other column has; rename it")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.batch_size = size("Trainer", "batch_size", batch_size)
        self.lr = lr
        self.momentum = momentum
        self.metric = metric
        self.progress = progress
        self.augment = augment
        self.average = None if average is None else decay_in_range("average", average)
        self.clip_norm = None if clip_norm is None else norm_in_range("clip_norm", clip_norm)
        self.diagnose_every = None if diagnose_every is None else size("Trainer", "diagnose_every", diagnose_every)
        self.generator = np.random.default_rng(seed)

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        epochs: int,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        time_limit: float | None = None,
        patience: int | None = None,
        keep_best: bool = True,
        callbacks: Iterable[Callback] = (),
    ) -> History:
        """Trains for some epochs, and gives the history of the training.

        The score of an epoch is its metric; without one its validation loss; without validation its training loss. With
        `average`, metric and validation loss are those of the averaged weights.
        Same seed, data and model: same numbers, except for the times (and for what follows from a time_limit: a
        schedule goes by the share of the epochs or of the time, whichever is further).

        A second fit continues: the optimizer keeps what it remembers (unless the first diverged: then it forgets) and
        its last lr, the permutations go on. Its history, schedules, best epoch and averaged weights begin anew.

        Arguments
            x : (N, ...), in the dtype of the model's parameters, finite
            y : (N, ...), in the same dtype, NaN where a label is missing
            epochs : at most so many, >= 1
            validation : (x, y) of rows to score after every epoch, as x and y; they are never trained on
            time_limit : seconds; looked at after every batch, so that an epoch may be cut short, and is still recorded
            patience : stop after so many epochs without a better score
            keep_best : at the end, also after an error, put back the parameters of the best epoch (those of before
                the fit if it diverged in its first epoch); False leaves the last ones, even if they diverged. With
                `average`: the averaged ones of that epoch or, unless it diverged, the last averaged ones
            callbacks : each is called after every epoch with (trainer, history), the model as it was trained, not
                averaged; a string from it is a reason to stop

        Returns
            History with the columns epoch, loss (mean over the rows, measured while they are trained on), lr (of the
            last batch), seconds (since the fit began), images (rows trained on), images_per_second (of training);
            with validation also validation_loss, and the metric under its name; with `average` these again with
            "average_" before the name. Its `stopped` says why it ended: Ctrl-C and a loss that is not finite end a
            training too, with the history so far.

        Raises
            ValueError : no rows, lengths that differ, a wrong dtype, NaN or inf in x, inf or nothing but NaN in y,
                a number out of its range
        """
        epochs = size("fit", "epochs", epochs)
        patience = None if patience is None else size("fit", "patience", patience)
        dtype = next(parameters_of(self.model)).dtype
        check_rows("", x, y, dtype)
        if validation is not None:
            check_rows("validation ", *validation, dtype)
        batches = self._batches(x, y)
        clock = Clock(len(x) * epochs, time_limit)
        average = None if self.average is None else WeightAverage(self.model, self.average)
        scoring = Scoring(self.model, self.loss, self.metric, validation, average)
        history = scoring.new_history()
        callbacks = tuple(callbacks)
        watch = TrainingWatch(self.diagnose_every, x, y)
        best = copy_parameters(self.model) if keep_best else None
        finite = True
        bar = ProgressBar(self.progress, epochs, self.metric)
        try:
            while history.outcome is None:
                with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite ends the training below
                    line = self._epoch(len(history) + 1, batches, clock, bar, average)
                    line |= scoring.scores()
                line |= {"seconds": clock.seconds}
                history.append({name: line[name] for name in history.names})
                if keep_best and history.best_epoch == len(history):
                    best = copy_parameters(self.model) if average is None else average.copy()
                bar.scores = scoring.shown
                bar.show(len(history), line["loss"], line["images_per_second"], clock)
                reasons = [callback(self, history) for callback in callbacks]
                reasons.append(watch.reason_to_stop(self.optimizer, self.loss, history))
                end_if_over(history, epochs, clock, patience, reasons)
        except KeyboardInterrupt:
            history.end(Outcome.INTERRUPTED, "interrupted by the user")
        except NotFiniteError:
            finite = False
            self.optimizer.reset()  # its running means may be NaN, and would spoil a second fit
            history.end(Outcome.DIVERGED, diverged(len(history) + 1, self.optimizer.lr))
        finally:
            bar.close()
            if best is not None and (not finite or history.best_epoch is not None):
                put_back(self.model, best)
            elif finite and average is not None and average.is_usable:
                put_back(self.model, average.parameters)
        return history

    def _batches(self, x: np.ndarray, y: np.ndarray) -> Batches | AugmentedBatches:
        batches = Batches(x, y, self.batch_size)
        if self.augment is None:
            return batches
        # A Dropout with the trainer's own generator: which of the two draws first must not depend on the threads.
        shared = any(getattr(layer, "rng", None) is self.generator for layer in self.model.layers)
        return AugmentedBatches(batches, self.augment, overlap=not shared)

    def _epoch(
        self,
        epoch: int,
        batches: Batches | AugmentedBatches,
        clock: Clock,
        bar: ProgressBar,
        average: WeightAverage | None,
    ) -> dict[str, float]:
        """Trains on every row once, or until the time is up; gives the epoch's part of its line in the history."""
        began, images, total = clock.seconds, 0, 0.0
        with closing(batches.shuffled(self.generator)) as shuffled:
            for batch_x, batch_y in shuffled:
                if self.lr is not None:
                    self.optimizer.lr = self.lr(clock.progress)
                if self.momentum is not None:
                    setattr(self.optimizer, "momentum", self.momentum(clock.progress))  # noqa: B010 (Adam has none)
                total += self._train_on(batch_x, batch_y) * len(batch_x)
                if average is not None:
                    average.update()
                images += len(batch_x)
                clock.count(len(batch_x))
                seconds = clock.seconds - began
                bar.show(epoch, total / images, images / seconds, clock)
                if clock.is_up:
                    break
        return {
            "epoch": epoch,
            "loss": total / images,
            "lr": self.optimizer.lr,
            "images": images,
            "images_per_second": images / seconds,
        }

    def _train_on(self, x: np.ndarray, y: np.ndarray) -> float:
        """One step of the optimizer; gives the loss before it."""
        loss = self.loss.forward(self.model.forward(x, training=True), y)
        if not math.isfinite(loss):
            raise NotFiniteError(f"got a loss of {loss}, expected a finite number; lower the learning rate")
        self.model.backward(self.loss.backward())
        if self.clip_norm is not None:
            clip_gradients(self.model, self.clip_norm)
        self.optimizer.step()
        return loss
