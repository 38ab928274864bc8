from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.losses import Loss, labels_in, labels_of, takes_sample_weight
from nnscratch.losses.base import checked_weights


class Huber(Loss):
    """Squares near the target, absolute values beyond delta."""

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        inside = np.abs(error) <= self.delta
        self.slope = np.where(inside, error, self.delta * np.sign(error)) / len(error)
        return float(np.where(inside, error**2 / 2, self.delta * (np.abs(error) - self.delta / 2)).sum() / len(error))

    def backward(self) -> np.ndarray:
        return self.take("slope")


def rows() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, (64, 2)).astype(np.float32)
    return x, x[:, :1] - 2 * x[:, 1:]


def test_a_loss_of_ones_own_is_checked_trained_and_diagnosed() -> None:
    x, y = rows()
    model = nn.Sequential(nn.Dense(2, 1, rng=0))
    assert max(nn.gradient_check(model, x, loss=Huber(0.3), target=y).values()) < 1e-7
    optimizer = nn.SGD(model, lr=0.2, momentum=0.5)
    history = nn.Trainer(model, Huber(), optimizer, batch_size=8, diagnose_every=5).fit(x, y, epochs=20)
    assert history.columns["loss"][-1] < 1e-3 * history.columns["loss"][0]
    assert nn.diagnose(model, x, y, Huber(), optimizer, history).healthy


def test_its_repr_shows_its_arguments() -> None:
    assert repr(Huber(0.5)) == "Huber(delta=0.5)"
    assert repr(Loss()) == "Loss()"


def test_what_is_kept_is_taken_once() -> None:
    loss = Huber()
    message = r"Huber\(delta=1.0\): got backward without a forward before it, expected one forward per backward; call"
    with pytest.raises(RuntimeError, match=message):
        loss.backward()
    loss.forward(np.ones((2, 1)), np.zeros((2, 1)))
    loss.backward()
    with pytest.raises(RuntimeError, match=message):
        loss.backward()


def test_a_subclass_says_what_it_is() -> None:
    for call in (lambda: Loss().forward(np.ones(1), np.ones(1)), lambda: Loss().backward()):
        with pytest.raises(NotImplementedError):
            call()


def test_without_labels_a_batch_counts_its_rows() -> None:
    assert labels_of(Huber(), rows=7) == labels_of(object(), rows=7) == 7
    target = np.full((5, 2), np.nan)
    assert labels_in(Huber(), target) == labels_in(object(), target) == 5
    assert labels_in(nn.MSELoss(), target) == 0


def test_which_losses_take_weights() -> None:
    assert takes_sample_weight(nn.MSELoss())
    assert takes_sample_weight(nn.SoftmaxCrossEntropy())
    assert not takes_sample_weight(Huber())


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0, 3.0], "got sample_weight of type list, expected a NumPy array"),
        (np.array(["a", "b", "c"]), "got sample_weight of <U1, expected numbers; use sample_weight.astype"),
        (np.ones(3, complex), "got sample_weight of complex128, expected numbers"),
        (np.ones(4), r"got sample_weight of shape \(4,\), expected \(3,\), one weight per row; select it as"),
        (np.ones((3, 1)), r"got sample_weight of shape \(3, 1\), expected \(3,\), .* use sample_weight.reshape\(-1\)"),
        (np.ones(()), r"got sample_weight of shape \(\), expected \(3,\)"),
        (np.array([1.0, -0.5, 1.0]), r"got sample_weight\[1\]=-0.5, expected finite numbers >= 0; a row of weight 0"),
        (np.array([1.0, 1.0, np.nan]), r"got sample_weight\[2\]=nan, expected finite numbers >= 0"),
        (np.array([np.inf, 1.0, 1.0]), r"got sample_weight\[0\]=inf, expected finite numbers >= 0"),
    ],
    ids=["list", "text", "complex", "too many", "a column", "one number", "negative", "NaN", "infinite"],
)
@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.SoftmaxCrossEntropy()], ids=repr)
def test_wrong_weights(loss: nn.MSELoss | nn.SoftmaxCrossEntropy, weights: np.ndarray, message: str) -> None:
    target = np.eye(3, 2)[[0, 1, 0]]
    with pytest.raises(ValueError, match=message) as caught:
        loss.forward(np.zeros((3, 2)), target, sample_weight=weights)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float32])
def test_weights_of_any_real_dtype(dtype: type) -> None:
    weights = checked_weights("fit", np.array([1, 0, 1], dtype), 3)
    assert weights.dtype == np.float64
    assert weights.tolist() == [1.0, 0.0, 1.0]
