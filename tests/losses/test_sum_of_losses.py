"""SumOfLosses: the weighted sum of what its terms say, and the sum of their slopes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.losses import counts_of_terms, labels_of, of_part

RNG = np.random.default_rng(0)
PREDICTION = RNG.standard_normal((6, 5))
TARGET = np.concatenate([RNG.standard_normal((6, 2)), [[0], [2], [1], [1], [np.nan], [2]]], axis=1)
TARGET[1, 0] = np.nan
WEIGHTS = RNG.random(6)


class Absolute(nn.Loss):
    """A loss of the user's own, without weights."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        self.slope = np.sign(prediction - target) / len(target)
        return float(np.abs(prediction - target).sum() / len(target))

    def backward(self) -> np.ndarray:
        return self.take("slope")


def two_tasks() -> nn.SumOfLosses:
    """Two coordinates, and which of three classes."""
    return nn.SumOfLosses((nn.MSELoss(), 2.0, slice(0, 2)), (nn.SoftmaxCrossEntropy(), 0.5, [2, 3, 4], 2))


@pytest.mark.parametrize("weights", [(), (WEIGHTS,)], ids=["plain", "weighted"])
def test_it_is_the_sum_of_its_terms(weights: Any) -> None:
    loss, mse, classes = two_tasks(), nn.MSELoss(), nn.SoftmaxCrossEntropy()
    expected = 2 * mse.forward(PREDICTION[:, :2], TARGET[:, :2], *weights)
    expected += 0.5 * classes.forward(PREDICTION[:, 2:], TARGET[:, 2], *weights)
    assert loss.forward(PREDICTION, TARGET, *weights) == expected
    slopes = np.concatenate([2 * mse.backward(), 0.5 * classes.backward()], axis=1)
    np.testing.assert_array_equal(loss.backward(), slopes)
    assert loss.labels == pytest.approx(sum(counts_of_terms(loss, TARGET, *weights)))
    assert loss.labels == pytest.approx(labels_of(mse, 6) + labels_of(classes, 6))


def test_of_the_same_numbers_with_one_loss_object_twice() -> None:
    mse = nn.MSELoss()
    target = TARGET[:, [0, 1, 0, 1, 0]]
    total = nn.SumOfLosses((mse, 1), (mse, 3), (Absolute(), 0))
    with np.errstate(invalid="ignore"):
        assert total.forward(PREDICTION[2:], target[2:]) == pytest.approx(4 * mse.forward(PREDICTION[2:], target[2:]))
    np.testing.assert_allclose(total.backward(), 4 * mse.backward())


def test_in_float32_it_stays_there() -> None:
    loss = two_tasks()
    loss.forward(PREDICTION.astype(np.float32), TARGET.astype(np.float32))
    assert loss.backward().dtype == np.float32
    with pytest.raises(RuntimeError, match="got backward without a forward"):
        loss.backward()


def test_its_gradient_is_that_of_differences() -> None:
    model = nn.Sequential(nn.Dense(3, 5, rng=0), nn.Tanh())
    nested = nn.SumOfLosses((two_tasks(), 0.7), (nn.MSELoss(), 0.2, slice(0, 1)))
    assert max(nn.gradient_check(model, RNG.standard_normal((6, 3)), loss=nested, target=TARGET).values()) < 1e-6


@pytest.mark.parametrize("loss", [two_tasks(), nn.MSELoss(), nn.SumOfLosses((two_tasks(), 3.0), (two_tasks(), 1))])
@pytest.mark.parametrize("weights", [(), (WEIGHTS,)], ids=["plain", "weighted"])
def test_losses_of_parts_add_up_to_that_of_the_whole(loss: Any, weights: Any) -> None:
    prediction, target = (PREDICTION[:, :3], TARGET) if isinstance(loss, nn.MSELoss) else (PREDICTION, TARGET)
    expected = loss.forward(prediction, target, *weights)
    slope, total, slopes = loss.backward(), 0.0, []
    whole = counts_of_terms(loss, target, *weights)
    for rows in (slice(0, 1), slice(1, 5), slice(5, 6)):
        counts = counts_of_terms(loss, target[rows], *(each[rows] for each in weights))
        part = of_part(loss, [a / b for a, b in zip(counts, whole, strict=True)])
        total += part.forward(prediction[rows], target[rows], *(each[rows] for each in weights))
        slopes.append(part.backward())
    assert total == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(np.concatenate(slopes), slope, rtol=1e-12, atol=1e-15)


def test_it_trains_two_tasks_with_weights() -> None:
    x = np.random.default_rng(1).uniform(-1, 1, (60, 2)).astype(np.float32)
    y = np.concatenate([x[:, :1], x[:, 1:] > 0], axis=1).astype(np.float32)
    model = nn.Sequential(nn.Dense(2, 3, rng=0))
    loss = nn.SumOfLosses((nn.MSELoss(), 1.0, [0]), (nn.SoftmaxCrossEntropy(), 1.0, slice(1, 3), 1))
    trainer = nn.Trainer(model, loss, nn.Adam(model, lr=0.1), batch_size=20)
    trainer.fit(x, y, epochs=20, validation=(x, y), sample_weight=np.ones(60))
    answers = model.predict(x)
    assert np.mean(answers[:, 1:].argmax(axis=1) == y[:, 1]) > 0.9
    assert np.abs(answers[:, 0] - y[:, 0]).max() < 0.1


def test_whole_numbers_are_classes_for_a_sum_of_losses_of_classes() -> None:
    x, y = np.eye(4, dtype=np.float32), np.arange(4)
    model = nn.Sequential(nn.Dense(4, 4, rng=0))
    loss = nn.SumOfLosses((nn.SoftmaxCrossEntropy(), 1.0), (nn.SoftmaxCrossEntropy(), 0.1))
    nn.Trainer(model, loss, nn.SGD(model, lr=0.1)).fit(x, y, epochs=1)


def test_weights_for_a_term_without_any_are_refused() -> None:
    loss = nn.SumOfLosses((nn.MSELoss(), 1.0), (Absolute(), 1.0))
    with pytest.raises(ValueError, match=r"SumOfLosses: got sample_weight for Absolute\(\), expected losses that take"):
        loss.forward(PREDICTION, PREDICTION, WEIGHTS)
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    x = np.ones((3, 1), np.float32)
    with pytest.raises(ValueError, match="fit: got sample_weight for SumOfLosses"):
        nn.Trainer(model, loss, nn.SGD(model, lr=0.1)).fit(x, x, epochs=1, sample_weight=np.ones(3))


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ((), "got no term, expected one at least"),
        ((nn.MSELoss(),), r"got the term MSELoss\(\), expected \(loss, weight\)"),
        (((nn.MSELoss(),),), "got the term"),
        (((nn.MSELoss, 1.0),), "got the loss <class .*, expected an object with forward and backward"),
        (((None, 1.0),), "got the loss None"),
        (((nn.MSELoss(), -1.0),), "got weight=-1.0"),
        (((nn.MSELoss(), math.nan),), "got weight=nan"),
        (((nn.MSELoss(), "1"),), "got weight='1'"),
        (((nn.MSELoss(), 1.0, 3),), "got columns=3, expected a slice or a list of whole numbers"),
        (((nn.MSELoss(), 1.0, [0.5]),), "got columns="),
        (((nn.MSELoss(), 1.0, [1, 1]),), "got columns=.*, expected each once"),
        (((nn.MSELoss(), 1.0, "ab"),), "got columns='ab'"),
    ],
)
def test_terms_that_are_none(terms: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"SumOfLosses: {message}"):
        nn.SumOfLosses(*terms)


@pytest.mark.parametrize("columns", [slice(4, 7), slice(5, 9), slice(2, 2), [5], [-6], []], ids=repr)
def test_columns_that_are_not_there(columns: Any) -> None:
    loss = nn.SumOfLosses((nn.MSELoss(), 1.0, columns))
    with pytest.raises(ValueError, match=r"SumOfLosses: got a prediction of shape \(6, 5\), expected one with the col"):
        loss.forward(PREDICTION, PREDICTION)
    with pytest.raises(ValueError, match="got a target of shape"):
        nn.SumOfLosses((nn.MSELoss(), 1.0, None, 7)).forward(PREDICTION, PREDICTION)


def test_a_column_under_two_numbers() -> None:
    with pytest.raises(
        ValueError, match=r"SumOfLosses: got the columns \[0, -5\] of a prediction of .*, expected each"
    ):
        nn.SumOfLosses((nn.MSELoss(), 1.0, [0, -5])).forward(PREDICTION, PREDICTION)


def test_a_target_without_columns() -> None:
    with pytest.raises(ValueError, match=r"got a target of shape \(6,\), expected columns"):
        two_tasks().forward(PREDICTION, TARGET[:, 0])
