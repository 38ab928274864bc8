"""A training whose numbers overflow ends at that batch, and says where it began."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.checks import NotFiniteError
from nnscratch.training.divergence import check_bias_gradients, check_loss, origin


def network(**changes: Any) -> nn.Sequential:
    return nn.Sequential(nn.Dense(2, 3, rng=0, **changes), nn.ReLU(), nn.Dense(3, 1, rng=1))


def rows() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).random((8, 2), np.float32)
    return x, x[:, :1]


def test_a_loss_that_is_no_number() -> None:
    check_loss(0.0)
    for loss in (float("nan"), float("inf")):
        with pytest.raises(NotFiniteError, match=f"the loss is {loss}"):
            check_loss(loss)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_overflows_is_named_before_its_step(value: float) -> None:
    model, (x, y) = network(), rows()
    model.forward(x, training=True)
    model.backward(y)
    check_bias_gradients(model)
    model.layers[2].grads["bias"] = np.float32([value])
    with pytest.raises(NotFiniteError, match=r"gradient of 'bias' in layer 2, Dense\(3, 1\), overflowed"):
        check_bias_gradients(model)


def test_the_first_place_is_named() -> None:
    model, (x, _) = network(), rows()
    model.layers[2].params["weight"][1] = np.nan
    error = NotFiniteError("the loss is nan")
    assert origin(model, x, error) == "the step before made 'weight' in layer 2, Dense(3, 1), infinite or NaN"
    with np.errstate(over="ignore"):
        large = network(weight_init="constant(1e38)")
        assert origin(large, 100 * x, error).startswith("the outputs of layer 0, Dense(2, 3, weight_init=")
    assert origin(network(), x, error) == "the loss is nan"


def test_a_step_too_long_ends_the_training_at_that_batch_with_the_weights_before(trainer_of: Any) -> None:
    x, y = np.ones((40, 1), np.float32), np.ones((40, 1), np.float32)
    trainer = trainer_of(lr=1e30)
    before = trainer.weight
    history = trainer.fit(x, y, epochs=3)
    assert history.outcome is nn.Outcome.DIVERGED
    assert history.stopped.startswith("diverged: ")
    assert history.stopped.endswith(" in batch 2 of epoch 1; lower the learning rate, which was 1e+30")
    assert len(history) == 0
    assert trainer.weight == before


def test_no_step_is_taken_with_a_gradient_that_is_not_finite(trainer_of: Any) -> None:
    trainer = trainer_of()
    backward, step = trainer.model.backward, trainer.optimizer.step
    steps: list[bool] = []

    def overflow(dy: np.ndarray) -> None:
        backward(dy)
        if len(steps) == 2:
            trainer.dense.grads["bias"] = np.float32([np.inf])

    def counted() -> None:
        steps.append(True)
        step()

    trainer.model.backward, trainer.optimizer.step = overflow, counted
    history = trainer.fit(np.ones((40, 1), np.float32), np.ones((40, 1), np.float32), epochs=1)
    assert "the gradient of 'bias' in layer 1, Dense(1, 1" in history.stopped
    assert len(steps) == 2
