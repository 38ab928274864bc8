"""Softmax and cross-entropy: for predictions that choose one of several classes."""

from __future__ import annotations

import numpy as np

from nnscratch.checks import check_array, check_finite
from nnscratch.losses.base import Loss, checked_weights

_SUM = 1e-4  # how far from 1 a distribution in float32 may sum


def softmax(logits: np.ndarray) -> np.ndarray:
    """p[n,i] = exp(logits[n,i]) / sum over j of exp(logits[n,j]), (N, C) as the logits.

    Taking the row's largest logit away first changes nothing (it cancels) and keeps exp from
    overflowing.

    >>> softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy between a target distribution and the softmax of the network's outputs.

    Shapes
        N examples, C classes, M of the N examples labelled
        prediction : (N, C), the logits: any numbers, the last layer's plain outputs
        target     : (N, C), each row a distribution: numbers >= 0 that sum to 1; a row of NaN is a
            missing label. Or (N,), the right classes: whole numbers 0..C-1, as integers or as
            floats; -1 or NaN is a missing label
        sample_weight : (N,), finite, >= 0; None stands for ones
        dprediction : (N, C)

    Forward, with p = softmax(prediction): p[n,i] = exp(prediction[n,i]) / sum over j of exp(...)
        L = -1/M * sum over labelled n, and i, of target[n,i] * log p[n,i];  L = 0 if M = 0
        A class k stands for the distribution that has 1 at k: then L is the mean of -log p[n,k],
        how surprised the network is by the right answer. With sample weights w, each example counts
        as much as its weight, and W, the sum of the labelled ones' weights, stands for M.

    Backward
        log p[n,i] = prediction[n,i] - log(sum over j of exp(prediction[n,j])), so the logit k moves
        it by
            d log p[n,i] / d prediction[n,k] = [i = k] - p[n,k]
        and with the target's sum of 1 the chain rule gives
            dprediction[n,k] = -1/M * (target[n,k] - p[n,k] * sum over i of target[n,i])
                             = 1/M * (p[n,k] - target[n,k])          where labelled, otherwise 0
                             = w[n]/W * (p[n,k] - target[n,k])       with weights
        The right class of many is pulled with a force of about 1/M, however many others there are.
        Under mean squared error that force is 2/(M*C).

    To keep exp from overflowing, the row's largest logit is taken away from all first: it cancels.
    log p is never computed as the log of a p that may have become 0.

    Cost: one exp per logit; keeps dprediction.

    Attributes
        labels : M of the last `forward`, or W; None before it

    Raises
        ValueError : logits that are not (N, C) or not finite; a target of another shape or dtype,
            that holds no distributions or no classes; a sample_weight of another shape, below 0 or
            not finite
        RuntimeError : backward without forward

    >>> loss = SoftmaxCrossEntropy()
    >>> logits = np.zeros((1, 4))
    >>> round(loss.forward(logits, np.array([[0.0, 1.0, 0.0, 0.0]])), 4)  # log 4: which of four?
    1.3863
    >>> loss.backward()
    array([[ 0.25, -0.75,  0.25,  0.25]])
    >>> round(loss.forward(np.zeros((2, 4)), np.array([1, -1])), 4)       # the second has no label
    1.3863
    >>> loss.backward()
    array([[ 0.25, -0.75,  0.25,  0.25],
           [ 0.  ,  0.  ,  0.  ,  0.  ]])

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs"
    (1990).
    """

    dprediction: np.ndarray  # kept from forward to backward

    def forward(self, prediction: np.ndarray, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """The loss of a batch, as a float; keeps what `backward` needs, and sets `labels`."""
        self._check_prediction(prediction)
        distribution, labelled = self._distribution(target, prediction)
        counts = labelled.astype(np.float64)  # how much each row counts
        if sample_weight is not None:
            counts *= checked_weights(self, sample_weight, len(prediction))
        self.labels = int(counts.sum()) if sample_weight is None else float(counts.sum())
        if self.labels == 0:
            self.dprediction = np.zeros_like(prediction)
            return 0.0
        with np.errstate(over="ignore", under="ignore"):  # logits 1e38 apart: p is 0 there
            shifted = prediction - prediction.max(axis=1, keepdims=True)
            log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            p = np.exp(log_p)
        self.dprediction = p - distribution
        self.dprediction[counts == 0] = 0
        if sample_weight is None:
            self.dprediction /= prediction.dtype.type(self.labels)
        else:
            self.dprediction *= (counts / self.labels).astype(prediction.dtype)[:, np.newaxis]
        terms = np.multiply(distribution, log_p, out=np.zeros_like(p), where=distribution > 0)  # 0 * -inf is 0
        return -float((counts * terms.sum(axis=1, dtype=np.float64)).sum() / self.labels)

    def backward(self) -> np.ndarray:
        """dL/dprediction of the last `forward`, (N, C), in the dtype of the prediction."""
        dprediction: np.ndarray = self.take("dprediction")
        return dprediction

    def count_labels(self, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        missing = np.isnan(target) if target.ndim == 1 else np.isnan(target).any(axis=1)
        if target.ndim == 1:
            missing |= target == -1
        if sample_weight is not None:
            return float(np.sum(np.asarray(sample_weight, np.float64) * ~missing))
        return len(target) - int(np.count_nonzero(missing))

    def _check_prediction(self, prediction: np.ndarray) -> None:
        check_array(self, "prediction", prediction)
        if prediction.ndim != 2 or prediction.shape[1] == 0 or prediction.dtype.kind != "f":
            raise ValueError(
                f"{self!r}: got prediction {prediction.shape} of {prediction.dtype}, expected logits (N, C), floats; "
                "end the network with a Dense layer of as many outputs as there are classes"
            )
        check_finite(self, "prediction", prediction)

    def _distribution(self, target: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The target as (N, C) distributions, zeros where no label is; (N,) which rows have one."""
        check_array(self, "target", target)
        if target.shape == prediction.shape[:1]:
            return self._one_hot(target, prediction)
        if target.shape != prediction.shape:
            n, c = prediction.shape
            fix = "use target[:, 0]" if target.shape == (n, 1) else "give the last layer as many outputs as classes"
            raise ValueError(
                f"{self!r}: got prediction {prediction.shape} and target {target.shape}, expected a target of "
                f"({n}, {c}), distributions, or ({n},), classes; {fix}"
            )
        if target.dtype != prediction.dtype:
            raise ValueError(
                f"{self!r}: got prediction of {prediction.dtype} and target of {target.dtype}, expected one dtype; "
                f"use target.astype(np.{prediction.dtype})"
            )
        missing = np.isnan(target)
        labelled = ~missing.all(axis=1)
        sums = target.sum(axis=1, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            wrong = labelled & ~((np.abs(sums - 1) <= _SUM) & (target >= 0).all(axis=1))
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{self!r}: got target[{row}] with the sum {sums[row]:.6g} and the smallest number "
                f"{target[row].min():.6g}, expected numbers >= 0 that sum to 1, or NaN in the whole row where the "
                "label is missing; divide each row by its sum, or give classes (N,)"
            )
        return (np.where(missing, 0, target) if missing.any() else target), labelled

    def _one_hot(self, target: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        classes = prediction.shape[1]
        if target.dtype.kind not in "iuf":
            raise ValueError(
                f"{self!r}: got target of {target.dtype}, expected whole numbers, as integers or floats; use "
                "target.astype(int)"
            )
        labelled = ~(np.isnan(target) | (target == -1))
        wrong = labelled & ~((target >= 0) & (target < classes) & (target == np.floor(target)))
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{self!r}: got target[{row}]={target[row]}, expected whole numbers from 0 to {classes - 1}, or -1 or "
                "NaN where a label is missing; give the last layer as many outputs as there are classes"
            )
        distribution = np.zeros_like(prediction)
        rows = np.flatnonzero(labelled)
        distribution[rows, target[rows].astype(np.int64)] = 1
        return distribution, labelled
