"""A fit on several ranks with what other than arrays and one loss it may be given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training import StepDone
from tests.training.communicators import on_ranks
from tests.training.small_training import VALIDATION, WEIGHTS, X, Y, noisy_rows

TWO_LOSSES = nn.SumOfLosses((nn.MSELoss(), 1.0, [0]), (nn.MSELoss(), 0.3, [1, 2]))  # their labels differ in number


def numbers(fit: Callable[[nn.Trainer], nn.History], loss: Any = None, **settings: Any) -> Callable[[Any], Any]:
    """A training on a rank: its weights and its losses, one after the other."""

    def train(communicator: Any) -> np.ndarray:
        rng = np.random.default_rng(1)
        model = nn.Sequential(nn.Dense(6, 8, rng=rng), nn.ReLU(), nn.Dense(8, 3, rng=rng)).astype(np.float64)
        optimizer = nn.SGD(model, lr=0.1, momentum=0.9)
        trainer = nn.Trainer(model, loss or nn.MSELoss(), optimizer, communicator=communicator, **settings)
        history = fit(trainer)
        return np.concatenate([*(w.ravel() for w in model.parameters()), history.columns["loss"]])

    return train


def agree(train: Callable[[Any], Any], size: int) -> None:
    one = train(None)
    for each in on_ranks(size, train):
        assert isinstance(each, np.ndarray), each
        np.testing.assert_allclose(each, one, rtol=0, atol=1e-10)


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("loss", [None, TWO_LOSSES], ids=["mean", "sum"])
def test_sums_of_losses_and_accumulated_gradients(loss: Any, accumulate: int, size: int) -> None:
    def fit(trainer: nn.Trainer) -> nn.History:
        return trainer.fit(X, Y, epochs=2, sample_weight=WEIGHTS)

    agree(numbers(fit, loss, batch_size=8 // accumulate, accumulate=accumulate, clip_norm=0.5), size)


def test_fewer_rows_than_ranks_of_a_sum_of_losses() -> None:
    agree(numbers(lambda trainer: trainer.fit(X, Y, epochs=1), TWO_LOSSES, batch_size=3), 4)


ASKED: list[int] = []  # rows at a time; not in a closure, whose content would tell one `convert` from another


def counted(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ASKED.append(len(x))
    return x / 255, y


@pytest.mark.parametrize("augment", [None, noisy_rows])
def test_each_rank_loads_its_share_of_rows(augment: Any) -> None:
    bytes_ = (X * 100 + 120).astype(np.uint8)

    def fit(trainer: nn.Trainer) -> nn.History:
        rows = nn.Rows(bytes_, Y, counted, sample_weight=WEIGHTS)
        return trainer.fit(rows, epochs=2, validation=nn.Rows(*VALIDATION))

    train = numbers(fit, batch_size=8, augment=augment)
    ASKED.clear()
    one = train(None)
    assert ASKED.count(8) == 2 * 4  # of one process: two epochs, four whole batches
    ASKED.clear()
    for each in on_ranks(2, train):
        np.testing.assert_allclose(each, one, rtol=0, atol=1e-10)
    assert 8 not in ASKED
    assert ASKED.count(4) >= 2 * 2 * 4  # of two


def test_a_stream_is_for_one_rank() -> None:
    def fit(trainer: nn.Trainer) -> nn.History:
        return trainer.fit(nn.Stream([(X, Y)]), epochs=1)

    for end in on_ranks(2, numbers(fit)):
        assert isinstance(end, ValueError)
        assert "got a Stream on several ranks, expected rows" in str(end)
        assert "\n" not in str(end)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_callback_of_one_rank_ends_the_epoch_of_all(rank: int) -> None:
    class Third(nn.Callback):
        def after_step(self, trainer: nn.Trainer, history: nn.History, step: StepDone) -> str | None:
            return "the third step" if step.number == 3 and trainer.ranks.rank == rank else None

    def train(communicator: Any) -> Any:
        model = nn.Sequential(nn.Dense(6, 3, rng=0)).astype(np.float64)
        trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), batch_size=8, communicator=communicator)
        history = trainer.fit(X, Y, epochs=5, callbacks=[Third()])
        return history.stopped, history.columns["images"]

    assert on_ranks(2, train) == [("the third step", [24])] * 2


def test_ranks_must_look_at_steps_alike() -> None:
    class Quiet(nn.Callback):
        def after_step(self, trainer: nn.Trainer, history: nn.History, step: StepDone) -> None:
            return None

    def train(communicator: Any) -> Any:
        callbacks = [Quiet()] if communicator.Get_rank() == 1 else []
        model = nn.Sequential(nn.Dense(6, 3, rng=0)).astype(np.float64)
        trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), communicator=communicator)
        return trainer.fit(X, Y, epochs=1, callbacks=callbacks)

    for end in on_ranks(2, train):
        assert isinstance(end, ValueError)
        assert "callbacks of steps 1, expected 0" in str(end)
