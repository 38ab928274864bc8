"""What a Trainer and its `fit` are given, looked at before any time goes into a training."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from nnscratch.checks import Limit
from nnscratch.losses import MSELoss, SoftmaxCrossEntropy, SumOfLosses, takes_sample_weight
from nnscratch.losses.base import checked_weights
from nnscratch.messages import described
from nnscratch.metric import Metric
from nnscratch.model import Sequential
from nnscratch.optimizers.base import Optimizer
from nnscratch.training.batches import check_rows
from nnscratch.training.scoring import COLUMNS

Checked = TypeVar("Checked")


def check_parts(model: object, loss: object, optimizer: object, metric: object) -> None:
    """Stops a Trainer of parts that are something else.

    Raises
        ValueError : no Sequential; a loss without forward and backward; no optimizer, or one of
            another model or of layers that the model no longer has; no Metric, or one that is named
            like another column. Also a class in place of an object of it
    """
    _check_is_no_class("model", model, "Sequential(...)")
    if not isinstance(model, Sequential):
        raise _error("model", model, "a Sequential", "write Sequential(*layers)")
    _check_is_no_class("loss", loss, f"{_name(loss)}()")
    if not callable(getattr(loss, "forward", None)) or not callable(getattr(loss, "backward", None)):
        raise _error("loss", loss, "an object with forward and backward", "write MSELoss()")
    _check_is_no_class("optimizer", optimizer, f"{_name(optimizer)}(model, lr=...)")
    if not isinstance(optimizer, Optimizer):
        raise _error("optimizer", optimizer, "an optimizer of the model", "write Adam(model), or SGD(model, lr=0.01)")
    if optimizer.model is not model:
        raise ValueError(
            "Trainer: got an optimizer of another model, expected one of this model; make it from this model, for some "
            f"of its layers as {_name(type(optimizer))}(model, layers=[...])"
        )
    optimizer.check_model()
    if metric is None:
        return
    if not isinstance(metric, Metric):
        raise _error("metric", metric, "a Metric or None", "write Metric(name, unit, function)")
    if metric.name in COLUMNS:
        raise ValueError(
            f"Trainer: got a metric named {metric.name!r}, expected a name that no other column has; rename it"
        )


def or_none(
    check: Callable[..., Checked], name: str, value: object, *limits: Limit, where: str = "Trainer", **more: str
) -> Checked | None:
    """None as it is; any other value as `check` of nnscratch.checks returns it."""
    return None if value is None else check(where, name, value, *limits, **more)


def check_choices(progress: object, augment: object) -> None:
    """Stops a `progress` that is not True, False or None, and an `augment` that is no function.

    Raises
        ValueError : one of them is wrong
    """
    if progress is not None and not isinstance(progress, bool | np.bool_):
        raise _error("progress", progress, "True, False or None", "leave it out to see the bar on terminals")
    if augment is not None:
        _check_is_no_class("augment", augment, f"{_name(augment)}(...)")
        if not callable(augment):
            raise _error("augment", augment, "a function (x, y, rng) -> x, y", "leave it out for rows as they are")


def check_data(x: np.ndarray, y: np.ndarray, model: Sequential, loss: object, *, augmented: bool) -> None:
    """Stops arrays that a model cannot learn from.

    x, y : as given to `fit`
    model, loss : the trainer's;  augmented : whether it augments x and y

    Raises
        ValueError : the rows are wrong (`check_rows`); they do not fit the model's first or last
            layer
    """
    check_rows("", x, y, model.parameters()[0].dtype, classes=takes_classes(loss))
    if not augmented:  # otherwise these are not the shapes that reach the model
        check_fits(model, loss, "", x, y)


def check_validation(validation: object, y: np.ndarray | None, model: Sequential, loss: object) -> None:
    """Stops arrays that a model cannot be scored on.

    validation : as given to `fit`
    y : of the training; None: of unknown shape
    model, loss : the trainer's

    Raises
        ValueError : no pair; the rows are wrong (`check_rows`); they do not fit the model, or y
    """
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ValueError(
            f"fit: got validation={described(validation)}, expected a pair (x, y) of rows that are not trained on; "
            "split them off before"
        )
    scored_x, scored = validation
    check_rows("validation ", scored_x, scored, model.parameters()[0].dtype, classes=takes_classes(loss))
    check_fits(model, loss, "validation ", scored_x, scored)
    if y is not None and scored.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"fit: got validation y of shape {scored.shape}, expected {_rows_of(y.shape[1:])} as y; give both one shape"
        )


def check_metric_has_rows(metric: Metric | None, validation: object) -> None:
    """Stops a metric without validation rows to compute it on; ValueError."""
    if metric is not None and validation is None:
        raise ValueError(
            f"fit: got no validation, expected rows for the metric {metric.name!r}; pass validation=(x, y), or "
            "make the Trainer without metric"
        )


def takes_classes(loss: object) -> bool:
    """Whether the loss takes whole numbers, classes, as targets."""
    if isinstance(loss, SumOfLosses):
        return all(term.target_columns is None and takes_classes(term.loss) for term in loss.terms)
    return isinstance(loss, SoftmaxCrossEntropy)


def checked_sample_weight(sample_weight: object, loss: object, rows: int) -> np.ndarray | None:
    """The weights of the rows, float64, or None if all count alike.

    Raises
        ValueError : they are not (rows,) finite numbers >= 0, all are 0, or the loss takes none
    """
    if sample_weight is None:
        return None
    if not takes_sample_weight(loss):
        raise ValueError(
            f"fit: got sample_weight for {described(loss)}, expected a loss that takes weights; give its forward the "
            "argument sample_weight=None"
        )
    weights = checked_weights("fit", sample_weight, rows)
    if not weights.any():
        raise ValueError("fit: got sample_weight of 0 only, expected a row that counts; look at how they were made")
    return weights


def check_stop(keep_best: object, stop: object) -> None:
    """Stops a keep_best that is neither True nor False, and a stop that is no Event.

    Raises
        ValueError : one of them is wrong
    """
    if not isinstance(keep_best, bool | np.bool_):
        raise _error("keep_best", keep_best, "True or False", "leave it out to keep the best", where="fit")
    if stop is not None and not callable(getattr(stop, "is_set", None)):
        raise _error("stop", stop, "a threading.Event or None", "leave it out", where="fit")


def check_fits(model: Sequential, loss: object, which: str, x: np.ndarray, y: np.ndarray) -> None:
    """Stops rows of other shapes than the first layer takes and the last one gives; ValueError.

    which : begins the arrays' names in the message: "" or "validation "
    """
    shape = x.shape[1:]
    try:
        for layer in model.layers:
            shape = layer.output_shape(shape)
    except NotImplementedError:  # a layer of the user's own need not tell
        return
    except ValueError as error:
        raise ValueError(f"fit: got {which}x of shape {x.shape}, which does not fit the model: {error}") from None
    if isinstance(loss, SoftmaxCrossEntropy) and y.ndim == 1:
        return
    # Any other loss may compare the outputs to something of another shape.
    forward = getattr(type(loss), "forward", None)
    if forward in (MSELoss.forward, SoftmaxCrossEntropy.forward) and y.shape[1:] != shape:
        one_column = y.ndim == 1 and shape == (1,)
        fix = "use y[:, np.newaxis]" if one_column else "give the last layer as many outputs as y has columns"
        raise ValueError(
            f"fit: got {which}y of shape {y.shape}, expected {_rows_of(shape)} as the model's outputs; {fix}"
        )


def _rows_of(shape: tuple[int, ...]) -> str:
    """The shape of N rows, such as "(N, 30)"."""
    return str(("N", *shape)).replace("'", "")


def _check_is_no_class(name: str, value: object, call: str) -> None:
    if inspect.isclass(value):
        raise ValueError(f"Trainer: got the class {_name(value)} as {name}, expected an object of it; write {call}")


def _error(name: str, value: object, expected: str, fix: str, where: str = "Trainer") -> ValueError:
    return ValueError(f"{where}: got {name}={described(value)}, expected {expected}; {fix}")


def _name(value: object) -> str:
    return getattr(value, "__name__", type(value).__name__)
