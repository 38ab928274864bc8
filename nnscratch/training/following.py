"""Following: how an optimizer follows the schedules of its trainer, step by step."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nnscratch.messages import described
from nnscratch.optimizers.schedules import Schedule, by_epoch, by_step

if TYPE_CHECKING:
    from nnscratch.optimizers.base import Optimizer
    from nnscratch.training.progress import Clock
    from nnscratch.training.trainer import Trainer

_HARDLY_LESS = 0.9  # a rate that falls to this share of itself in a whole training need not fall
# Words in the name of an argument that counts something, and what to put the function into.
_COUNTED = {
    "by_epoch": {"epoch", "epochs"},
    "by_step": {"step", "steps", "iteration", "iterations", "iter", "batch", "batches", "update", "updates"},
}


def follow(schedule: Callable[..., float] | None, name: str, optimizer: Optimizer, clock: Clock) -> None:
    """Sets the optimizer's number for the step to come; without a schedule it stays.

    name : "lr" or "momentum"
    """
    if schedule is None:
        return
    if isinstance(schedule, by_epoch):
        at: float = clock.epoch
    elif isinstance(schedule, by_step):
        at = clock.step
    else:
        at = clock.progress_of_step
    setattr(optimizer, name, schedule(at))


@contextmanager
def own_numbers_after(trainer: Trainer) -> Iterator[None]:
    """Gives the optimizer back, after the block, what its trainer's schedules have set meanwhile.

    Otherwise another trainer would go on with the tiny rate at which a schedule ended.
    """
    schedules = {"lr": trainer.lr, "momentum": trainer.momentum}
    before = {name: getattr(trainer.optimizer, name) for name, each in schedules.items() if each is not None}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(trainer.optimizer, name, value)


def check_schedule(name: str, schedule: Any, optimizer: Optimizer) -> None:
    """Stops a schedule that is none, that counts unasked, or that the optimizer cannot follow.

    name : "lr" or "momentum"

    Raises
        ValueError : it is no function, it is a class; the optimizer has no such number; it is a
            function of the epoch or of the step without saying so, which is told by the name of its
            argument, by a second argument, by a number above 1 that it is compared with or divided
            by as whole numbers are, or by a number just below 1 to its power
    """
    if schedule is None:
        return
    if inspect.isclass(schedule):
        raise _error(
            f"the class {schedule.__name__} as {name}", "an object of it",
            f"write {schedule.__name__}(...), with the values that it begins and ends with",
        )  # fmt: skip
    if not callable(schedule):
        shown = described(schedule)
        several = not isinstance(schedule, int | float) and hasattr(schedule, "__getitem__")
        fix = "write schedules.by_epoch(lambda epoch: ...[epoch])" if several else f"try constant({shown})"
        raise _error(f"{name}={shown}", "a schedule or None", fix)
    if not hasattr(optimizer, name):
        raise _error(f"a {name} schedule for {optimizer!r}", f"an optimizer with a {name}", "use SGD")
    if not isinstance(schedule, Schedule):
        by = isinstance(schedule, by_epoch | by_step)
        _check_argument(name, schedule.function if by else schedule, counts=by)


def _check_argument(name: str, function: Callable[..., Any], *, counts: bool) -> None:
    """Stops a function of other arguments than one, and one that counts unless `counts`."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a function in C need not tell
        return
    called = f"{getattr(function, '__name__', type(function).__name__)}{signature}"
    wrapped = "schedules.by_epoch(lambda epoch: ...) for a function of the epoch"
    try:
        signature.bind(0.0)
    except TypeError:
        expected = "a function of one number" if counts else "a function of one number, the progress from 0 to 1"
        raise _error(f"{name}={called}", expected, f"write {wrapped}") from None
    if counts or not signature.parameters:
        return
    argument = next(iter(signature.parameters))
    words = set(re.split(r"[_\d]+", argument.lower()))
    for kind, names in _COUNTED.items():
        if words & names:
            raise _error(
                f"{name}={called}", "a function of the progress, which goes from 0 to 1",
                f"write schedules.{kind}(...) around it, or name the argument progress",
            )  # fmt: skip
    if evidence := _counts(function, argument):
        raise _error(
            f"{name}={called}, which {evidence}",
            "a function of the progress, which goes from 0 to 1",
            "write schedules.by_epoch(...) or by_step(...) around it",
        )


def _counts(function: Any, argument: str) -> str:
    """How the function's code treats its argument as a count, in words; empty if it does not.

    It compares the argument with a number above 1, or takes // or % of it; or takes a number just
    below 1 to its power, which from progress 0 to 1 is next to nothing.
    """
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    steps = [] if code is None else list(dis.get_instructions(code))
    for first, second, third in zip(steps, steps[1:], steps[2:], strict=False):
        number, power = _number(second), _number(first)
        judges = third.opname == "COMPARE_OP" or third.argrepr in ("//", "%")
        if judges and _is_argument(first, argument) and number is not None and number > 1:
            return f"compares {argument} with {number:g}"
        to_the_power = third.argrepr == "**" and _is_argument(second, argument)
        if to_the_power and power is not None and _HARDLY_LESS <= power < 1:
            return f"falls as {power:g} ** {argument}, by next to nothing from 0 to 1"
    return ""


def _is_argument(step: dis.Instruction, argument: str) -> bool:
    return step.opname.startswith("LOAD_FAST") and step.argval == argument


def _number(step: dis.Instruction) -> float | None:
    is_constant = step.opname in ("LOAD_CONST", "LOAD_SMALL_INT") and isinstance(step.argval, int | float)
    return float(step.argval) if is_constant else None


def _error(came: str, expected: str, fix: str) -> ValueError:
    return ValueError(f"Trainer: got {came}, expected {expected}; {fix}")
