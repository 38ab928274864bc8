"""What a loss is, and how a reader writes one."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from nnscratch.checks import check_array


class Loss:
    """One number L for how wrong a prediction is, together with its own derivative.

    To write a loss of your own, subclass this one and define `forward` and `backward`. All else has
    defaults. The two must agree: `backward` gives the slope of the very number that `forward` gave,
    the division by the number of rows included, which is the loss's and nobody else's.
    `nnscratch.gradient_check(model, x, loss=..., target=...)` tells whether they do. Keep each
    constructor argument under its own name (`self.delta = delta`): `repr` shows it, and a
    checkpoint tells one training from another by that.

    Contract
        `forward(prediction, target)` returns L as a float, and keeps what `backward` needs;
        `backward()` takes it away again and returns dL/dprediction, in the shape and the dtype of
        the prediction. A missing label adds nothing to L, and its gradient is exactly 0.

    Sample weights
        A loss that can count some rows more than others has a third argument, `sample_weight=None`:
        (N,) numbers >= 0. With them, a mean over rows becomes sum of w * (...) / sum of w.

    Attributes
        labels : how much the batch of the last `forward` counts in a mean over batches; None: as
            much as it has rows

    >>> import nnscratch as nn
    >>> class L1(Loss):
    ...     def forward(self, prediction, target):
    ...         error = prediction - target
    ...         self.slope = np.sign(error) / error.dtype.type(error.size)
    ...         return float(np.mean(np.abs(error)))
    ...
    ...     def backward(self):
    ...         return self.take("slope")
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (64, 1)).astype(np.float32)
    >>> model = nn.Sequential(nn.Dense(1, 1, rng=rng))
    >>> max(nn.gradient_check(model, x, loss=L1(), target=2 * x).values()) < 1e-7
    True
    >>> trainer = nn.Trainer(model, L1(), nn.Adam(model, lr=0.1), batch_size=8)
    >>> history = trainer.fit(x, 2 * x, epochs=20)  # learn y = 2x
    >>> history.best["loss"] < 0.05
    True
    """

    labels: float | None = None

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        """The loss of a batch, as a float; keeps what `backward` needs."""
        raise NotImplementedError

    def backward(self) -> np.ndarray:
        """dL/dprediction of the last `forward`, in the shape and the dtype of the prediction."""
        raise NotImplementedError

    def take(self, name: str) -> Any:
        """Returns what `forward` kept as `self.name`, and forgets it.

        Raises
            RuntimeError : there was no forward, or a backward already used it
        """
        if name not in vars(self):
            raise RuntimeError(
                f"{self!r}: got backward without a forward before it, expected one forward per backward; call "
                "forward(prediction, target) first"
            )
        return vars(self).pop(name)

    def count_labels(self, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """What `labels` would be after a `forward` with this target and these weights.

        A loss that sets `labels` defines this too: accumulated gradients are weighted by it.
        """
        return len(target) if sample_weight is None else float(np.sum(sample_weight, dtype=np.float64))

    def __repr__(self) -> str:
        names = [name for name in inspect.signature(type(self)).parameters if hasattr(self, name)]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def labels_of(loss: object, rows: int) -> float:
    """How much the batch of the last `loss.forward` counts in a mean over batches: its labels.

    rows : of that batch. They count if the loss does not say its `labels`.

    The loss of many rows is that of all their labels, whatever the batches:
        L = sum of labels * L of the batch / sum of labels
    With sample weights, each label counts as much as its row's weight.

    >>> from nnscratch.losses import MSELoss
    >>> loss = MSELoss()
    >>> loss.forward(np.zeros((2, 2)), np.array([[1.0, 1.0], [1.0, np.nan]]))
    1.0
    >>> labels_of(loss, rows=2)
    3
    """
    labels: float | None = getattr(loss, "labels", None)
    return rows if labels is None else labels


def labels_in(loss: object, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """What `labels_of` would be after a forward with this target: how much its batch counts.

    target : (N, ...);  sample_weight : (N,), or None
    """
    count = getattr(loss, "count_labels", None)
    if count is None:  # a loss of another class counts rows
        return Loss.count_labels(Loss(), target, sample_weight)
    return count(target) if sample_weight is None else count(target, sample_weight)


def takes_sample_weight(loss: Any) -> bool:
    """Whether `loss.forward` has the argument `sample_weight`; of a sum, whether all terms have.

    >>> from nnscratch.losses import MSELoss
    >>> takes_sample_weight(MSELoss()), takes_sample_weight(Loss())
    (True, False)
    """
    own = "sample_weight" in inspect.signature(loss.forward).parameters
    return own and all(map(takes_sample_weight, getattr(loss, "losses", ())))


def checked_weights(where: object, sample_weight: object, rows: int) -> np.ndarray:
    """The weights of a batch's rows, (rows,) float64.

    where : what was given them, for the message

    Raises
        ValueError : no array of numbers, another shape than (rows,), or a number that is below 0,
            NaN or infinite

    >>> checked_weights("fit", np.array([1, 3]), rows=2)
    array([1., 3.])
    """
    check_array(where, "sample_weight", sample_weight)
    assert isinstance(sample_weight, np.ndarray)
    if sample_weight.dtype.kind not in "fiub":
        raise ValueError(
            f"{where}: got sample_weight of {sample_weight.dtype}, expected numbers; use sample_weight.astype(float)"
        )
    if sample_weight.shape != (rows,):
        raise ValueError(
            f"{where}: got sample_weight of shape {sample_weight.shape}, expected ({rows},), one weight per row; "
            + ("use sample_weight.reshape(-1)" if sample_weight.size == rows else "select it as the rows were selected")
        )
    weights = sample_weight.astype(np.float64)
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"{where}: got sample_weight[{row}]={weights[row]}, expected finite numbers >= 0; a row of weight 0 is "
            "left out"
        )
    return weights
