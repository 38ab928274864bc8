from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check import numerical_gradient, relative_error
from nnscratch.kernels import loops
from nnscratch.losses import labelled_mean, labels_of


@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_to_the_loops(missing: float, dtype: type) -> None:
    rng = np.random.default_rng(0)
    prediction, target = rng.standard_normal((5, 6)).astype(dtype), rng.standard_normal((5, 6)).astype(dtype)
    target[rng.random(target.shape) < missing] = np.nan
    expected, gradient = loops.mean_squared_error(prediction, target)
    loss = nn.MSELoss()
    assert loss.forward(prediction, target) == pytest.approx(expected, rel=1e-6)
    dprediction = loss.backward()
    assert dprediction.dtype == dtype
    np.testing.assert_allclose(dprediction, gradient, rtol=1e-5)
    assert not dprediction[np.isnan(target)].any()  # exactly zero, not nearly


def test_no_label_at_all() -> None:
    loss = nn.MSELoss()
    assert loss.forward(np.ones((2, 3)), np.full((2, 3), np.nan)) == 0.0
    np.testing.assert_array_equal(loss.backward(), np.zeros((2, 3)))


def test_a_loss_says_how_many_labels_its_last_forward_had() -> None:
    loss = nn.MSELoss()
    assert loss.labels is None
    for missing, expected in ((slice(0, 0), 6), (slice(0, 1), 3), (slice(None), 0)):
        target = np.ones((2, 3))
        target[missing] = np.nan
        loss.forward(np.ones((2, 3)), target)
        assert loss.labels == labels_of(loss, rows=2) == expected
    assert type(loss.labels) is int


def test_a_loss_that_does_not_say_its_labels_counts_rows() -> None:
    class Own(nn.MSELoss):
        def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
            return 0.0

    loss = Own()
    loss.forward(np.ones((2, 3)), np.ones((2, 3)))
    assert labels_of(loss, rows=2) == labels_of(object(), rows=2) == 2


def test_an_empty_batch() -> None:
    loss = nn.MSELoss()
    assert loss.forward(np.ones((0, 3)), np.ones((0, 3))) == 0.0
    assert loss.backward().shape == (0, 3)


def test_backward_needs_its_own_forward() -> None:
    loss = nn.MSELoss()
    with pytest.raises(RuntimeError, match="forward"):
        loss.backward()
    loss.forward(np.ones((1, 1)), np.ones((1, 1)))
    loss.backward()
    with pytest.raises(RuntimeError, match="forward"):
        loss.backward()


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), r"got prediction \(2, 3\) and target \(2, 4\)"),
        (np.ones((2, 3)), np.ones((2, 3), np.float32), r"target.astype\(np.float64\)"),
        ([[1.0]], np.ones((1, 1)), "prediction of type list"),
        (np.full((1, 2), np.nan), np.ones((1, 2)), "got prediction with 2 of 2 values NaN"),
        (np.ones((1, 2)), np.full((1, 2), np.inf), "got an infinite target, expected numbers, or NaN"),
    ],
)
def test_wrong_input(prediction: np.ndarray, target: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.MSELoss().forward(prediction, target)


def test_the_labelled_mean_is_the_constant_with_the_least_loss() -> None:
    rng = np.random.default_rng(0)
    target = rng.standard_normal((40, 3))
    target[rng.random(target.shape) < 0.4] = np.nan
    mean, loss = labelled_mean(target), nn.MSELoss()
    np.testing.assert_allclose(mean, np.nanmean(target, axis=0), rtol=1e-12)
    least = loss.forward(np.broadcast_to(mean, target.shape), target)
    for move in (0.01, -0.01):
        for column in np.eye(3):
            assert loss.forward(np.broadcast_to(mean + move * column, target.shape), target) > least


def test_the_labelled_mean_of_a_column_without_a_label() -> None:
    np.testing.assert_array_equal(labelled_mean(np.array([[np.nan, 1.0], [np.nan, 3.0]])), [0, 2])


def test_one_infinite_target_among_others_is_refused() -> None:
    target = np.array([[1.0, np.inf], [np.nan, 2.0]])
    with pytest.raises(ValueError, match="got an infinite target"):
        nn.MSELoss().forward(np.zeros((2, 2)), target)


def weighted_rows(dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    prediction, target = (rng.standard_normal((5, 3)).astype(dtype) for _ in range(2))
    target[[0, 2, 4], [1, 0, 2]] = np.nan
    return prediction, target


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_weights_are_rows_that_stand_there_several_times(dtype: type) -> None:
    (prediction, target), weights = weighted_rows(dtype), np.array([1, 3, 0, 2, 1])
    weighted, repeated = nn.MSELoss(), nn.MSELoss()
    rows = np.repeat(np.arange(5), weights)
    expected = repeated.forward(prediction[rows], target[rows])
    assert weighted.forward(prediction, target, sample_weight=weights) == pytest.approx(expected, rel=1e-6)
    assert weighted.labels == repeated.labels
    gradient = np.zeros_like(prediction)
    np.add.at(gradient, rows, repeated.backward())
    got = weighted.backward()
    assert got.dtype == dtype
    np.testing.assert_allclose(got, gradient, rtol=1e-5 if dtype is np.float32 else 1e-12)
    assert not got[2].any()
    assert not got[np.isnan(target)].any()


def test_only_the_ratio_of_weights_counts() -> None:
    (prediction, target), weights = weighted_rows(), np.array([0.5, 2.0, 1.0, 0.1, 3.0])
    one, other = nn.MSELoss(), nn.MSELoss()
    assert one.forward(prediction, target, weights) == pytest.approx(other.forward(prediction, target, 1e-6 * weights))
    np.testing.assert_allclose(one.backward(), other.backward())
    one.forward(prediction, target, np.ones(5))
    other.forward(prediction, target)
    np.testing.assert_array_equal(one.backward(), other.backward())


@pytest.mark.parametrize("weights", [np.zeros(5), np.array([0.0, 0.0, 4.0, 0.0, 0.0])])
def test_no_weight_on_any_label(weights: np.ndarray) -> None:
    prediction, target = weighted_rows()
    target[2] = np.nan
    loss = nn.MSELoss()
    assert loss.forward(prediction, target, weights) == 0.0
    assert loss.labels == 0
    np.testing.assert_array_equal(loss.backward(), np.zeros((5, 3)))


def test_a_row_of_weight_0_may_be_as_wrong_as_it_likes() -> None:
    prediction, target = np.array([[1.0], [1e30]], np.float32), np.zeros((2, 1), np.float32)
    loss = nn.MSELoss()
    assert loss.forward(prediction, target, np.array([2.0, 0.0])) == 1.0
    assert loss.backward().tolist() == [[2.0], [0.0]]


def test_weights_of_batches_make_the_weighted_mean() -> None:
    (prediction, target), weights = weighted_rows(), np.array([0.5, 2.0, 1.0, 0.1, 3.0])
    loss, total, labels = nn.MSELoss(), 0.0, 0.0
    for rows in (slice(0, 2), slice(2, 5)):
        part = loss.forward(prediction[rows], target[rows], weights[rows])
        total, labels = total + labels_of(loss, 0) * part, labels + labels_of(loss, 0)
    assert total / labels == pytest.approx(loss.forward(prediction, target, weights))


def test_the_weighted_gradient_is_the_losses_slope() -> None:
    (prediction, target), weights = weighted_rows(), np.array([0.5, 2.0, 0.0, 0.1, 3.0])
    loss = nn.MSELoss()
    loss.forward(prediction, target, weights)
    written = loss.backward()
    slopes = numerical_gradient(lambda: loss.forward(prediction, target, weights), prediction)
    assert relative_error(slopes, written) < 1e-7


def test_weights_of_rows_of_any_shape() -> None:
    prediction, target = np.ones((2, 2, 3)), np.zeros((2, 2, 3))
    prediction[1] = 2
    loss = nn.MSELoss()
    assert loss.forward(prediction, target, np.array([3.0, 1.0])) == (3 * 1 + 1 * 4) / 4
    assert loss.labels == 24
