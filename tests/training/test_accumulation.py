"""Accumulated gradients are those of one large batch, whatever is missing or weighted in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn

ROWS = 26  # steps of 12, 12 and 2


def data(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((ROWS, 3)), rng.standard_normal((ROWS, 5))
    y[rng.random(y.shape) < 0.4] = np.nan
    y[::4] = np.nan  # rows, and some parts, without any label
    if kind == "classes":
        return x, rng.integers(-1, 5, ROWS)
    if kind == "sum":
        y[:, 4] = rng.integers(0, 3, ROWS)
        y[::3, 4] = np.nan
        return x, y
    return x, y


def sum_of_losses() -> nn.SumOfLosses:
    return nn.SumOfLosses(
        (nn.MSELoss(), 1.0, slice(0, 1)), (nn.MSELoss(), 0.3, [1, 2]), (nn.SoftmaxCrossEntropy(), 2.0, [2, 3, 4], 4)
    )


LOSSES = {"mse": nn.MSELoss, "classes": nn.SoftmaxCrossEntropy, "sum": sum_of_losses}


def trained(kind: str, batch_size: int, accumulate: int, **arguments: Any) -> tuple[list[np.ndarray], nn.History]:
    model = nn.Sequential(nn.Dense(3, 6, rng=0), nn.Tanh(), nn.Dense(6, 5, rng=1)).astype(np.float64)
    x, y = data(kind)
    of_fit = {name: arguments.pop(name) for name in ("sample_weight",) if name in arguments}
    settings: dict[str, Any] = {"lr": nn.schedules.linear(0.1, 0.01), "seed": 4} | arguments
    optimizer = nn.SGD(model, lr=0.1, momentum=0.9)
    trainer = nn.Trainer(model, LOSSES[kind](), optimizer, batch_size=batch_size, accumulate=accumulate, **settings)
    history = trainer.fit(x, y, epochs=3, keep_best=False, **of_fit)
    assert optimizer.steps == 3 * 3
    return model.parameters(), history


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_k_batches_are_one_of_k_times_the_size(kind: str, weighted: bool, clip_norm: float | None) -> None:
    arguments: dict[str, Any] = {"clip_norm": clip_norm}
    if weighted:
        weights = np.random.default_rng(0).random(ROWS)
        weights[::5] = 0
        arguments["sample_weight"] = weights
    whole, expected = trained(kind, 12, 1, **arguments)
    parts, history = trained(kind, 3, 4, **arguments)
    for w, same in zip(parts, whole, strict=True):
        np.testing.assert_allclose(w, same, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(history.columns["loss"], expected.columns["loss"], rtol=1e-12)
    assert history.columns["lr"] == expected.columns["lr"]


def test_a_pass_has_no_more_rows_than_a_batch(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of(batch_size=3, accumulate=4)
    trainer.fit(*rows(26), epochs=1)
    assert [len(batch) for batch, _ in trainer.seen] == [3, 3, 3, 3] * 2 + [1, 1]


def test_augment_is_given_the_rows_of_a_step() -> None:
    def noisy(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return x + rng.standard_normal(x.shape), y

    whole, parts = trained("mse", 12, 1, augment=noisy), trained("mse", 3, 4, augment=noisy)
    for w, same in zip(whole[0], parts[0], strict=True):
        np.testing.assert_allclose(w, same, rtol=1e-12, atol=1e-12)


def test_batches_of_a_stream_and_rows_accumulate_too() -> None:
    x, y = data("mse")
    whole = trained("mse", 12, 1)[0]
    order = np.random.default_rng(4)
    passes = iter([order.permutation(ROWS) for _ in range(3)])

    def stream() -> Any:
        rows = next(passes)
        for start in range(0, ROWS, 3):
            yield x[rows[start : start + 3]], y[rows[start : start + 3]]

    for source in (nn.Stream(stream, per_epoch=9), nn.Rows(x, y)):
        model = nn.Sequential(nn.Dense(3, 6, rng=0), nn.Tanh(), nn.Dense(6, 5, rng=1)).astype(np.float64)
        trainer = nn.Trainer(
            model, nn.MSELoss(), nn.SGD(model, lr=0.1, momentum=0.9), batch_size=3, accumulate=4, seed=4,
            lr=nn.schedules.linear(0.1, 0.01),
        )  # fmt: skip
        trainer.fit(source, epochs=3, keep_best=False)
        for w, same in zip(model.parameters(), whole, strict=True):
            np.testing.assert_allclose(w, same, rtol=1e-12, atol=1e-12)


def test_it_goes_on_from_a_checkpoint_bit_for_bit(trainer_of: Any, rows: Any, tmp_path: Any, numbers: Any) -> None:
    class StopAfter:
        left = 5

        def is_set(self) -> bool:
            self.left -= 1
            return self.left < 0

    def fit(**arguments: Any) -> nn.History:
        history: nn.History = trainer_of(batch_size=3, accumulate=2).fit(*rows(20), epochs=3, **arguments)
        return history

    path = tmp_path / "run.npz"
    assert fit(checkpoint=path, stop=StopAfter()).outcome is nn.Outcome.INTERRUPTED
    assert numbers(fit(checkpoint=path)) == numbers(fit())
    with pytest.raises(ValueError, match="with accumulate 2, expected 3"):
        trainer_of(batch_size=3, accumulate=3).fit(*rows(20), epochs=3, checkpoint=path)


def test_a_frozen_layer_and_a_diverging_part(trainer_of: Any, rows: Any) -> None:
    x, y = rows(20)
    trainer = trainer_of(batch_size=3, accumulate=3)
    trainer.dense.frozen = True
    before = trainer.weight
    trainer.fit(x, y, epochs=1)
    assert trainer.weight == before
    diverging = trainer_of(lr=1e30, batch_size=3, accumulate=3).fit(x, y, epochs=5)
    assert diverging.outcome is nn.Outcome.DIVERGED


def test_a_loss_that_counts_in_one_place_only_is_told_so(trainer_of: Any, rows: Any) -> None:
    class Half(nn.MSELoss):
        def count_labels(self, target: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
            return len(target) / 2

    trainer = trainer_of(accumulate=2)
    trainer.loss = Half()
    with pytest.raises(ValueError, match=r"Half\(\): got labels=.* after forward and .* from count_labels"):
        trainer.fit(*rows(20), epochs=1)


@pytest.mark.parametrize("accumulate", [0, -1, 1.5, None, True, "2"])
def test_a_number_of_batches_that_is_none(accumulate: Any, trainer_of: Any) -> None:
    with pytest.raises(ValueError, match=f"Trainer: got accumulate={accumulate!r}"):
        trainer_of(accumulate=accumulate)
