"""Stream: batches in their own order, epochs of one pass or of a number of batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def batches(sizes: tuple[int, ...] = (8, 8, 4)) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    drawn = [rng.uniform(-1, 1, (size, 1)).astype(np.float32) for size in sizes]
    return [(x, 2 * x) for x in drawn]


def generator() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield from batches()


class Overwritten:
    """A stream that uses its arrays again for the next batch."""

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        kept = np.empty((8, 1), np.float32), np.empty((8, 1), np.float32)
        for batch in batches():
            for array, out in zip(batch, kept, strict=True):
                out[: len(array)] = array
            yield kept[0][: len(batch[0])], kept[1][: len(batch[0])]


@pytest.mark.parametrize(
    "source", [generator, batches(), batches, Overwritten()], ids=["function", "list", "maker", "own"]
)
def test_an_epoch_is_one_pass_in_the_order_of_the_stream(source: Any, trainer_of: Any) -> None:
    trainer, by_hand = trainer_of(), trainer_of()
    history = trainer.fit(nn.Stream(source), epochs=2, keep_best=False)
    for x, y in batches() * 2:
        by_hand.loss.forward(by_hand.model.forward(x, training=True), y)
        by_hand.model.backward(by_hand.loss.backward())
        by_hand.optimizer.step()
    assert trainer.weight == by_hand.weight
    assert history.columns["images"] == [20, 20]
    assert history.stopped == "all 2 epochs done"
    assert history.shuffled is None


@pytest.mark.parametrize("source", [generator, batches()], ids=["function", "list"])
def test_epochs_of_a_number_of_batches_go_over_the_ends_of_passes(source: Any, trainer_of: Any) -> None:
    history = trainer_of().fit(nn.Stream(source, per_epoch=2), epochs=3)
    assert history.columns["images"] == [16, 12, 12]  # 8 8 | 4 8 | 8 4


def test_a_generator_that_was_begun_is_enough_for_one_epoch_or_by_count(trainer_of: Any) -> None:
    assert trainer_of().fit(nn.Stream(generator()), epochs=1).columns["images"] == [20]
    assert trainer_of().fit(nn.Stream(generator(), per_epoch=1), epochs=3).columns["images"] == [8, 8, 4]
    with pytest.raises(
        ValueError, match="a generator, which gives its batches once, for 2 epochs, expected a function"
    ):
        trainer_of().fit(nn.Stream(generator()), epochs=2)
    with pytest.raises(ValueError, match="a Stream that ended after 1 batches of an epoch, expected more; pass a func"):
        trainer_of().fit(nn.Stream(generator(), per_epoch=2), epochs=2)


def test_schedules_see_the_steps_if_they_are_counted(trainer_of: Any) -> None:
    seen: list[float] = []
    trainer = trainer_of(lr=lambda progress: seen.append(progress) or 0.1)
    with pytest.raises(ValueError, match=r"a schedule of progress with a Stream.*Stream\(batches, per_epoch=N\)"):
        trainer.fit(nn.Stream(generator), epochs=2)
    trainer.fit(nn.Stream(generator, per_epoch=3), epochs=2)
    assert seen[-6:] == [k / 5 for k in range(6)]


def test_it_stops_in_the_middle(trainer_of: Any) -> None:
    history = trainer_of().fit(nn.Stream(generator), epochs=9, time_limit=1e-9)
    assert (history.outcome, history.columns["images"]) == (nn.Outcome.TIME_LIMIT, [8])


def test_it_can_be_augmented_weighted_and_validated(trainer_of: Any, rows: Any) -> None:
    weighted = [(x, y, np.ones(len(x))) for x, y in batches()]
    trainer = trainer_of(augment=lambda x, y, rng: (x * 1, y))
    history = trainer.fit(nn.Stream(weighted), epochs=2, validation=nn.Stream(batches))
    expected = nn.MSELoss().forward(
        *[np.concatenate(part) for part in zip(*[(trainer.model.predict(x), y) for x, y in batches()], strict=True)]
    )
    assert min(history.columns["validation_loss"]) == pytest.approx(expected, rel=1e-6)
    assert trainer_of().fit(nn.Stream(batches), epochs=1, validation=rows()).columns["validation_loss"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checkpoint": "run.npz"}, "got a checkpoint for a Stream, expected rows: nobody can go on in the middle"),
        ({"y": np.ones((3, 1), np.float32)}, "got y beside a Stream, expected a Stream alone"),
        ({"validation": nn.Stream(generator())}, "got a generator as validation"),
        ({"sample_weight": np.ones(3)}, "got sample_weight beside a Stream"),
    ],
)
def test_what_a_stream_cannot_do(arguments: dict[str, Any], message: str, trainer_of: Any) -> None:
    with pytest.raises(ValueError, match=f"fit: {message}"):
        trainer_of().fit(nn.Stream(generator), epochs=1, **arguments)


def test_it_cannot_be_diagnosed_in_between(trainer_of: Any) -> None:
    with pytest.raises(ValueError, match="fit: got a Stream with diagnose_every"):
        trainer_of(diagnose_every=1).fit(nn.Stream(generator), epochs=1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "Stream: got batches of type int, expected a function"),
        (None, "Stream: got batches of type NoneType"),
        ("text", "Stream: got batches of type str"),
        (dict, "Stream: got batches of type type"),
        (np.ones((4, 2)), "Stream: got batches of type ndarray"),
        ([], "fit: got a Stream that ended after 0 batches of an epoch, expected more; look at"),
        (lambda: None, "Stream: got NoneType from the function, expected something to loop over"),
        ([1], "fit: got a Stream with a batch of type int|fit: got a Stream with"),
        ([(np.ones((2, 1)), np.ones((2, 1)))], "fit: got a Stream with x of float64, expected the model's float32"),
        ([(np.ones((2, 1), np.float32), np.ones((2, 3), np.float32))], "fit: got y of shape"),
    ],
)
def test_wrong_streams(source: Any, message: str) -> None:
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    with pytest.raises(ValueError, match=message.replace("a Stream with", "[aA] Stream with")):
        nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1)).fit(nn.Stream(source), epochs=1)


def test_a_per_epoch_below_1() -> None:
    with pytest.raises(ValueError, match="Stream: got per_epoch=0"):
        nn.Stream(generator, per_epoch=0)


@pytest.mark.parametrize("plain", [generator, generator(), batches()], ids=["function", "generator", "list"])
def test_fit_names_the_way(plain: Any, trainer_of: Any) -> None:
    with pytest.raises(ValueError, match=r"without y, expected .*; write nn.Stream\(...\) around it"):
        trainer_of().fit(plain, epochs=1)


def test_an_error_of_the_stream_is_raised_as_it_is(trainer_of: Any) -> None:
    def breaks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield batches()[0]
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        trainer_of().fit(nn.Stream(breaks), epochs=1)
