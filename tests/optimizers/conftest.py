"""A stand-in for a model, and steps of an optimizer on it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def model_of() -> Callable[..., Any]:
    """model_of(weight, bias, dtype): stands in for a Sequential of one layer, without gradients."""

    def make(weight: Any, bias: Any = (0.0,), dtype: Any = np.float64) -> Any:
        params = {"weight": np.array(weight, dtype), "bias": np.array(bias, dtype)}
        return SimpleNamespace(layers=[SimpleNamespace(params=params, grads={})])

    return make


@pytest.fixture
def steps() -> Callable[..., list[float]]:
    """steps(model, optimizer, *gradients): the one weight after each step."""

    def take(model: Any, optimizer: Any, *gradients: float) -> list[float]:
        (layer,) = model.layers
        values = []
        for gradient in gradients:
            layer.grads = {name: np.full_like(value, gradient) for name, value in layer.params.items()}
            optimizer.step()
            values.append(layer.params["weight"].item(0))
        return values

    return take
