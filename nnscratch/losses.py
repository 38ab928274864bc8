"""Losses: one number for how wrong a prediction is, and the first gradient of a backward pass."""

from __future__ import annotations

import numpy as np

from nnscratch.checks import check_array, check_finite
from nnscratch.kernels.finite import all_finite


class MSELoss:
    """Mean squared error over the labelled values; a NaN target is a missing label.

    Shapes
        N examples, n_out values each, M of the N * n_out targets labelled (not NaN)
        prediction, target, dprediction : (N, n_out)

    Forward
        L = 1/M * sum over labelled (n,o) of (prediction[n,o] - target[n,o])^2;  L = 0 if M = 0

    Backward
        Each labelled prediction stands in exactly one term of the sum, and a square e^2 has the
        slope 2e:
            dprediction[n,o] = 2/M * (prediction[n,o] - target[n,o])      where labelled
        A prediction without a label stands in no term: its gradient is exactly 0, whatever was
        predicted. This is the one place where the number of examples divides a gradient; the layers
        only add up.

    Cost: a few operations per value; keeps dprediction.

    Attributes
        labels : M of the last `forward`; None before it. The mean loss of several batches is that
            of all their labels only if each batch counts as often as it has labels (`labels_of`)

    Raises
        ValueError : prediction and target differ in shape or dtype; a NaN prediction; an infinity
        RuntimeError : backward without forward

    >>> loss = MSELoss()
    >>> prediction, target = np.array([[1.0, 5.0, 0.0]]), np.array([[3.0, np.nan, 1.0]])
    >>> loss.forward(prediction, target)  # (2^2 + 1^2) / 2
    2.5
    >>> loss.backward()                   # 2/2 * (-2, nothing, -1)
    array([[-2.,  0., -1.]])
    >>> loss.labels
    2

    Source: Gauss, "Theoria combinationis observationum" (1823), for the squares; masking is common
    practice.
    """

    labels: int | None = None
    _dprediction: np.ndarray | None = None

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        """The loss of a batch, as a float; keeps what `backward` needs, and sets `labels`."""
        self._check_shapes(prediction, target)
        with np.errstate(invalid="ignore", over="ignore"):
            error = prediction - target
        count = error.size
        if not all_finite(error):  # a label is missing, or something is wrong
            self._check_values(prediction, target)
            labelled = ~np.isnan(target)
            count = int(np.count_nonzero(labelled))
            error = np.where(labelled, error, prediction.dtype.type(0))
        self.labels = count
        if count == 0:
            self._dprediction = error
            return 0.0
        self._dprediction = error * prediction.dtype.type(2 / count)
        return float(np.sum(np.square(error), dtype=np.float64) / count)

    def backward(self) -> np.ndarray:
        """dL/dprediction of the last `forward`, (N, n_out), in the dtype of the prediction."""
        if self._dprediction is None:
            raise RuntimeError(
                "MSELoss(): got backward without a forward before it, expected one forward per backward; call "
                "forward(prediction, target) first"
            )
        dprediction, self._dprediction = self._dprediction, None
        return dprediction

    def __repr__(self) -> str:
        return "MSELoss()"

    def _check_shapes(self, prediction: np.ndarray, target: np.ndarray) -> None:
        check_array(self, "prediction", prediction)
        check_array(self, "target", target)
        if prediction.shape != target.shape:
            raise ValueError(
                f"MSELoss(): got prediction {prediction.shape} and target {target.shape}, expected equal shapes; "
                "give the last layer as many outputs as the target has columns"
            )
        if prediction.dtype != target.dtype:
            raise ValueError(
                f"MSELoss(): got prediction of {prediction.dtype} and target of {target.dtype}, expected one dtype; "
                f"use target.astype(np.{prediction.dtype})"
            )

    def _check_values(self, prediction: np.ndarray, target: np.ndarray) -> None:
        check_finite(self, "prediction", prediction)
        if np.isinf(target).any():
            raise ValueError(
                "MSELoss(): got an infinite target, expected numbers, or NaN for a missing label; look for overflow"
            )


def labels_of(loss: object, rows: int) -> int:
    """How much the batch of the last `loss.forward` counts in a mean over batches: its labels.

    rows : of that batch. They count if the loss does not say its `labels`.

    The loss of many rows is that of all their labels, whatever the batches:
        L = sum of labels * L of the batch / sum of labels

    >>> loss = MSELoss()
    >>> loss.forward(np.zeros((2, 2)), np.array([[1.0, 1.0], [1.0, np.nan]]))
    1.0
    >>> labels_of(loss, rows=2)
    3
    """
    labels: int | None = getattr(loss, "labels", None)
    return rows if labels is None else labels


def labelled_mean(y: np.ndarray) -> np.ndarray:
    """The mean of each column over its labelled rows: the constant with the least `MSELoss`.

        mean[o] = sum over labelled n of y[n,o] / number of labelled n;  0 where no row is labelled

    y : (N, n_out) or (N, ...), floats, NaN where a label is missing
    Returns (n_out,) or (...), float64; float32 labels are summed in float32.

    >>> labelled_mean(np.array([[1.0, np.nan, np.nan], [2.0, 5.0, np.nan]]))
    array([1.5, 5. , 0. ])
    """
    labelled = np.isfinite(y)
    return np.where(labelled, y, 0).sum(axis=0) / np.maximum(labelled.sum(axis=0), 1)
