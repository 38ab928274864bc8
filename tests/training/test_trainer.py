"""Trainer: the loop of its docstring, what it writes down, augments and clips, what it refuses.

How a training ends, what it is scored by, what it leaves in the model and what it shows is tested
in the files named after the modules that decide that.
"""

from __future__ import annotations

import math
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.optimizers import schedules


def augmenting_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "augment" in thread.name]


def test_each_epoch_sees_every_row_once_in_a_fresh_order(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of()
    x, y = rows(20)
    trainer.fit(x, y, epochs=3)
    assert [len(batch) for batch, _ in trainer.seen] == [8, 8, 4] * 3
    assert all(training for _, training in trainer.seen)
    epochs = [[row for batch, _ in trainer.seen[start : start + 3] for row in batch] for start in (0, 3, 6)]
    assert [sorted(epoch) for epoch in epochs] == [x[:, 0].tolist()] * 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0] != x[:, 0].tolist()


def test_its_history_says_that_rows_were_shuffled(trainer_of: Any, rows: Any, tmp_path: Path) -> None:
    for _ in range(2):  # the second time from the checkpoint
        assert trainer_of().fit(*rows(), epochs=1, checkpoint=tmp_path / "state.npz").shuffled is True


def test_rows_of_x_and_y_stay_together_also_if_strided(trainer_of: Any, rows: Any, numbers: Any) -> None:
    x, y = rows(40)
    trainer, strided = trainer_of(batch_size=3), trainer_of(batch_size=3)
    history = trainer.fit(x[:20].copy(), y[:20].copy(), epochs=40)
    assert history.columns["loss"][-1] < 1e-3  # impossible if the pairs were mixed
    wide_x, wide_y = np.repeat(x[:20], 2, axis=0), np.repeat(y[:20], 2, axis=0)
    assert numbers(strided.fit(wide_x[::2], wide_y[::2], epochs=40)) == numbers(history)


def test_one_epoch_is_the_loop_of_the_docstring(trainer_of: Any, rows: Any) -> None:
    x, y = rows(10)
    trainer, by_hand = trainer_of(batch_size=4), trainer_of()
    history = trainer.fit(x, y, epochs=1)
    order, total = np.random.default_rng(0).permutation(10), 0.0
    for batch in (order[:4], order[4:8], order[8:]):
        loss = by_hand.loss.forward(by_hand.model.forward(x[batch], training=True), y[batch])
        by_hand.model.backward(by_hand.loss.backward())
        by_hand.optimizer.step()
        total += loss * len(batch)
    assert trainer.weight == by_hand.weight
    assert history.columns["loss"] == [pytest.approx(total / 10)]


def test_history_has_its_columns(trainer_of: Any, rows: Any, clock: Any, given_scores: Any) -> None:
    clock.tick = 1.0
    x, y = rows()
    history = trainer_of(metric=given_scores(3, 2, 1)).fit(x, y, validation=(x[:5], y[:5]), epochs=3)
    assert list(history.columns) == [
        *["epoch", "loss", "validation_loss", "given", "lr", "seconds", "images", "images_per_second"]
    ]
    assert history.columns["epoch"] == [1, 2, 3]
    assert history.columns["given"] == [3, 2, 1]
    assert history.columns["images"] == [20] * 3
    assert history.columns["lr"] == [0.1] * 3
    assert np.all(np.diff(history.columns["seconds"]) > 0)
    assert min(history.columns["images_per_second"]) > 0
    assert history.stopped == "all 3 epochs done"
    assert list(trainer_of().fit(x, y, epochs=1).columns)[:3] == ["epoch", "loss", "lr"]


def test_same_seed_same_numbers_other_seed_other_numbers(trainer_of: Any, rows: Any, numbers: Any) -> None:
    x, y = rows()
    histories = [numbers(trainer_of(seed=seed).fit(x, y, validation=(x, y), epochs=4)) for seed in (1, 1, 2)]
    assert histories[0] == histories[1] != histories[2]


def test_a_second_fit_continues(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    once, twice = trainer_of(), trainer_of()
    whole = once.fit(x, y, epochs=5, keep_best=False)
    parts = [twice.fit(x, y, epochs=epochs, keep_best=False) for epochs in (2, 3)]
    assert parts[0].columns["loss"] + parts[1].columns["loss"] == whole.columns["loss"]
    assert once.weight == twice.weight


def test_missing_labels_do_not_hinder(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    y[::2] = np.nan
    history = trainer_of(batch_size=1).fit(x, y, epochs=20)  # half of the batches have no label at all
    assert history.columns["loss"][-1] < 1e-3


def test_clipping_is_done_between_backward_and_step(trainer_of: Any, rows: Any) -> None:
    x, y = rows(8)
    trainer, by_hand = trainer_of(clip_norm=0.25), trainer_of()
    trainer.fit(x, y, epochs=1)
    order = np.random.default_rng(0).permutation(8)
    by_hand.loss.forward(by_hand.model.forward(x[order], training=True), y[order])
    by_hand.model.backward(by_hand.loss.backward())
    dense = by_hand.dense
    norm = math.hypot(dense.grads["weight"].item(), dense.grads["bias"].item())
    assert norm > 0.5
    moved = dense.params["weight"].item() - 0.1 * dense.grads["weight"].item() * 0.25 / norm
    assert trainer.weight == pytest.approx(moved, rel=1e-6)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_augmenting_in_the_background_gives_the_bits_of_the_foreground(
    threads: int, trainer_of: Any, rows: Any, jitter: Any
) -> None:
    """The loop of the docstring, with every batch augmented in the foreground."""
    nn.set_threads(threads)
    trainer, by_hand = trainer_of(augment=jitter()), trainer_of()
    trainer.fit(*rows(), epochs=4, keep_best=False)
    (x, y), augment, rng = rows(), jitter(), np.random.default_rng(0)
    for _ in range(4):
        order = rng.permutation(20)
        for batch in (order[:8], order[8:16], order[16:]):
            new_x, new_y = augment(x[batch], y[batch], rng)
            by_hand.loss.forward(by_hand.model.forward(new_x, training=True), new_y)
            by_hand.model.backward(by_hand.loss.backward())
            by_hand.optimizer.step()
    assert trainer.seen == by_hand.seen
    assert trainer.weight == by_hand.weight


@pytest.mark.usefixtures("two_threads")
def test_an_rng_shared_with_dropout_is_drawn_from_in_one_order(rows: Any, jitter: Any) -> None:
    x, y = rows()
    results, threads_seen = [], set()
    inner = jitter()

    def watched(*batch: Any) -> tuple[np.ndarray, np.ndarray]:
        threads_seen.add(threading.current_thread())
        return inner(*batch)

    for threads in (1, 2):
        nn.set_threads(threads)
        rng = np.random.default_rng(0)
        model = nn.Sequential(nn.Dense(1, 8, rng=rng), nn.Dropout(0.5, rng=rng), nn.Dense(8, 1, rng=rng))
        trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.01), batch_size=8, seed=rng, augment=watched)
        assert trainer.rng is rng
        results.append(trainer.fit(x, y, epochs=3).columns["loss"])
    assert results[0] == results[1]
    assert threads_seen == {threading.current_thread()}


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["augment", "step"])
def test_no_thread_is_left_when_an_augmented_training_ends_early(
    error: type[BaseException], place: str, trainer_of: Any, rows: Any, jitter: Any
) -> None:
    calls, inner = iter(range(5)), jitter()

    def fail(*batch: Any) -> Any:
        if next(calls, None) is None:
            raise error("broken")
        return inner(*batch) if place == "augment" else None

    trainer = trainer_of(augment=fail if place == "augment" else inner)
    if place == "step":
        trainer.optimizer.step = fail
    if error is KeyboardInterrupt:
        assert trainer.fit(*rows(), epochs=60).outcome is nn.Outcome.INTERRUPTED
    else:
        with pytest.raises(OSError, match="broken") as raised:
            trainer.fit(*rows(), epochs=60)
        assert [entry.name for entry in raised.traceback][-1] == "fail"
    assert not augmenting_threads()


@pytest.mark.usefixtures("two_threads")
def test_a_time_limit_ends_an_augmented_epoch_in_the_middle(trainer_of: Any, rows: Any, jitter: Any) -> None:
    history = trainer_of(augment=jitter()).fit(*rows(), epochs=60, time_limit=1e-9)
    assert history.stopped == "time limit of 1e-09 s reached"
    assert history.columns["images"] == [8]
    assert not augmenting_threads()


def test_augmented_rows_may_have_other_shapes_than_the_rows_given() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 6, 6, 1), dtype=np.float32), rng.random((20, 6), dtype=np.float32)
    model = nn.Sequential(nn.Flatten(), nn.Dense(9, 2, rng=0))
    trainer = nn.Trainer(
        model, nn.MSELoss(), nn.SGD(model, lr=0.1), batch_size=8,
        augment=lambda x, y, rng: (x[:, :3, :3].copy(), y[:, :2].copy()),
    )  # fmt: skip
    history = trainer.fit(x, y, validation=(x[:5, :3, :3].copy(), y[:5, :2].copy()), epochs=2)
    assert history.columns["images"] == [20, 20]


def test_copies_no_more_than_a_batch() -> None:
    x = np.ones((20_000, 100), np.float32)  # 8 MB
    model = nn.Sequential(nn.Dense(100, 1, rng=0))
    trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.001))
    trainer.fit(x[:128], x[:128, :1].copy(), epochs=1)
    tracemalloc.start()
    trainer.fit(x, x[:, :1].copy(), epochs=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "got epochs=0"),
        ({"epochs": 1.5}, "got epochs=1.5"),
        ({"epochs": 1, "patience": 0}, "got patience=0"),
        ({"epochs": 1, "time_limit": 0}, "got time_limit=0, expected a finite number > 0"),
    ],
)
def test_refuses_numbers_out_of_range(arguments: dict[str, Any], message: str, trainer_of: Any, rows: Any) -> None:
    with pytest.raises(ValueError, match=message):
        trainer_of().fit(*rows(), **arguments)


def test_refuses_wrong_parts() -> None:
    model, other = nn.Sequential(nn.Dense(1, 1, rng=0)), nn.Sequential(nn.Dense(1, 1, rng=0))
    optimizer, loss = nn.SGD(model, lr=0.1), nn.MSELoss()
    with pytest.raises(ValueError, match="got batch_size=0"):
        nn.Trainer(model, loss, optimizer, batch_size=0)
    with pytest.raises(ValueError, match=r"got lr=0.1, expected a schedule or None; try constant\(0.1\)"):
        nn.Trainer(model, loss, optimizer, lr=0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got an optimizer of another model"):
        nn.Trainer(other, loss, optimizer)
    with pytest.raises(ValueError, match="got a momentum schedule for Adam"):
        nn.Trainer(model, loss, nn.Adam(model), momentum=schedules.constant(0.9))
    for name in ("loss", "average_validation_loss"):
        with pytest.raises(ValueError, match=f"got a metric named '{name}'"):
            nn.Trainer(model, loss, optimizer, metric=nn.Metric(name, "", lambda prediction, target: 0.0))
    for average in (0, 1.0, True):
        with pytest.raises(ValueError, match=f"Trainer: got average={average}, expected a finite number > 0 and < 1"):
            nn.Trainer(model, loss, optimizer, average=average)
    for clip_norm in (0, -1.0, math.inf):
        with pytest.raises(ValueError, match=f"got clip_norm={clip_norm}, expected a finite number"):
            nn.Trainer(model, loss, optimizer, clip_norm=clip_norm)


def test_its_defaults_are_those_of_its_docstring(defaults_stated: Any) -> None:
    """All others are None."""
    assert defaults_stated(nn.Trainer) == {"accumulate", "batch_size", "seed"}
    assert defaults_stated(nn.Trainer.fit) == {"keep_best"}


def test_callbacks_of_a_generator_are_called_in_every_epoch(trainer_of: Any, rows: Any) -> None:
    called: list[tuple[str, int]] = []
    callbacks = (lambda trainer, history, name=name: called.append((name, len(history))) for name in "ab")
    trainer_of().fit(*rows(), epochs=2, callbacks=callbacks)
    assert called == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_whole_weights_train_as_rows_that_stand_there_several_times() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 2)).astype(np.float32)
    y, weights = x[:, :1] - x[:, 1:], np.array([1, 3, 0, 2, 1, 1])
    trained = []
    for rows, sample_weight in ((np.arange(6), weights), (np.repeat(np.arange(6), weights), None)):
        model = nn.Sequential(nn.Dense(2, 1, rng=0))
        trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), batch_size=8)
        history = trainer.fit(x[rows], y[rows], epochs=5, sample_weight=sample_weight, keep_best=False)
        trained.append((model.layers[0].params["weight"], history.columns["loss"]))
    np.testing.assert_allclose(trained[0][0], trained[1][0], rtol=1e-5)
    np.testing.assert_allclose(trained[0][1], trained[1][1], rtol=1e-5)


def test_the_loss_of_an_epoch_is_the_weighted_mean_over_batches(trainer_of: Any, rows: Any) -> None:
    x, y = rows(20)
    weights = np.random.default_rng(0).random(20)
    trainer = trainer_of(lr=0.0)  # so that every batch meets the same weights
    expected = nn.MSELoss().forward(trainer.model.forward(x), y, weights)
    loss = trainer.fit(x, y, epochs=1, sample_weight=weights).columns["loss"][0]
    assert loss == pytest.approx(expected, rel=1e-6)


def test_a_loss_without_weights_is_told_so(trainer_of: Any, rows: Any) -> None:
    class Own(nn.Loss):
        def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
            self.slope = (prediction - target) / len(target)
            return float(np.square(prediction - target).sum() / 2 / len(target))

        def backward(self) -> np.ndarray:
            return self.take("slope")

    x, y = rows(20)
    trainer = trainer_of()
    trainer.loss = Own()
    assert trainer.fit(x, y, epochs=1).outcome is nn.Outcome.ALL_EPOCHS
    with pytest.raises(
        ValueError, match=r"fit: got sample_weight for Own\(\), expected a loss that takes weights; give"
    ):
        trainer.fit(x, y, epochs=1, sample_weight=np.ones(20))


def test_a_frozen_layer_stays_as_it_is_through_a_training(trainer_of: Any, rows: Any) -> None:
    model = nn.Sequential(nn.Dense(1, 4, rng=0), nn.Tanh(), nn.Dense(4, 1, rng=1))
    model.layers[0].frozen = True
    before = model.copy_parameters()
    trainer = nn.Trainer(model, nn.MSELoss(), nn.Adam(model, weight_decay=0.1), clip_norm=1.0, average=0.9)
    trainer.fit(*rows(20), epochs=3)
    same = [np.array_equal(w, old) for w, old in zip(model.parameters(), before, strict=True)]
    assert same == [True, True, False, False]


def test_an_optimizer_of_some_layers_trains_these(rows: Any) -> None:
    model, frozen = (nn.Sequential(nn.Dense(1, 4), nn.Tanh(), nn.Dense(4, 1), rng=0) for _ in range(2))
    before = model.copy_parameters()
    frozen[0].frozen = True
    histories = []
    for each, layers in ((model, [model[2]]), (frozen, None)):
        optimizer = nn.Adam(each, lr=0.05, weight_decay=0.1, layers=layers)
        trainer = nn.Trainer(
            each, nn.MSELoss(), optimizer, clip_norm=0.1, average=0.5, diagnose_every=2, progress=False
        )
        histories.append(trainer.fit(*rows(20), epochs=4, validation=rows(20)).columns["loss"])
    assert histories[0] == histories[1]
    for w, wanted in zip(model.parameters(), frozen.parameters(), strict=True):
        np.testing.assert_array_equal(w, wanted)
    same = [np.array_equal(w, old) for w, old in zip(model.parameters(), before, strict=True)]
    assert same == [True, True, False, False]


def test_an_optimizer_of_a_part_that_is_a_model_is_refused_with_the_way_out() -> None:
    model = nn.Sequential(nn.Dense(1, 4, rng=0), nn.Tanh(), nn.Dense(4, 1, rng=1))
    with pytest.raises(ValueError, match=r"for some of its layers as Adam\(model, layers=\[\.\.\.\]\)"):
        nn.Trainer(model, nn.MSELoss(), nn.Adam(model[2:]))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_classes_may_be_whole_numbers(dtype: type) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (100, 1)).astype(np.float32)
    classes = (x[:, 0] > 0).astype(dtype)
    model = nn.Sequential(nn.Dense(1, 2, rng=0))
    trainer = nn.Trainer(model, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.1), batch_size=25, diagnose_every=5)
    trainer.fit(x, classes, epochs=20, validation=(x, classes))
    assert np.mean(model.predict(x).argmax(axis=1) == classes) > 0.9
    with pytest.raises(ValueError, match=r"got y of int64, expected the model's float32; use y.astype"):
        nn.Trainer(model, nn.MSELoss(), nn.Adam(model)).fit(x, np.zeros((100, 2), int), epochs=1)
    wide = np.zeros((100, 3), np.float32)
    with pytest.raises(ValueError, match=r"got y of shape \(100, 3\), expected \(N, 2\) as the model's outputs"):
        trainer.fit(x, wide, epochs=1)
