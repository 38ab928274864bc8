"""Lesson 6's clinic: ten networks that did not learn. THE ANSWERS STAND BELOW: diagnose first.

Each patient is a network that learns with ONE of its settings spoilt, so its cure is to take that
one back. Nothing else is done to it: it was made and trained as any other network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnscratch.diagnosis import Diagnosis, diagnose
from nnscratch.diagnosis.spread import spread
from nnscratch.history import History
from nnscratch.layers import Dense, Dropout, Layer, NotFiniteError, ReLU
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD
from nnscratch.training import Trainer

_UNITS = 64
_EPOCHS = 40
_BATCH = 32
_DIVERGED = 1e6  # a score of so much is none


@dataclass(frozen=True)
class Settings:
    """How a network is made and trained; as they stand here, it learns.

    hidden       : number of hidden layers, each dense, of 64 units, with a ReLU behind it
    weight       : the initializer of all weights; bias: of the hidden layers' biases
    dropout      : p behind each hidden layer; 0 for none
    lr, decay    : learning rate and weight decay
    x_times, x_plus, y_times, y_plus : what is done to the rows before the training
    """

    hidden: int = 2
    weight: str = "glorot_uniform"
    bias: str = "constant(0)"
    dropout: float = 0.0
    lr: float = 0.1
    decay: float = 0.0
    x_times: float = 1.0
    x_plus: float = 0.0
    y_times: float = 1.0
    y_plus: float = 0.0


_TWO_LAYERS = Settings()
_FOUR_LAYERS = Settings(hidden=4, lr=0.3)

# The code of each illness, the settings with which the patient would learn, and what was spoilt.
_CASES: tuple[tuple[str, Settings, dict[str, Any]], ...] = (
    ("step_too_small", _TWO_LAYERS, {"lr": 1e-4}),
    ("targets_unscaled", _TWO_LAYERS, {"y_times": 4.0, "y_plus": 48.0}),
    ("vanishing_signal", _FOUR_LAYERS, {"weight": "normal(0.01)"}),
    ("step_too_large", _TWO_LAYERS, {"lr": 1.0}),
    ("identical_units", _TWO_LAYERS, {"weight": "constant(0.02)"}),
    ("saturated_by_bias", _TWO_LAYERS, {"bias": "constant(-5)"}),
    ("input_unscaled", _TWO_LAYERS, {"x_times": 60.0, "x_plus": 110.0}),
    ("decay_dominates", _TWO_LAYERS, {"decay": 0.3}),
    ("exploding_signal", _FOUR_LAYERS, {"weight": "normal(0.5)"}),
    ("dead_units", replace(_TWO_LAYERS, bias="constant(1.5)", lr=0.03), {"dropout": 0.5}),
)
ILLNESSES = tuple(sorted(code for code, _, _ in _CASES))


@dataclass(frozen=True)
class Patient:
    """A network after its training, and what the doctor saw before and after.

    number  : 1 to 10, and the seed that its weights were drawn from
    losses  : of the training, one for each epoch; not finite where it diverged
    score   : loss at the end over that of the best constant answer: 1 means nothing learnt
    before, after : the doctor's findings on the fresh network, and on the trained one
    x, y    : the rows that it was trained on
    """

    number: int
    losses: list[float]
    score: float
    before: Diagnosis
    after: Diagnosis
    x: np.ndarray
    y: np.ndarray

    @property
    def learnt(self) -> bool:
        """Whether it has got rid of half of the loss of the best constant answer."""
        return self.score < 0.5

    @property
    def illness(self) -> str:
        """The doctor's answer: the first finding on the fresh network, otherwise on the trained."""
        codes = self.before.codes or self.after.codes
        return codes[0] if codes else "healthy"

    def chart(self) -> str:
        """What was measured, without a word on what it means."""
        x, y = self.x.astype(np.float64), self.y.astype(np.float64)
        lines = [f"x: mean {abs(x.mean()):.0f}, spread {spread(x):.0f}; targets: mean {abs(y.mean()):.0f}, "]
        lines[0] += f"spread {spread(y):.0f}"
        lines += _table("before the first step", self.before)
        if self.score < _DIVERGED:
            lines += _table("after the last step", self.after)
            end = f"{self.score:.1f} times that of the best constant answer"
        else:
            end = "beyond all bounds: it diverged, so there is no table of what is left"
        return "\n".join([*lines, f"loss at the end: {end}"])


def _table(title: str, diagnosis: Diagnosis) -> list[str]:
    layers = diagnosis.signals.layers
    lines = [f"{title:24}{'weight':>9}{'bias':>9}{'spread':>9}{'silent':>8}{'twins':>7}{'step':>9}{'decay':>9}"]
    for number, layer in enumerate(layers, 1):
        name = f"  layer {number}" + (", the last" if layer is layers[-1] else "")
        silent = "-" if np.isnan(layer.never_active) else f"{layer.never_active:.0%}"
        numbers = f"{layer.weight_rms:9.1g}{layer.bias:9.2g}{layer.z_spread:9.1g}{silent:>8}{layer.twins:7.0%}"
        lines.append(f"{name:24}{numbers}{layer.update_ratio:9.1g}{layer.decay_ratio:9.1g}")
    return lines


def admit(x: np.ndarray, y: np.ndarray) -> list[Patient]:
    """The ten patients, trained on these rows.

    x : (N, n_in), about centred, with a spread of about 1
    y : (N, n_out), each column with the mean 0 and the variance 1
    """
    return [_trained(i, replace(healthy, **spoilt), x, y) for i, (_, healthy, spoilt) in enumerate(_CASES, 1)]


def cured(number: int, x: np.ndarray, y: np.ndarray) -> Patient:
    """The patient of that number, made and trained anew with the spoilt setting taken back."""
    return _trained(number, _CASES[number - 1][1], x, y)


def truth(number: int) -> tuple[str, str]:
    """What a patient has, and what was done to it.

    >>> truth(1)
    ('step_too_small', 'lr 0.1 -> 0.0001')
    """
    code, healthy, spoilt = _CASES[number - 1]
    changes = [f"{name} {getattr(healthy, name)} -> {value}" for name, value in spoilt.items()]
    return code, ", ".join(changes)


def _trained(number: int, settings: Settings, x: np.ndarray, y: np.ndarray) -> Patient:
    x = (x * settings.x_times + settings.x_plus).astype(np.float32)
    y = (y * settings.y_times + settings.y_plus).astype(np.float32)
    model = _network(settings, x.shape[1], y.shape[1], np.random.default_rng(number))
    optimizer = SGD(model, lr=settings.lr, weight_decay=settings.decay)
    before = diagnose(model, x, y, optimizer=optimizer)
    trainer = Trainer(model, MSELoss(), optimizer, batch_size=_BATCH, progress=False)
    with np.errstate(all="ignore"):  # some of them diverge
        history: History = trainer.fit(x, y, epochs=_EPOCHS, keep_best=False)
        score = _score(model, x, y)
    after = diagnose(model, x, y, optimizer=optimizer, history=history)
    return Patient(number, list(history.columns["loss"]), score, before, after, x, y)


def _network(settings: Settings, n_in: int, n_out: int, rng: np.random.Generator) -> Sequential:
    layers: list[Layer] = []
    for inputs in [n_in] + [_UNITS] * (settings.hidden - 1):
        layers += [Dense(inputs, _UNITS, weight_init=settings.weight, bias_init=settings.bias, rng=rng), ReLU()]
        layers += [Dropout(settings.dropout, rng=rng)] if settings.dropout else []
    return Sequential(*layers, Dense(_UNITS, n_out, weight_init=settings.weight, rng=rng))


def _score(model: Sequential, x: np.ndarray, y: np.ndarray) -> float:
    try:
        error = model.predict(x).astype(np.float64) - y
    except NotFiniteError:
        return np.inf
    return float(np.mean(error**2) / y.astype(np.float64).var(axis=0).mean())
