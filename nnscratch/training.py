"""Training: the loop over epochs and batches that turns gradients into a model that has learnt something."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.batches import Batches, check_rows
from nnscratch.diagnosis.consultation import Consultation
from nnscratch.history import History, Metric
from nnscratch.layers.base import NotFiniteError, check_finite, size
from nnscratch.progress import Clock, ProgressBar

if TYPE_CHECKING:
    from nnscratch.losses import MSELoss
    from nnscratch.model import Sequential
    from nnscratch.optimizer import Optimizer

__all__ = ["INTERRUPTED", "Callback", "History", "Metric", "Trainer"]

Callback = Callable[["Trainer", History], str | None]
Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
INTERRUPTED = "interrupted by the user"
_COLUMNS = ["epoch", "loss", "validation_loss", "lr", "seconds", "images", "images_per_second"]


class Trainer:
    """Trains a model: the loop around forward, loss, backward and step.

    In every epoch
        order <- a fresh permutation of the N rows
        for each batch of B rows of that order (the last batch may be smaller):
            prediction  = model(x)                         model.forward(x, training=True): dropout is on
            L           = loss(prediction, y)              one number; owns the 1/N
            dprediction = dL/dprediction                   loss.backward()
            dw          = dL/dw, for every parameter w     model.backward(dprediction): the chain rule, layer by layer
            w           <- w - lr * (a mean of dw)         optimizer.step()
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
        augment : (x, y, generator) -> new x and y of a batch, before every step; None: as they are
        diagnose_every : every so many epochs, `diagnose` looks at the network; two diagnoses in a row with a finding
            that more epochs do not cure (such as dead units) end the training, and `history.stopped` says why; None:
            never

    Raises
        ValueError : batch_size < 1, a schedule that is none, an optimizer of another model or without a momentum

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
        diagnose_every: int | None = None,
    ) -> None:
        for name, schedule in (("lr", lr), ("momentum", momentum)):
            if schedule is not None and not callable(schedule):
                raise ValueError(f"got {name}={schedule!r}, expected a schedule or None; try constant({schedule!r})")
        if momentum is not None and not hasattr(optimizer, "momentum"):
            raise ValueError(f"got a momentum schedule for {optimizer!r}, expected one with a momentum; use SGD")
        if optimizer.model is not model:
            raise ValueError("got an optimizer of another model, expected one of this model; make it from this model")
        if metric is not None and metric.name in _COLUMNS:
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

        The score of an epoch is its metric; without one its validation loss; without validation its training loss.
        Same seed, data and model: same numbers, except for the times (and for what follows from a time_limit: a
        schedule goes by the share of the epochs or of the time, whichever is further).

        A second fit continues: the optimizer keeps what it remembers (unless the first diverged: then it forgets) and
        its last lr, the permutations go on. Its history, its schedules and its best epoch begin anew.

        Arguments
            x : (N, ...), in the dtype of the model's parameters, finite
            y : (N, ...), in the same dtype, NaN where a label is missing
            epochs : at most so many, >= 1
            validation : (x, y) of rows to score after every epoch, as x and y; they are never trained on
            time_limit : seconds; looked at after every batch, so that an epoch may be cut short, and is still recorded
            patience : stop after so many epochs without a better score
            keep_best : at the end, also after an error, put back the parameters of the best epoch (those of before
                the fit if it diverged in its first epoch); False leaves the last ones, even if they diverged
            callbacks : each is called after every epoch with (trainer, history); a string from it is a reason to stop

        Returns
            History with the columns epoch, loss (mean over the rows, measured while they are trained on), lr (of the
            last batch), seconds (since the fit began), images (rows trained on), images_per_second (of training);
            with validation also validation_loss, and the metric under its name. Its `stopped` says why it ended:
            Ctrl-C and a loss that is not finite end a training too, with the history so far.

        Raises
            ValueError : no rows, lengths that differ, a wrong dtype, NaN or inf in x, inf or nothing but NaN in y,
                a number out of its range
        """
        epochs = size("fit", "epochs", epochs)
        patience = None if patience is None else size("fit", "patience", patience)
        dtype = next(w.dtype for layer in self.model.layers for w in layer.params.values())
        check_rows("", x, y, dtype)
        if validation is not None:
            check_rows("validation ", *validation, dtype)
        batches = Batches(x, y, self.batch_size)
        clock = Clock(len(x) * epochs, time_limit)
        history = self._new_history(with_validation=validation is not None)
        callbacks = tuple(callbacks)
        consultation = Consultation(self.diagnose_every, x, y)
        best = self._parameters() if keep_best else None
        diverged = False
        bar = ProgressBar(self.progress, epochs, self.metric)
        try:
            while not history.stopped:
                with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite ends the training below
                    line = self._epoch(len(history) + 1, batches, clock, bar)
                    scores = {} if validation is None else self._score(*validation)
                    self._check_parameters()
                line |= scores | {"seconds": clock.seconds}
                history.append({name: line[name] for name in history.names})
                if keep_best and history.best_epoch == len(history):
                    best = self._parameters()
                bar.scores = scores
                bar.show(len(history), line["loss"], line["images_per_second"], clock)
                reasons = [callback(self, history) for callback in callbacks]
                reasons.append(consultation.reason_to_stop(self.optimizer, self.loss, history))
                history.stopped = _reason_to_stop(history, epochs, clock, patience, reasons)
        except KeyboardInterrupt:
            history.stopped = INTERRUPTED
        except NotFiniteError:
            diverged = True
            self.optimizer.reset()  # its running means may be NaN, and would spoil a second fit
            history.stopped = (
                f"diverged: the loss is not finite at epoch {len(history) + 1}; "
                f"lower the learning rate, which was {self.optimizer.lr:g}"
            )
        finally:
            bar.close()
            if best is not None and (diverged or history.best_epoch is not None):
                self._put_back(best)
        return history

    def _epoch(self, epoch: int, batches: Batches, clock: Clock, bar: ProgressBar) -> dict[str, float]:
        """Trains on every row once, or until the time is up; gives the epoch's part of its line in the history."""
        began, images, total = clock.seconds, 0, 0.0
        for batch_x, batch_y in batches.shuffled(self.generator):
            if self.lr is not None:
                self.optimizer.lr = self.lr(clock.progress)
            if self.momentum is not None:
                setattr(self.optimizer, "momentum", self.momentum(clock.progress))  # noqa: B010 (Adam has none)
            if self.augment is not None:
                batch_x, batch_y = self.augment(batch_x, batch_y, self.generator)
            total += self._train_on(batch_x, batch_y) * len(batch_x)
            images += len(batch_x)
            clock.images += len(batch_x)
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
        self.optimizer.step()
        return loss

    def _score(self, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """The validation columns, without dropout."""
        prediction = self.model.predict(x)
        scores = {"validation_loss": float(self.loss.forward(prediction, y))}
        if not math.isfinite(scores["validation_loss"]):
            raise NotFiniteError("got a validation loss that is not finite, expected a number; lower the learning rate")
        if self.metric is not None:
            scores[self.metric.name] = float(self.metric.function(prediction, y))
        return scores

    def _new_history(self, with_validation: bool) -> History:
        scores = ["validation_loss"] if with_validation else []
        if with_validation and self.metric is not None:
            scores.append(self.metric.name)
        score = scores[-1] if scores else "loss"
        return History(["epoch", "loss", *scores, "lr", "seconds", "images", "images_per_second"], score=score)

    def _parameters(self) -> list[np.ndarray]:
        # Copies in a new list, not into old arrays: a Ctrl-C half-way must not leave a mixture of two epochs.
        return [w.copy() for layer in self.model.layers for w in layer.params.values()]

    def _put_back(self, parameters: list[np.ndarray]) -> None:
        live = (w for layer in self.model.layers for w in layer.params.values())
        for w, kept in zip(live, parameters, strict=True):
            np.copyto(w, kept)

    def _check_parameters(self) -> None:
        """The loss is measured before the step: the last step of an epoch may be the one that goes to infinity."""
        for layer in self.model.layers:
            for name, w in layer.params.items():
                check_finite(layer, name, w)


def _reason_to_stop(
    history: History, epochs: int, clock: Clock, patience: int | None, reasons: Iterable[str | None]
) -> str:
    """Why the training ends here, in a sentence; empty to go on."""
    if clock.images == clock.total_images:
        return f"all {epochs} epochs done" if epochs > 1 else "the one epoch done"
    if clock.is_up:
        return f"time limit of {_duration(clock.time_limit or 0)} reached"
    if patience is not None and len(history) - (history.best_epoch or 0) >= patience:
        return f"no better for {patience} epoch{'s' if patience > 1 else ''}"
    return next((reason for reason in reasons if reason), "")


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds:.3g} s"
