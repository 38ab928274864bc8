"""A small training for the tests, y = weight * x + bias, that shows its batches and weights."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nnscratch as nn


class Recorder(nn.Layer):
    """y = x, and a list of (rows' first values, training) of every forward."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[list[float], bool]] = []

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.seen.append((x[:, 0].tolist(), training))
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy


class LineTrainer(nn.Trainer):
    """A trainer of y = weight * x + bias; lr is a number, or a schedule."""

    def __init__(self, *, lr: Any = 0.1, batch_size: int = 8, **arguments: Any) -> None:
        model = nn.Sequential(Recorder(), nn.Dense(1, 1, weight_init="he_normal", rng=3))
        optimizer = nn.SGD(model, lr=0.1 if callable(lr) else lr, momentum=0.5)
        schedule = lr if callable(lr) else None
        super().__init__(model, nn.MSELoss(), optimizer, batch_size=batch_size, lr=schedule, **arguments)

    @property
    def dense(self) -> nn.Layer:
        return self.model.layers[1]

    @property
    def weight(self) -> float:
        return float(self.dense.params["weight"].item())

    @property
    def seen(self) -> list[tuple[list[float], bool]]:
        """What went into the model so far: each batch's values, and whether it was trained on."""
        recorder = self.model.layers[0]
        assert isinstance(recorder, Recorder)
        return recorder.seen


class LiveWeights:
    """The weight after each step of a trainer, beginning with the one before the first step."""

    def __init__(self, trainer: LineTrainer) -> None:
        self.weights, step = [trainer.weight], trainer.optimizer.step

        def recorded() -> None:
            step()
            self.weights.append(trainer.weight)

        trainer.optimizer.step = recorded  # type: ignore[method-assign]

    def average(self, steps: int, decay: float) -> float:
        """The mean of the formula after so many steps."""
        mean = self.weights[0]
        for n in range(1, steps + 1):
            d = min(decay, (1 + n) / (10 + n))
            mean = d * mean + (1 - d) * self.weights[n]
        return mean


class Jitter:
    """Noise on x, in an array that the next call overwrites; y = 2x still."""

    def __init__(self) -> None:
        self.x = np.empty((8, 1), np.float32)

    def __call__(self, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        new = np.add(x, rng.standard_normal(x.shape, dtype=np.float32), out=self.x[: len(x)])
        return new, 2 * new


class FakeClock:
    """Stands still until `now` is changed; goes on by `tick` seconds whenever it is read."""

    def __init__(self) -> None:
        self.now = self.tick = 0.0

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def trainer_of() -> type[LineTrainer]:
    return LineTrainer


@pytest.fixture
def live_weights() -> type[LiveWeights]:
    return LiveWeights


@pytest.fixture
def jitter() -> type[Jitter]:
    return Jitter


@pytest.fixture
def rows() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """rows(count): x = 1..count scaled into (0, 1], y = 2x."""

    def line(count: int = 20) -> tuple[np.ndarray, np.ndarray]:
        x = np.arange(1, count + 1, dtype=np.float32)[:, np.newaxis] / count
        return x, 2 * x

    return line


@pytest.fixture
def given_scores() -> Callable[..., nn.Metric]:
    """given_scores(3.0, 1.0, ...): a metric that gives these numbers, one after the other."""

    def metric(*scores: float) -> nn.Metric:
        coming = iter(scores)
        return nn.Metric("given", "", lambda prediction, target: next(coming))

    return metric


@pytest.fixture
def numbers() -> Callable[[nn.History], dict[str, list[float]]]:
    """numbers(history): the columns that the machine's speed does not change."""
    return lambda history: {
        name: values for name, values in history.columns.items() if name not in ("seconds", "images_per_second")
    }


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """In place of time.perf_counter."""
    fake = FakeClock()
    monkeypatch.setattr(time, "perf_counter", fake)
    return fake


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """terminal(): stderr from now on. (pytest would replace what the fixture itself puts there.)"""

    def install() -> Terminal:
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("COLUMNS", "80")
        return stderr

    return install


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Also on a machine of one core."""
    nn.set_threads(2)
    yield
    nn.set_threads(None)
