"""The backward pass of convolutions in one call: which stages it runs, and when it is left to them.

Its bits are compared in test_training_call.py.
"""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers import Layer
from nnscratch.stages import gradients_call
from nnscratch.stages.training_call import TrainingCall

F = np.float32


def conv(c_in: int, c_out: int, **options: object) -> list[Layer]:
    return [nn.Conv2D(c_in, c_out, 3, **options), nn.ReLU(), nn.MaxPool2D(2)]  # type: ignore[arg-type]


def call_of(model: nn.Sequential, *shape: int) -> TrainingCall:
    return TrainingCall(model._runner.stages(model.layers), shape)


def test_it_runs_the_first_convolutions_that_follow_each_other() -> None:
    model = nn.Sequential(
        nn.ContrastNormalization(), *conv(1, 4), *conv(4, 20), nn.ContrastNormalization(), *conv(20, 20), rng=0
    )
    call = call_of(model, 1, 30, 30, 1)
    assert call.gradients is not None
    assert call.gradients.stages == model._runner.stages(model.layers)[1:3]
    model = nn.Sequential(nn.Flatten(), nn.Dense(4, 3), rng=0)
    assert call_of(model, 1, 4).gradients is None


def test_much_work_is_left_to_the_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(*conv(1, 4), rng=0)
    assert call_of(model, 2, 30, 30, 1).gradients is not None
    monkeypatch.setattr(gradients_call, "_MOST_WORK", 1000)
    assert call_of(model, 2, 30, 30, 1).gradients is None


def test_gradients_are_the_stages_own_arrays_and_no_bias_has_none() -> None:
    model = nn.Sequential(*conv(1, 20), *conv(20, 4, bias=False), rng=0)
    x = np.random.default_rng(0).standard_normal((1, 20, 20, 1)).astype(F)
    y = model.forward(x, training=True)
    model.backward(y)
    arrays = [dict(layer.grads) for layer in model.layers]
    call = call_of(model, *x.shape)
    assert call.forward(x) is not None
    stages = model._runner.stages(model.layers)
    assert call.backward(stages[0], stages[-1], y)
    for layer, before in zip(model.layers, arrays, strict=True):
        assert list(layer.grads) == list(before)
        for name, gradient in layer.grads.items():
            assert np.shares_memory(gradient, before[name])
    assert not any("kept" in vars(stage) for stage in stages)
    assert not call.backward(stages[0], stages[0], y)  # other stages than it runs
