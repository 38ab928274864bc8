from __future__ import annotations

import math

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check import numerical_gradient, relative_error
from nnscratch.losses import labels_in, softmax

MISSING = np.array([1, -1, 0, 3, -1])


def distributions(count: int, classes: int, seed: int = 1) -> np.ndarray:
    return softmax(np.random.default_rng(seed).normal(0, 2, (count, classes)))


def logits(count: int = 5, classes: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, (count, classes))


def plainly(prediction: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss and its gradient by loops; a row of NaN is a missing label."""
    total, gradient = 0.0, np.zeros(prediction.shape)
    weight = sum(w for w, row in zip(weights, target, strict=True) if not np.isnan(row).any())
    for n, (z, t) in enumerate(zip(prediction, target, strict=True)):
        if np.isnan(t).any() or weight == 0:
            continue
        powers = [math.exp(each) for each in z]
        for i in range(len(z)):
            total -= weights[n] * t[i] * math.log(powers[i] / sum(powers)) / weight
            gradient[n, i] = weights[n] * (powers[i] / sum(powers) - t[i]) / weight
    return total, gradient


@pytest.mark.parametrize("missing", [[], [1], [0, 3], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 2.0, 0.0, 3.0]], ids=["alike", "weighted"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_to_the_loops(missing: list[int], weights: list[float] | None, dtype: type) -> None:
    prediction, target = logits().astype(dtype), distributions(5, 4).astype(dtype)
    target[missing] = np.nan
    given = None if weights is None else np.array(weights)
    loss, expected = nn.SoftmaxCrossEntropy(), plainly(prediction, target, np.ones(5) if given is None else given)
    assert loss.forward(prediction, target, sample_weight=given) == pytest.approx(expected[0], rel=1e-5)
    gradient = loss.backward()
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-4, atol=1e-7)
    assert not gradient[missing].any()
    if given is not None:
        assert not gradient[3].any()


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float32, np.float64])
@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.0, 3.0, 1.0])], ids=["alike", "weighted"])
def test_classes_are_distributions_with_one_1(dtype: type, weights: np.ndarray | None) -> None:
    prediction, target = logits(), np.eye(4)[MISSING]
    target[MISSING == -1] = np.nan
    by_class, by_row = nn.SoftmaxCrossEntropy(), nn.SoftmaxCrossEntropy()
    assert by_class.forward(prediction, MISSING.astype(dtype), weights) == by_row.forward(prediction, target, weights)
    assert by_class.labels == by_row.labels == (3 if weights is None else 4.0)
    np.testing.assert_array_equal(by_class.backward(), by_row.backward())


def test_nan_is_a_missing_class_too() -> None:
    loss, target = nn.SoftmaxCrossEntropy(), np.where(MISSING == -1, np.nan, MISSING)
    assert loss.forward(logits(), target) == loss.forward(logits(), MISSING)
    assert labels_in(loss, target) == labels_in(loss, MISSING) == loss.labels == 3
    assert labels_in(loss, distributions(2, 3)) == 2


@pytest.mark.parametrize("target", [np.full(5, -1), np.full((5, 4), np.nan), np.full(5, np.nan)])
def test_no_label_at_all(target: np.ndarray) -> None:
    loss = nn.SoftmaxCrossEntropy()
    assert loss.forward(logits(), target) == 0.0
    assert loss.labels == labels_in(loss, target) == 0
    np.testing.assert_array_equal(loss.backward(), np.zeros((5, 4)))


def test_no_rows_and_no_weights() -> None:
    loss = nn.SoftmaxCrossEntropy()
    assert loss.forward(np.ones((0, 3)), np.ones((0, 3))) == loss.forward(np.ones((0, 3)), np.ones(0)) == 0.0
    assert loss.backward().shape == (0, 3)
    assert loss.forward(logits(), MISSING, sample_weight=np.zeros(5)) == 0.0
    assert not loss.backward().any()


@pytest.mark.parametrize("weights", [None, np.array([1.0, 0.5, 2.0, 0.0])], ids=["alike", "weighted"])
def test_the_gradient_is_the_losses_slope(weights: np.ndarray | None) -> None:
    prediction, target = logits(4, 7), distributions(4, 7)
    loss = nn.SoftmaxCrossEntropy()
    loss.forward(prediction, target, weights)
    written = loss.backward()
    slopes = numerical_gradient(lambda: loss.forward(prediction, target, weights), prediction)
    assert relative_error(slopes, written) < 1e-7
    np.testing.assert_allclose(written.sum(axis=1), 0, atol=1e-12)  # softmax does not mind a constant


@pytest.mark.parametrize("target", [distributions(4, 7), np.array([0, -1, 6, 2])], ids=["distributions", "classes"])
def test_the_gradient_through_a_network(target: np.ndarray) -> None:
    network = nn.Sequential(nn.Dense(5, 6, rng=0), nn.ReLU(), nn.Dense(6, 7, rng=1))
    x = np.random.default_rng(0).normal(size=(4, 5))
    errors = nn.gradient_check(network, x, loss=nn.SoftmaxCrossEntropy(), target=target)
    assert max(errors.values()) < 1e-7


def test_it_is_least_at_the_target() -> None:
    target, loss = distributions(3, 5), nn.SoftmaxCrossEntropy()
    least = loss.forward(np.log(target), target)
    assert least == pytest.approx(-float((target * np.log(target)).sum()) / 3)
    np.testing.assert_allclose(loss.backward(), 0, atol=1e-12)
    assert loss.forward(np.log(target) + np.eye(3, 5), target) > least


@pytest.mark.parametrize("size", [1e4, 3e38])
def test_large_logits(size: float) -> None:
    prediction = np.array([[size, 0, -size], [-size, 0, size]], np.float32)
    loss = nn.SoftmaxCrossEntropy()
    assert loss.forward(prediction, np.array([0, 2])) == 0.0
    assert not loss.backward().any()
    assert loss.forward(prediction, np.array([1, 1])) == pytest.approx(size)
    np.testing.assert_array_equal(loss.backward(), [[0.5, -0.5, 0], [0, -0.5, 0.5]])


def test_one_class_is_no_surprise() -> None:
    loss = nn.SoftmaxCrossEntropy()
    assert loss.forward(np.array([[3.0], [-2.0]]), np.array([0, 0])) == 0.0
    assert loss.backward().tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), r"got prediction \(2, 3\) and target \(2, 4\), .* give the last layer"),
        (np.zeros((2, 3)), np.zeros((2, 1)), r"and target \(2, 1\), .* use target\[:, 0\]"),
        (np.zeros((2, 3)), np.zeros(3), r"and target \(3,\), expected a target of \(2, 3\), distributions, or \(2,\)"),
        (np.zeros((2, 3, 1)), np.zeros(2), r"got prediction \(2, 3, 1\) of float64, expected logits \(N, C\)"),
        (np.zeros((2, 0)), np.zeros(2), r"got prediction \(2, 0\) of float64, expected logits \(N, C\)"),
        (np.zeros((2, 3), int), np.zeros(2), r"got prediction \(2, 3\) of int64, expected logits"),
        ([[0.0]], np.zeros(1), "got prediction of type list"),
        (np.zeros((1, 2)), [0], "got target of type list"),
        (np.array([[np.nan, 0]]), np.zeros(1), "got prediction with 1 of 2 values NaN"),
        (np.zeros((1, 2)), np.array([[0.5, 0.5]], np.float32), r"target.astype\(np.float64\)"),
        (np.zeros((2, 2)), np.array([[0.5, 0.5], [1.0, 1.0]]), r"got target\[1\] with the sum 2 .*, expected numbers"),
        (np.zeros((1, 2)), np.array([[1.5, -0.5]]), r"got target\[0\] with the sum 1 and the smallest number -0.5"),
        (np.zeros((1, 2)), np.array([[1.0, np.nan]]), r"got target\[0\] with the sum nan .* NaN in the whole row"),
        (np.zeros((1, 2)), np.array([[np.inf, 0.0]]), r"got target\[0\] with the sum inf"),
        (np.zeros((2, 2)), np.array([0, 2]), r"got target\[1\]=2, expected whole numbers from 0 to 1, or -1 or NaN"),
        (np.zeros((2, 2)), np.array([-2, 0]), r"got target\[0\]=-2, expected whole numbers"),
        (np.zeros((2, 2)), np.array([0.5, 0.0]), r"got target\[0\]=0.5, expected whole numbers"),
        (np.zeros((2, 2)), np.array([0.0, np.inf]), r"got target\[1\]=inf, expected whole numbers"),
        (np.zeros((2, 2)), np.array([True, False]), "got target of bool, expected whole numbers, as integers"),
        (np.zeros((2, 2)), np.array(["a", "b"]), "got target of <U1, expected whole numbers"),
    ],
)
def test_wrong_input(prediction: np.ndarray, target: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        nn.SoftmaxCrossEntropy().forward(prediction, target)
    assert "\n" not in str(caught.value)


def test_backward_needs_its_own_forward() -> None:
    with pytest.raises(RuntimeError, match=r"SoftmaxCrossEntropy\(\): got backward without a forward"):
        nn.SoftmaxCrossEntropy().backward()


def test_it_learns_which_quarter_a_point_lies_in() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2)).astype(np.float32)
    quarter = (x[:, 0] > 0) + 2 * (x[:, 1] > 0)
    model = nn.Sequential(nn.Dense(2, 16, rng=0), nn.Tanh(), nn.Dense(16, 4, rng=1))
    trainer = nn.Trainer(model, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.02), batch_size=50)
    trainer.fit(x, quarter.astype(np.float32), epochs=40, validation=(x, quarter.astype(np.float32)))
    assert np.mean(model.predict(x).argmax(axis=1) == quarter) > 0.95
