"""find_learning_rate: rates and smoothing by the formula, a useful suggestion, nothing changed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.learning_rate import _lowest


def rows() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, (96, 4)).astype(np.float32)
    return x, x[:, :1] * x[:, 1:2]


def trainer(*, adam: bool = False, seed: Any = 0, **arguments: Any) -> nn.Trainer:
    rng = np.random.default_rng(7)
    model = nn.Sequential(nn.Dense(4, 16, rng=0), nn.Tanh(), nn.Dropout(0.1, rng=rng), nn.Dense(16, 1, rng=1))
    optimizer = nn.Adam(model) if adam else nn.SGD(model, lr=0.5, momentum=0.5)
    return nn.Trainer(
        model, nn.MSELoss(), optimizer, batch_size=16, seed=rng if seed == "shared" else seed, **arguments
    )


def noisy(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return x + rng.standard_normal(x.shape, dtype=np.float32) / 10, y


def everything(trainer: nn.Trainer) -> list[Any]:
    rngs = [trainer.rng, *(layer.rng for layer in trainer.model.layers if isinstance(layer, nn.Dropout))]
    state = trainer.optimizer.state()
    return [
        [w.tobytes() for w in trainer.model.parameters()], [mean.tobytes() for mean in state.pop("means")], state,
        [repr(rng.bit_generator.state) for rng in rngs], [sorted(layer.grads) for layer in trainer.model.layers],
    ]  # fmt: skip


@pytest.mark.parametrize("seed", [0, "shared"])
@pytest.mark.parametrize("augment", [None, noisy])
def test_nothing_is_changed(seed: Any, augment: Any) -> None:
    searched, other = (trainer(seed=seed, augment=augment) for _ in range(2))
    for each in (searched, other):
        each.fit(*rows(), epochs=2)
    before = everything(searched)
    first = nn.find_learning_rate(searched, *rows(), steps=20)
    assert everything(searched) == before == everything(other)
    assert nn.find_learning_rate(searched, *rows(), steps=20) == first
    columns = [each.fit(*rows(), epochs=2).columns["loss"] for each in (searched, other)]
    assert columns[0] == columns[1]


def test_nothing_is_changed_by_an_error_in_the_middle() -> None:
    searched, calls = trainer(), iter(range(3))

    def breaks(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return x, y

    searched.augment = breaks
    before = everything(searched)
    with pytest.raises(KeyboardInterrupt):
        nn.find_learning_rate(searched, 2 * rows()[0], rows()[1])
    assert everything(searched) == before


def test_rates_losses_and_smoothing_are_those_of_the_formula() -> None:
    found, by_hand = nn.find_learning_rate(trainer(), *rows(), lowest=1e-3, highest=1e-1, steps=5), trainer()
    assert found.rates == pytest.approx([1e-3, 10**-2.5, 1e-2, 10**-1.5, 1e-1])
    x, y = rows()
    order = np.random.default_rng(0).permutation(96)
    for k, rate in enumerate(found.rates):
        batch = order[16 * k : 16 * (k + 1)]
        loss = by_hand.loss.forward(by_hand.model.forward(x[batch], training=True), y[batch])
        assert found.losses[k] == loss
        by_hand.model.backward(by_hand.loss.backward())
        by_hand.optimizer.lr = rate
        by_hand.optimizer.step()
    weights = 0.9 ** np.arange(5)[::-1]
    assert found.smoothed[-1] == pytest.approx(np.average(found.losses, weights=weights))
    assert found.smoothed[0] == pytest.approx(found.losses[0])
    assert found.ended == ""


@pytest.mark.parametrize("adam", [False, True])
def test_the_suggested_rate_beats_those_ten_times_lower_and_higher(adam: bool) -> None:
    found = nn.find_learning_rate(trainer(adam=adam), *rows())
    assert found.suggested is not None
    assert str(found).startswith(f"try lr={found.suggested:.2g}: the loss was lowest at ")
    losses = []
    for rate in (found.suggested / 10, found.suggested, 10 * found.suggested):
        trained = trainer(adam=adam)
        trained.optimizer.lr = rate
        history = trained.fit(*rows(), epochs=40, keep_best=False)
        losses.append(math.inf if history.outcome is nn.Outcome.DIVERGED else history.columns["loss"][-1])
    assert losses[1] == min(losses) < 1 / 9  # that of the mean


def smoothed_of(losses: np.ndarray) -> list[float]:
    weights = 0.9 ** np.arange(len(losses))
    return [float(np.average(losses[: k + 1], weights=weights[k::-1])) for k in range(len(losses))]


def test_what_comes_after_the_rise_says_nothing_and_noise_neither() -> None:
    """As on faces: the rates are so high that all units die, and the mean is predicted again."""
    falls, rises, dies = np.geomspace(1, 0.1, 25), np.geomspace(0.1, 0.6, 15), np.geomspace(0.6, 0.05, 20)
    losses, found, alarms = np.array([1.0] * 40 + [*falls, *rises, *dies]), [], 0
    for seed in range(40):
        noise = np.random.default_rng(seed).uniform(0.5, 1.5, 100)
        found.append(_lowest(list(losses * noise), smoothed_of(losses * noise), 0.9))
        alarms += _lowest(list(noise), smoothed_of(noise), 0.9) is not None
    assert sum(step is not None and 66 <= step <= 76 for step in found) >= 36
    assert alarms <= 6
    assert _lowest([1.0] * 30, [1.0] * 30, 0.9) is None
    assert _lowest([1.0], [1.0], 0.9) is None


def test_it_ends_where_the_loss_rises_or_overflows() -> None:
    risen = nn.find_learning_rate(trainer(), *rows())
    assert risen.ended == "where the loss was over 4 times its lowest"
    assert len(risen.rates) < 100
    model = nn.Sequential(nn.Dense(4, 1, rng=0))
    steep = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=1.0), batch_size=16)
    overflown = nn.find_learning_rate(steep, *rows(), lowest=1e30, highest=1e38, steps=3)
    assert overflown.ended == "where the loss, a gradient or a weight was no longer finite, at 1e+34"
    assert len(overflown.rates) == 1


def test_where_nothing_is_learnt_nothing_is_suggested() -> None:
    found = nn.find_learning_rate(trainer(), *rows(), lowest=1e-12, highest=1e-10, steps=10)
    assert found.suggested is None
    assert str(found).startswith("no learning rate is suggested: the loss did not fall; 10 steps")


def test_it_is_drawn_and_shown(tmp_path: Path) -> None:
    found = nn.find_learning_rate(trainer(), *rows(), steps=2)
    found.save_picture(tmp_path / "rate.png")
    assert (tmp_path / "rate.png").read_bytes().startswith(b"\x89PNG")
    found = nn.find_learning_rate(trainer(), *rows())
    html = found._repr_html_()
    assert "Learning rate" in html
    assert str(found)[:20] in html
    axes = found.figure().axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "learning rate (size of a step per gradient)"
    with pytest.raises(ValueError, match=r"ends in \.png"):
        found.save_picture(tmp_path / "rate.jpg")


def test_on_rows_streams_accumulated_and_with_a_metric() -> None:
    x, y = rows()
    metric = nn.Metric("error", "", lambda prediction, target: 0.0)
    arrays = nn.find_learning_rate(trainer(metric=metric), x, y, steps=12)
    assert nn.find_learning_rate(trainer(), nn.Rows(x, y), steps=12) == arrays
    stream = nn.Stream([(x[:20], y[:20]), (x[20:40], y[20:40])])
    assert len(nn.find_learning_rate(trainer(), stream, steps=7).rates) == 7
    assert len(nn.find_learning_rate(trainer(accumulate=3, clip_norm=1.0), x, y, steps=7).rates) == 7


def test_batches_without_labels_say_nothing() -> None:
    x, y = rows()
    y[8:] = np.nan
    found = nn.find_learning_rate(trainer(), x, y, lowest=1e-6, highest=1e-5, steps=30)
    assert 0 not in found.losses[1:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lowest": 0}, "find_learning_rate: got lowest=0"),
        ({"lowest": 1.0, "highest": 1.0}, "find_learning_rate: got highest=1.0, expected .*; set it above lowest"),
        ({"highest": math.inf}, "got highest=inf"),
        ({"steps": 1}, "got steps=1, expected a whole number from 2 up"),
        ({"smoothing": 1.0}, "got smoothing=1.0"),
        ({"y": None}, "fit: got x of type ndarray without y"),
        ({"x": np.ones((3, 5), np.float32)}, "fit: got x of shape"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    x, y = rows()
    with pytest.raises(ValueError, match=message):
        nn.find_learning_rate(trainer(), **{"x": x, "y": y, **arguments})


def test_wrong_trainers() -> None:
    model = nn.Sequential(nn.Dense(4, 1, rng=0))
    with pytest.raises(ValueError, match="find_learning_rate: got Sequential, expected a Trainer"):
        nn.find_learning_rate(model, *rows())  # type: ignore[arg-type]
    model.layers[0].params["weight"][:] = 3e38
    searched = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=1.0))
    with pytest.raises(ValueError, match="find_learning_rate: got a first step in which"):
        nn.find_learning_rate(searched, 2 * rows()[0], rows()[1])
