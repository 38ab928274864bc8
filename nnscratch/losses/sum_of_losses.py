"""A weighted sum of losses: of the same numbers, or each of some columns of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.checks import check_array, not_negative
from nnscratch.losses.base import Loss, labels_in, labels_of, takes_sample_weight

Columns = slice | list[int]


@dataclass(frozen=True)
class Term:
    """One loss of a sum.

    loss, weight : it counts so many times
    columns : of the prediction that it is given; None: all
    target_columns : of the target; a whole number gives it (N,), such as classes; None: all
    """

    loss: Loss
    weight: float
    columns: Columns | None = None
    target_columns: Columns | int | None = None

    def __repr__(self) -> str:
        values: list[Any] = [self.loss, self.weight]
        if self.columns is not None or self.target_columns is not None:
            values.append(self.columns)
        if self.target_columns != self.columns:
            values.append(self.target_columns)
        return f"({', '.join(map(repr, values))})"


class SumOfLosses(Loss):
    """Several losses at once, each as important as its weight says.

    Arguments
        terms : (loss, weight), (loss, weight, columns) or (loss, weight, columns, target_columns):
            weight >= 0; columns, a slice or a list of distinct whole numbers, choose along axis 1
            of the prediction, and of the target too unless target_columns are given. One whole
            number as target_columns gives the loss a target (N,), such as classes

    Shapes
        prediction, dprediction : (N, C, ...);  target : as the losses take it
        sample_weight : (N,), finite, >= 0; None stands for ones

    Forward
        L = sum over terms k of weight[k] * L[k],  where L[k] is loss k of its columns
        Each loss is a mean over its own labels, whatever the others have.

    Backward
        A sum's slope is the sum of the slopes, and a column outside a loss has slope 0 in it:
            dprediction = sum over terms k of weight[k] * dL[k]/dprediction

    Cost: that of the losses; keeps dprediction, which `forward` computes at once, so that one loss
    object may stand in several terms.

    Attributes
        terms : the terms, in order
        labels : of the last `forward`, those of all terms together. The mean of it over batches is
            that over all rows if the terms' labels are in one proportion in every batch

    Raises
        ValueError : no term, a term that is none, columns outside the prediction or the target, a
            sample_weight for a loss that takes none; whatever the losses raise

    >>> import nnscratch as nn
    >>> place, kind = nn.MSELoss(), nn.SoftmaxCrossEntropy()
    >>> loss = SumOfLosses((place, 1.0, slice(0, 2)), (kind, 0.5, slice(2, 5), 2))
    >>> loss
    SumOfLosses((MSELoss(), 1.0, slice(0, 2, None)),
                (SoftmaxCrossEntropy(), 0.5, slice(2, 5, None), 2))
    >>> prediction = np.zeros((1, 5))          # two coordinates, and logits of three classes
    >>> target = np.array([[1.0, 3.0, 2.0]])   # two coordinates, and the number of the class
    >>> round(loss.forward(prediction, target), 3)  # (1 + 9) / 2 + 0.5 * log 3
    5.549
    >>> loss.backward().round(3)
    array([[-1.   , -3.   ,  0.167,  0.167, -0.333]])

    Source: Caruana, "Multitask learning" (1997), for one network that learns several tasks.
    """

    dprediction: np.ndarray  # kept from forward to backward

    def __init__(self, *terms: Sequence[Any] | Term) -> None:
        if not terms:
            raise _error("no term", "one at least", "write SumOfLosses((MSELoss(), 1.0), ...)")
        self.terms = tuple(term if isinstance(term, Term) else _checked_term(term) for term in terms)

    @property
    def losses(self) -> list[Loss]:
        """The losses, term by term."""
        return [term.loss for term in self.terms]

    def forward(self, prediction: np.ndarray, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """The loss of a batch, as a float; keeps what `backward` needs, and sets `labels`."""
        check_array(self, "prediction", prediction)
        check_array(self, "target", target)
        total, labels, dprediction = 0.0, 0.0, np.zeros_like(prediction)
        for term in self.terms:
            weights = () if sample_weight is None else (sample_weight,)
            if weights and not takes_sample_weight(term.loss):
                raise _error(f"sample_weight for {term.loss!r}", "losses that take weights", "leave it out")
            part = _chosen(prediction, term.columns, "prediction")
            total += term.weight * term.loss.forward(part, _chosen(target, term.target_columns, "target"), *weights)
            labels += labels_of(term.loss, len(prediction))
            slope = term.loss.backward() * prediction.dtype.type(term.weight)
            if term.columns is None:
                dprediction += slope
            else:
                dprediction[:, term.columns] += slope
        self.labels, self.dprediction = labels, dprediction
        return total

    def backward(self) -> np.ndarray:
        """dL/dprediction of the last `forward`, in the shape and the dtype of the prediction."""
        dprediction: np.ndarray = self.take("dprediction")
        return dprediction

    def count_labels(self, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        return sum(counts_of_terms(self, target, sample_weight))

    def __repr__(self) -> str:
        return f"SumOfLosses({', '.join(map(repr, self.terms))})"


def counts_of_terms(loss: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> list[float]:
    """How much the batch with this target counts in each loss that a sum is made of, in its order.

    loss : a SumOfLosses, whose terms may be sums again; any other loss is one term
    target : (N, ...);  sample_weight : (N,), or None

    The counts of several batches add up to those of all their rows together.

    >>> from nnscratch.losses import MSELoss
    >>> loss = SumOfLosses((MSELoss(), 1.0, [0]), (MSELoss(), 0.1, [1]))
    >>> counts_of_terms(loss, np.array([[1.0, np.nan], [2.0, 3.0]]))
    [2, 1]
    """
    if not isinstance(loss, SumOfLosses):
        return [labels_in(loss, target, sample_weight)]
    parts = [(term.loss, _chosen(target, term.target_columns, "target")) for term in loss.terms]
    return [count for each, part in parts for count in counts_of_terms(each, part, sample_weight)]


def of_part(loss: Any, shares: Sequence[float]) -> SumOfLosses:
    """A loss of one part of a batch, such that the losses of all parts add up to the whole batch's.

    loss : of the whole batch
    shares : of the part in the count of each term (`counts_of_terms`)

    A mean over all labels is the sum over parts of share * the part's own mean; so is its gradient.

    >>> from nnscratch.losses import MSELoss
    >>> prediction, target = np.zeros((4, 1)), np.array([[1.0], [2.0], [4.0], [1.0]])
    >>> MSELoss().forward(prediction, target)  # (1 + 4 + 16 + 1) / 4
    5.5
    >>> first, rest = of_part(MSELoss(), [1 / 4]), of_part(MSELoss(), [3 / 4])
    >>> first.forward(prediction[:1], target[:1]) + rest.forward(prediction[1:], target[1:])
    5.5
    """
    if not isinstance(loss, SumOfLosses):
        (share,) = shares
        return SumOfLosses(Term(loss, share))
    left, terms = list(shares), []
    for term in loss.terms:
        if isinstance(term.loss, SumOfLosses):
            own = [left.pop(0) for _ in range(_leaves(term.loss))]
            terms.append(Term(of_part(term.loss, own), term.weight, term.columns, term.target_columns))
        else:
            terms.append(Term(term.loss, term.weight * left.pop(0), term.columns, term.target_columns))
    return SumOfLosses(*terms)


def _leaves(loss: Loss) -> int:
    return sum(map(_leaves, loss.losses)) if isinstance(loss, SumOfLosses) else 1


def _chosen(array: np.ndarray, columns: Columns | int | None, name: str) -> np.ndarray:
    """The columns of an array (N, C, ...), in memory of their own; all of it for None."""
    if columns is None:
        return array
    if array.ndim < 2:
        raise _error(f"a {name} of shape {array.shape}", f"columns {columns}, (N, C)", "give each row its columns")
    width = array.shape[1]
    places = (
        list(range(width)[columns])
        if isinstance(columns, slice)
        else [columns]
        if isinstance(columns, int)
        else columns
    )
    end = columns.stop if isinstance(columns, slice) else None
    if not places or min(places) < -width or max(places) >= width or (end is not None and end > width):
        raise _error(f"a {name} of shape {array.shape}", f"one with the columns {columns}", "choose others")
    if len({place % width for place in places}) < len(places):  # such as 0 and -3 of three
        raise _error(f"the columns {columns} of a {name} of shape {array.shape}", "each once", "leave the others out")
    return np.ascontiguousarray(array[:, columns])


def _checked_term(term: Any) -> Term:
    if not isinstance(term, tuple | list) or not 2 <= len(term) <= 4:
        raise _error(f"the term {term!r}", "(loss, weight), or with columns behind", "write (MSELoss(), 1.0)")
    loss, weight, *columns = term
    if isinstance(loss, type) or not all(callable(getattr(loss, name, None)) for name in ("forward", "backward")):
        raise _error(f"the loss {loss!r}", "an object with forward and backward", "write (MSELoss(), 1.0)")
    weight = not_negative("SumOfLosses", "weight", weight)
    of_prediction = _checked_columns(columns[0]) if columns else None
    if len(columns) < 2:
        return Term(loss, weight, of_prediction, of_prediction)
    of_target = columns[1] if _is_whole(columns[1]) else _checked_columns(columns[1])
    return Term(loss, weight, of_prediction, of_target)


def _checked_columns(columns: Any) -> Columns | None:
    if columns is None or isinstance(columns, slice):
        return columns
    if not isinstance(columns, tuple | list | range | np.ndarray) or not all(map(_is_whole, columns)):
        raise _error(f"columns={columns!r}", "a slice or a list of whole numbers", "write slice(0, 2)")
    chosen = [int(column) for column in columns]
    if len(set(chosen)) < len(chosen):
        raise _error(f"columns={columns!r}", "each once", "leave the others out")
    return chosen


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _error(came: str, expected: str, fix: str) -> ValueError:
    return ValueError(f"SumOfLosses: got {came}, expected {expected}; {fix}")
