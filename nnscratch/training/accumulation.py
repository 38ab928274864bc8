"""Accumulation: the gradient of a large batch from passes of its parts, which need less memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.losses import SumOfLosses, counts_of_terms, labels_of, of_part
from nnscratch.optimizers.parameters import gradient_of, moves

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.training.batches import Batch


def parts_of(batch: Batch, count: int) -> list[Batch]:
    """A batch in at most `count` parts of equal size, but for the last: views of its arrays.

    >>> [len(x) for (x,) in parts_of((np.arange(10),), 3)]
    [4, 4, 2]
    """
    rows = len(batch[0])
    size = -(-rows // count)
    return [tuple(array[start : start + size] for array in batch) for start in range(0, rows, size)]


def accumulate(
    model: Sequential, loss: Any, parts: list[Batch], pass_over: Callable[[Any, Batch], float]
) -> tuple[float, float]:
    """Leaves the gradients of all parts together in the layers, as if they were one batch.

    loss : the trainer's
    parts : (x, y) or (x, y, sample_weight) each
    pass_over : (loss, part) -> loss of the part; leaves its gradients in the layers

    A mean over labels owns a division by their number M, which of all parts is known beforehand:
        L  = sum over parts of M[part] / M * L[part]
        dw = sum over parts of M[part] / M * dw[part]
    In a sum of losses, each term has an M of its own.

    Returns
        loss and number of labels of all parts

    Raises
        ValueError : a loss whose `labels` after `forward` are not those of its `count_labels`
    """
    counts = [counts_of_terms(loss, *part[1:]) for part in parts]
    whole = [math.fsum(each) for each in zip(*counts, strict=True)]
    total, sums = 0.0, dict[tuple[int, str], np.ndarray]()
    moving = [(k, layer) for k, layer in enumerate(model.layers) if moves(layer)]
    for part, own in zip(parts, counts, strict=True):
        total += pass_over(of_part(loss, [a / b if b else 0.0 for a, b in zip(own, whole, strict=True)]), part)
        _check_count(loss, len(part[0]), own)
        for k, layer in moving:
            for name in layer.params:
                dw = gradient_of("accumulate", layer, name)
                if (k, name) in sums:
                    sums[k, name] += dw
                else:
                    sums[k, name] = dw.copy()
    for k, layer in moving:
        for name in layer.params:
            layer.grads[name] = sums[k, name]
    return total, math.fsum(whole)


def _check_count(loss: Any, rows: int, counts: list[float]) -> None:
    if isinstance(loss, SumOfLosses) or getattr(loss, "labels", None) is None:  # nothing to compare
        return
    labels = labels_of(loss, rows)
    if not math.isclose(labels, counts[0], rel_tol=1e-6):
        raise ValueError(
            f"{loss!r}: got labels={labels} after forward and {counts[0]} from count_labels, expected the same number; "
            "define count_labels(target, sample_weight=None)"
        )
