"""A training that is stopped anywhere and goes on has the bits of one that was never stopped."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.optimizers import schedules
from nnscratch.training import checkpoint as checkpoint_module
from nnscratch.training.checkpoint import Checkpoint
from tests.training.small_training import After


def noisy(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return x + rng.standard_normal(x.shape, dtype=np.float32) / 10, y


def trainer_with_everything(*, shared_rng: bool = False, adam: bool = True, **changes: Any) -> nn.Trainer:
    """Convolution, dropout, augmentation, averaging, schedules, clipping, a metric."""
    rng = np.random.default_rng(5)
    model = nn.Sequential(
        nn.Conv2D(1, 4, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(36, 8, rng=rng), nn.ReLU(),
        nn.Dropout(0.4, rng=rng), nn.Dense(8, 2, rng=rng),
    )  # fmt: skip
    optimizer: Any = nn.Adam(model, weight_decay=0.01) if adam else nn.SGD(model, lr=0.01, momentum=0.9)
    arguments: dict[str, Any] = {
        "batch_size": 8, "lr": schedules.cosine(0.01, 0.001, warmup=0.3), "augment": noisy, "average": 0.9,
        "clip_norm": 0.5, "seed": rng if shared_rng else 7,
        "metric": nn.Metric("error", "", lambda y, target: float(np.nanmean(np.abs(y - target)))),
    }  # fmt: skip
    return nn.Trainer(model, nn.MSELoss(), optimizer, **arguments | changes)


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.random((28, 8, 8, 1), np.float32), rng.random((28, 2), np.float32)
    y[::5] = np.nan
    return x, y


def fit(trainer: nn.Trainer, path: Path | None = None, stop: Any = None, **changes: Any) -> nn.History:
    x, y = data()
    arguments: dict[str, Any] = {"validation": (x[:6], y[:6]), "epochs": 3, "checkpoint": path, "stop": stop}
    return trainer.fit(x, y, **arguments | changes)


def outcome(trainer: nn.Trainer, history: nn.History) -> tuple[Any, ...]:
    """Everything that must agree: weights, means, what was written down, what is drawn next."""
    columns = {name: column for name, column in history.columns.items() if "second" not in name}
    rngs = [layer.rng for layer in trainer.model.layers if isinstance(layer, nn.Dropout)]
    return (
        [w.tobytes() for w in trainer.model.parameters()],
        [mean.tobytes() for mean in trainer.optimizer.state()["means"]],
        trainer.optimizer.steps, trainer.optimizer.lr, columns, history.stopped, history.best_epoch,
        [rng.bit_generator.state for rng in (trainer.rng, *rngs)],
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed() -> Callable[..., tuple[Any, ...]]:
    known: dict[str, tuple[Any, ...]] = {}

    def result(**changes: Any) -> tuple[Any, ...]:
        name = repr(changes)
        if name not in known:
            trainer = trainer_with_everything(**changes)
            known[name] = outcome(trainer, fit(trainer))
        return known[name]

    return result


@pytest.mark.parametrize("questions", range(15))
def test_stopped_between_any_two_steps_it_goes_on_bit_for_bit(questions: int, tmp_path: Path, undisturbed: Any) -> None:
    path = tmp_path / "run.npz"
    first = fit(trainer_with_everything(), path, After(questions))
    assert first.outcome is nn.Outcome.INTERRUPTED
    trainer = trainer_with_everything()
    assert outcome(trainer, fit(trainer, path)) == undisturbed()


@pytest.mark.parametrize(
    "changes", [{"shared_rng": True}, {"adam": False}, {"augment": None}, {"average": None}], ids=repr
)
def test_stopped_again_and_again(changes: dict[str, Any], tmp_path: Path, undisturbed: Any) -> None:
    path = tmp_path / "run.npz"
    for _ in range(6):
        assert fit(trainer_with_everything(**changes), path, After(2)).outcome is nn.Outcome.INTERRUPTED
    trainer = trainer_with_everything(**changes)
    history = fit(trainer, path)
    assert outcome(trainer, history) == undisturbed(**changes)


@pytest.mark.parametrize("threads", [(1, 2), (2, 1), (2, 3)])
def test_on_another_number_of_threads(threads: tuple[int, int], tmp_path: Path, undisturbed: Any) -> None:
    path = tmp_path / "run.npz"
    try:
        nn.set_threads(threads[0])
        fit(trainer_with_everything(), path, After(7))
        nn.set_threads(threads[1])
        trainer = trainer_with_everything()
        assert outcome(trainer, fit(trainer, path)) == undisturbed()
    finally:
        nn.set_threads(None)


def test_a_finished_training_is_there_at_once(tmp_path: Path, undisturbed: Any) -> None:
    path = tmp_path / "run.npz"
    fit(trainer_with_everything(), path)
    trainer = trainer_with_everything()
    steps = trainer.optimizer.steps
    written = path.read_bytes()
    history = fit(trainer, path, After(0))
    assert steps == 0
    assert history.outcome is nn.Outcome.ALL_EPOCHS
    assert outcome(trainer, history) == undisturbed()
    assert path.read_bytes() == written


def test_a_kill_loses_nothing_but_the_steps_since_the_last_checkpoint(tmp_path: Path, undisturbed: Any) -> None:
    class Killed(BaseException):
        pass

    def kill(trainer: nn.Trainer, history: nn.History) -> None:
        if len(history) == 2:
            raise Killed  # after the epoch, before its checkpoint

    path = tmp_path / "run.npz"
    with pytest.raises(Killed):
        fit(trainer_with_everything(), path, callbacks=[kill])
    trainer = trainer_with_everything()
    seen: list[int] = []
    history = fit(trainer, path, callbacks=[lambda trainer, history: seen.append(len(history))])
    assert seen == [2, 3]
    assert outcome(trainer, history) == undisturbed()


def test_a_long_epoch_is_saved_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    monkeypatch.setattr(checkpoint_module, "EVERY", 0.0)
    monkeypatch.setattr(Checkpoint, "save", lambda self, state: saved.append(state["place"]["batches"]))
    fit(trainer_with_everything(), tmp_path / "run.npz", epochs=1)
    assert saved == [0, 1, 2, 3, 4, 0]


def test_the_best_epoch_before_the_stop_is_kept(tmp_path: Path, trainer_of: Any, rows: Any, given_scores: Any) -> None:
    x, y = rows()

    def run(scores: list[float], stop: Any) -> tuple[float, nn.History]:
        trainer = trainer_of(metric=given_scores(*scores))
        history = trainer.fit(x, y, validation=(x, y), epochs=3, checkpoint=tmp_path / "run.npz", stop=stop)
        return trainer.weight, history

    best, _ = run([1.0, 5.0], After(8))  # stopped in the third epoch: the first one's weights
    weight, history = run([6.0], None)
    assert history.best_epoch == 1
    assert weight == best


def test_ctrl_c_ends_after_the_batch_and_is_saved(tmp_path: Path, undisturbed: Any) -> None:
    import signal

    path, trainer = tmp_path / "run.npz", trainer_with_everything()
    step, steps = trainer.optimizer.step, itertools.count(1)

    def interrupted_step() -> None:
        if next(steps) == 6:
            signal.raise_signal(signal.SIGINT)  # in the middle of a step
        step()

    trainer.optimizer.step = interrupted_step  # type: ignore[method-assign]
    history = fit(trainer, path)
    assert history.outcome is nn.Outcome.INTERRUPTED
    assert trainer.optimizer.steps == 6
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = trainer_with_everything()
    assert outcome(again, fit(again, path)) == undisturbed()


def test_a_training_that_diverges_keeps_the_last_good_state(tmp_path: Path, trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    path, poison = tmp_path / "run.npz", x.copy()
    trainer = trainer_of()

    def spoil(trainer: Any, history: nn.History) -> None:
        if len(history) == 2:
            trainer.dense.params["weight"][:] = np.inf

    history = trainer.fit(poison, y, epochs=5, checkpoint=path, callbacks=[spoil])
    assert history.outcome is nn.Outcome.DIVERGED
    assert "'weight' in layer 1" in history.stopped
    assert len(history) == 2
    assert np.isfinite(trainer.weight)
    again = trainer_of()
    assert len(again.fit(x, y, epochs=5, checkpoint=path)) == 5  # from the state after the first epoch


def thawing(trainer: nn.Trainer, history: nn.History) -> None:
    trainer.model.layers[0].frozen = len(history) < 2


def test_layers_that_thaw_on_the_way_are_as_they_were(tmp_path: Path) -> None:
    results = []
    for stops in ([], [6], [3, 5]):
        path = tmp_path / f"{len(stops)}.npz"
        for stop in [*stops, 99]:
            trainer = trainer_with_everything()
            trainer.model.layers[0].frozen = True
            history = fit(trainer, path, After(stop), callbacks=[thawing], epochs=4)
        results.append((outcome(trainer, history), [layer.frozen for layer in trainer.model.layers]))
        results[-1][0][0].append(trainer.optimizer.state()["steps_of_parameters"])
    assert results[0] == results[1] == results[2]
    assert results[0][0][0][-1] == [8, 8, 16, 16, 16, 16]
    assert not any(results[0][1])


def test_weights_are_those_of_the_rows_after_a_stop(tmp_path: Path) -> None:
    results = []
    weights = np.random.default_rng(3).random(28)
    for stop in (99, 6):
        path = tmp_path / f"{stop}.npz"
        fit(trainer_with_everything(), path, After(stop), sample_weight=weights)
        trainer = trainer_with_everything()
        results.append(outcome(trainer, fit(trainer, path, sample_weight=weights)))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "change",
    [
        "frozen", "frozen as text", "parameters", "average", "best", "place", "epoch", "history", "rngs",
        "clock", "clock before its first batch", "clock behind the end", "clock of half an image",
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_changes_nothing(change: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    trainer = trainer_with_everything()
    fit(trainer, path, After(7))
    kept: dict[str, Any] = {}
    load = Checkpoint.load

    def damaged_load(self: Checkpoint) -> Any:
        state = load(self)
        assert state is not None
        damage = {
            "parameters": [w[..., :1] for w in state["parameters"]],
            "average": state["average"] | {"updates": -1},
            "best": state["best"] | {"parameters": state["best"]["parameters"][1:]},
            "place": state["place"] | {"batches": 99},
            "epoch": state["epoch"] | {"images": 3},
            "clock": state["clock"] | {"seconds": float("nan")},
            "clock before its first batch": state["clock"] | {"seconds": 1.0, "first_batch": 2.0},
            "clock behind the end": state["clock"] | {"images": 1_000_000},
            "clock of half an image": state["clock"] | {"images": 0.5},
            "history": state["history"] | {"lines": state["history"]["lines"] * 2},
            "rngs": [{"bit_generator": "MT19937"}],
            "frozen": state["frozen"][1:],
            "frozen as text": ["yes"] * len(state["frozen"]),
        }
        return kept | state | {change.split()[0]: damage[change]}

    again = trainer_with_everything()
    before = outcome(again, nn.History(["epoch"], score="epoch"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "load", damaged_load)
        with pytest.raises(ValueError, match="damaged checkpoint"):
            fit(again, path)
    assert outcome(again, nn.History(["epoch"], score="epoch")) == before


@pytest.mark.parametrize(("steps", "claimed"), [(None, None), (7, "ALL_EPOCHS")])
def test_all_epochs_are_done_if_and_only_if_the_file_says_so(
    steps: int | None, claimed: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a training would go on beyond its last epoch, for ever, or end before it."""
    path = tmp_path / "run.npz"
    fit(trainer_with_everything(), path, After(steps) if steps else None)
    load = Checkpoint.load

    def damaged_load(self: Checkpoint) -> Any:
        state = load(self)
        assert state is not None
        return state | {"history": state["history"] | {"outcome": claimed}}

    monkeypatch.setattr(Checkpoint, "load", damaged_load)
    with pytest.raises(ValueError, match="damaged checkpoint"):
        fit(trainer_with_everything(), path, After(20))


def test_another_thread_asks(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    history = fit(trainer_with_everything(), tmp_path / "run.npz", stop)
    assert history.outcome is nn.Outcome.INTERRUPTED
    assert len(history) == 0
    assert (tmp_path / "run.npz").exists()
