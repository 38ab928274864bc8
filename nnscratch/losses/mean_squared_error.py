"""The mean squared error: for predictions that are numbers, some of whose labels may be missing."""

from __future__ import annotations

import numpy as np

from nnscratch.checks import check_array, check_finite
from nnscratch.kernels.finite import all_finite
from nnscratch.losses.base import Loss, checked_weights


class MSELoss(Loss):
    """Mean squared error over the labelled values; a NaN target is a missing label.

    Shapes
        N examples, n_out values each, M of the N * n_out targets labelled (not NaN)
        prediction, target, dprediction : (N, n_out), or any shape with a leading N
        sample_weight : (N,), finite, >= 0; None stands for ones

    Forward
        L = 1/M * sum over labelled (n,o) of (prediction[n,o] - target[n,o])^2;  L = 0 if M = 0
        With sample weights w, a label counts as much as its row's weight:
        L = 1/W * sum over labelled (n,o) of w[n] * (prediction[n,o] - target[n,o])^2
            where W = sum over labelled (n,o) of w[n];  L = 0 if W = 0

    Backward
        Each labelled prediction stands in exactly one term of the sum, and a square e^2 has the
        slope 2e:
            dprediction[n,o] = 2/M * (prediction[n,o] - target[n,o])      where labelled
            dprediction[n,o] = 2 w[n]/W * (prediction[n,o] - target[n,o])         with weights
        A prediction without a label stands in no term: its gradient is exactly 0, whatever was
        predicted. So is that of a row of weight 0. This is the one place where the number of
        examples divides a gradient; the layers only add up.

    Cost: a few operations per value; keeps dprediction.

    Attributes
        labels : M of the last `forward`, or W; None before it. The mean loss of several batches is
            that of all their labels only if each batch counts as often as it has labels
            (`labels_of`)

    Raises
        ValueError : prediction and target differ in shape or dtype; a NaN prediction; an infinity;
            a sample_weight of another shape, below 0 or not finite
        RuntimeError : backward without forward

    >>> loss = MSELoss()
    >>> prediction, target = np.array([[1.0, 5.0, 0.0]]), np.array([[3.0, np.nan, 1.0]])
    >>> loss.forward(prediction, target)  # (2^2 + 1^2) / 2
    2.5
    >>> loss.backward()                   # 2/2 * (-2, nothing, -1)
    array([[-2.,  0., -1.]])
    >>> loss.labels
    2
    >>> loss.forward(np.array([[3.0], [1.0]]), np.zeros((2, 1)), sample_weight=np.array([1.0, 3.0]))
    3.0
    >>> loss.backward()                   # 2/4 * (1 * 3, 3 * 1)
    array([[1.5],
           [1.5]])

    Source: Gauss, "Theoria combinationis observationum" (1823), for the squares and the weights;
    masking is common practice.
    """

    dprediction: np.ndarray  # kept from forward to backward

    def forward(self, prediction: np.ndarray, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """The loss of a batch, as a float; keeps what `backward` needs, and sets `labels`."""
        self._check_shapes(prediction, target)
        with np.errstate(invalid="ignore", over="ignore"):
            error = prediction - target
        weights = None if sample_weight is None else checked_weights(self, sample_weight, len(prediction))
        count: float = error.size
        if weights is not None or not all_finite(error):  # a label is missing, or something is wrong
            self._check_values(prediction, target)
            labelled = ~np.isnan(target)
            if weights is not None:
                weights = weights.reshape(-1, *[1] * (error.ndim - 1))
                labelled &= weights > 0
            count = _count(labelled, weights)
            error = np.where(labelled, error, prediction.dtype.type(0))
        self.labels = count
        if count == 0:
            self.dprediction = error
            return 0.0
        if weights is None:
            self.dprediction = error * prediction.dtype.type(2 / count)
            return float(np.sum(np.square(error), dtype=np.float64) / count)
        self.dprediction = error * (2 * weights / count).astype(prediction.dtype)
        return float(np.sum(weights * np.square(error), dtype=np.float64) / count)

    def backward(self) -> np.ndarray:
        """dL/dprediction of the last `forward`, (N, n_out), in the dtype of the prediction."""
        dprediction: np.ndarray = self.take("dprediction")
        return dprediction

    def count_labels(self, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        labelled = ~np.isnan(target)
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        return _count(labelled, None if weights is None else weights.reshape(-1, *[1] * (target.ndim - 1)))

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


def _count(labelled: np.ndarray, weights: np.ndarray | None) -> float:
    """M, or with weights W: what all labels together count."""
    return int(np.count_nonzero(labelled)) if weights is None else float(np.sum(weights * labelled))


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
