"""Callbacks: the user's own code at four moments of a training, and how it asks for the end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import NotFiniteError
from nnscratch.messages import described

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.training.trainer import Trainer

Answer = str | bool | None  # of a callback: a reason to stop, whether to stop, or go on
EpochFunction = Callable[["Trainer", "History"], Answer]


@dataclass(frozen=True)
class StepDone:
    """A step that was just taken.

    number : of the steps of this fit, from 1;  epoch : its number in the history, from 1
    loss : of its batch, before the step;  labels : how much the batch counts in a mean of losses
    rows : of the batch;  lr : the learning rate of the step
    """

    number: int
    epoch: int
    loss: float
    labels: float
    rows: int
    lr: float


class Callback:
    """What `Trainer.fit(callbacks=[...])` calls, moment by moment. Override what you need.

        begin        once, before the first step; from a checkpoint, with the state of it
        after_step   after each step of the optimizer
        after_epoch  after each epoch was scored and written into the history
        end          once, however the fit ended, with the weights that it leaves in the model

    A plain function (trainer, history) in the list is an `after_epoch`. Callbacks are called in the
    order of the list, at each moment all of them.

    Answers
        `after_step` and `after_epoch` may ask for the end: a text is the reason, True stands for
        "stopped by" and the callback's name, None, False and "" let the training go on. Anything
        else is a ValueError. After a step, the epoch ends there: it is scored and written down.
        `history.outcome` is then Outcome.ASKED, unless all epochs were done anyway

    Errors
        What a callback raises, `fit` raises. Before, `end` of all callbacks is called that began,
        with history.outcome None, and the best weights so far are put back; the checkpoint is that
        of the epoch before, or the last one within the epoch. KeyboardInterrupt ends the training
        as Ctrl-C does. An error in `end` itself is raised when all others have been called

    The model has its live weights. `with trainer.judged_weights():` gives it those that epochs are
    judged by. A callback may change `trainer.optimizer.lr` unless a schedule does, and
    `layer.frozen`, but no layers. What it keeps for itself is in no checkpoint.

    >>> import nnscratch as nn
    >>> class GoodEnough(nn.Callback):
    ...     def begin(self, trainer, history):
    ...         print("begins")
    ...
    ...     def after_step(self, trainer, history, step):
    ...         return f"good enough after {step.number} steps" if step.loss < 1e-3 else None
    ...
    ...     def end(self, trainer, history):
    ...         print("ended:", history.stopped)
    >>> x = np.linspace(-1, 1, 20, dtype=np.float32)[:, np.newaxis]
    >>> model = nn.Sequential(nn.Dense(1, 1, weight_init="constant(1)", rng=0))
    >>> trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.5), batch_size=20)
    >>> history = trainer.fit(x, 2 * x, epochs=100, callbacks=[GoodEnough()])
    begins
    ended: good enough after 8 steps
    """

    def begin(self, trainer: Trainer, history: History) -> None:
        """Before the first step of this fit."""

    def after_step(self, trainer: Trainer, history: History, step: StepDone) -> Answer:
        """After a step; the history ends with the epoch before."""

    def after_epoch(self, trainer: Trainer, history: History) -> Answer:
        """After an epoch, which is the last one in the history."""

    def end(self, trainer: Trainer, history: History) -> None:
        """After the training; `history.outcome` says how it ended, None if by an error."""


class _Function(Callback):
    """A plain function as a callback."""

    def __init__(self, function: EpochFunction) -> None:
        self.function = function

    def after_epoch(self, trainer: Trainer, history: History) -> Answer:
        return self.function(trainer, history)


class Calls:
    """The callbacks of one fit.

    callbacks : as given to `fit`;  trainer : whose fit it is

    Attributes
        error : the NotFiniteError that one of them raised, which is no divergence; or None

    Raises
        ValueError : it is no list of callbacks and functions, or holds a class, or a function of
            other arguments than two
    """

    def __init__(self, callbacks: Iterable[Callback | EpochFunction], trainer: Trainer) -> None:
        given: list[Any] = list(callbacks) if isinstance(callbacks, Iterable) else [None]
        wrong = [each for each in given if isinstance(each, type) or not (isinstance(each, Callback) or callable(each))]
        if wrong:
            raise _wrong_list(callbacks, wrong[0])
        for each in given:
            if not isinstance(each, Callback):
                _check_takes_two(each)
        self.trainer = trainer
        self.callbacks = [each if isinstance(each, Callback) else _Function(each) for each in given]
        self.of_steps = [each for each in self.callbacks if type(each).after_step is not Callback.after_step]
        self.error: NotFiniteError | None = None
        self._asked: str | None = None  # by after_step
        self._begun: list[Callback] = []

    @contextmanager
    def around(self, history: History) -> Iterator[None]:
        """Calls `end` after the block, however it is left, of all callbacks that began."""
        try:
            yield
        finally:
            errors = []
            for each in self._begun:
                try:
                    each.end(self.trainer, history)
                except BaseException as error:  # also Ctrl-C: the others end all the same
                    errors.append(error)
            if errors:
                raise errors[0]

    def begin(self, history: History) -> None:
        """Calls `begin` of each."""
        for each in self.callbacks:
            self._begun.append(each)
            self._call(each.begin, self.trainer, history)

    def after_step(self, history: History, step: StepDone) -> bool:
        """Calls `after_step` of each; returns whether the epoch ends here."""
        reasons = [self._answer(each, each.after_step, self.trainer, history, step) for each in self.of_steps]
        self._asked = next((reason for reason in reasons if reason), None)
        return self._asked is not None

    def after_epoch(self, history: History) -> list[str | None]:
        """Calls `after_epoch` of each; returns the reasons to stop, that of a step first."""
        reasons = [self._answer(each, each.after_epoch, self.trainer, history) for each in self.callbacks]
        return [self._asked, *reasons]

    def _answer(self, callback: Callback, method: Callable[..., Any], *arguments: Any) -> str | None:
        answer = self._call(method, *arguments)
        if answer is None or isinstance(answer, str):
            return answer
        if isinstance(answer, bool | np.bool_):
            return f"stopped by {_name(callback)}" if answer else None
        raise ValueError(
            f"fit: got {described(answer)} from the callback {_name(callback)}, expected a reason to stop as text, "
            "True to stop, False or None to go on; return one of them"
        )

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except NotFiniteError as error:
            self.error = error
            raise


def _check_takes_two(function: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a function in C need not tell
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise ValueError(
            f"fit: got the callback {_name(function)}{signature}, expected a function (trainer, history); take both"
        ) from None


def _name(callback: Any) -> str:
    named = callback.function if isinstance(callback, _Function) else callback
    return str(getattr(named, "__name__", type(named).__name__))


def _wrong_list(callbacks: Any, wrong: Any) -> ValueError:
    if isinstance(wrong, type):
        came, fix = f"the class {wrong.__name__} in callbacks", f"write callbacks=[{wrong.__name__}(...)]"
        return ValueError(f"fit: got {came}, expected an object of it; {fix}")
    alone = isinstance(callbacks, Callback) or callable(callbacks)
    fix = f"write callbacks=[{_name(callbacks)}]" if alone else "leave it out for none; others derive from nn.Callback"
    return ValueError(f"fit: got callbacks={described(callbacks)}, expected a list of callbacks and functions; {fix}")
