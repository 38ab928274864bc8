"""One fit on several ranks, which are threads here: the numbers of one process, and one decision
for all. With MPI's processes: test_all_ranks.py.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.checks import NotFiniteError
from nnscratch.history import Outcome
from tests.training.communicators import Aborted, ThreadCommunicator, on_ranks
from tests.training.small_training import VALIDATION, WEIGHTS, After, Trained, X, Y, noisy, noisy_rows


def together(size: int, **arguments: Any) -> list[Any]:
    """The same training on every rank; an argument "on" is a dict from a rank to its arguments."""
    on = arguments.pop("on", {})
    return on_ranks(size, lambda communicator: Trained(communicator, **arguments | on.get(communicator.Get_rank(), {})))


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize(
    "arguments",
    [
        {},  # a ragged last batch: 37 = 4 * 8 + 5
        {"batch_size": 3},  # on four ranks, one has no row
        {"batch_size": 36},  # the last batch is one row
        {"sample_weight": WEIGHTS},
        {"clip_norm": 0.05},
        {"average": 0.9, "validation": VALIDATION},
        {"validation": tuple(array[:3] for array in VALIDATION)},  # fewer rows than ranks
        {"optimizer": lambda model: nn.Adam(model, lr=0.01, weight_decay=0.1)},
        {"lr": nn.schedules.cosine(0.1, 0.0, warmup=0.3)},
        {"dropout": 0.5},
        {"augment": noisy},
        {"augment": noisy_rows, "dropout": 0.5},
    ],
    ids=lambda arguments: " ".join(arguments) or "plain",
)
def test_the_numbers_of_one_process(arguments: dict[str, Any], size: int) -> None:
    one = Trained(**arguments)
    ranks = together(size, **arguments)
    for each in ranks:
        assert each.difference(one) < 1e-10
        assert each.history.stopped == one.history.stopped
        assert each.history.best_epoch == one.history.best_epoch
        assert each.history.columns == ranks[0].history.columns  # the times too
        assert each.history.columns["images"] == [37] * 4
        assert all(np.array_equal(w, v) for w, v in zip(each.weights, ranks[0].weights, strict=True))


def test_float32_is_as_near_as_its_rounding() -> None:
    one = Trained(dtype=np.float32)
    for each in together(3, dtype=np.float32):
        assert 0 <= each.difference(one) < 1e-6


def test_batches_without_a_label_move_nothing() -> None:
    y = np.full_like(Y, np.nan)
    y[0] = Y[0]
    for each in together(2, y=y, batch_size=1, optimizer=lambda model: nn.SGD(model, lr=0.1)):
        assert each.difference(Trained(y=y, batch_size=1, optimizer=lambda model: nn.SGD(model, lr=0.1))) < 1e-10


def test_a_frozen_layer_stays() -> None:
    def frozen(model: nn.Sequential) -> nn.SGD:
        model.layers[0].frozen = True
        return nn.SGD(model, lr=0.1)

    one = Trained(optimizer=frozen)
    for each in together(2, optimizer=frozen):
        assert each.difference(one) < 1e-10


def test_a_custom_loss_counts_rows() -> None:
    class L1(nn.Loss):
        def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
            error = np.nan_to_num(prediction - target)
            self.slope = np.sign(error) / error.size
            return float(np.abs(error).mean())

        def backward(self) -> np.ndarray:
            slope: np.ndarray = self.take("slope")
            return slope

    def train(communicator: Any) -> list[np.ndarray]:
        model = nn.Sequential(nn.Dense(6, 3, rng=0)).astype(np.float64)
        nn.Trainer(model, L1(), nn.SGD(model, lr=0.1), batch_size=5, communicator=communicator).fit(X, Y, epochs=2)
        return model.copy_parameters()

    one = train(None)
    for each in on_ranks(3, train):
        assert all(np.abs(w - v).max() < 1e-10 for w, v in zip(each, one, strict=True))


def test_one_rank_is_like_no_communicator() -> None:
    def train(communicator: ThreadCommunicator) -> list[str]:
        assert Trained(communicator, dropout=0.5).difference(Trained(dropout=0.5)) == 0
        return communicator.calls

    assert on_ranks(1, train) == [[]]


def test_an_epoch_has_one_sum_per_step_and_a_handful_of_messages() -> None:
    def train(communicator: ThreadCommunicator, epochs: int) -> list[str]:
        Trained(communicator, epochs=epochs)
        return communicator.calls

    one, two = (on_ranks(2, lambda c, epochs=epochs: train(c, epochs))[0] for epochs in (1, 2))
    assert sum("Allreduce" in call for call in one) == 5  # batches
    assert len(two) - len(one) <= 5 + 5


@pytest.mark.parametrize(
    ("own", "what"),
    [
        ({"batch_size": 4}, "batch_size 4, expected 8"),
        ({"epochs": 3}, "epochs 3, expected 4"),
        ({"seed": 1}, "seed 1, expected 0"),
        ({"x": X[:30], "y": Y[:30]}, "rows (30, 6)"),
        ({"x": X + 1e-9}, "rows (37, 6)"),
        ({"weight": 1e-6}, "weights"),
        ({"dtype": np.float32}, "float32"),
        ({"validation": VALIDATION}, "validation rows"),
        ({"seed": np.random.default_rng(5)}, "seed"),
        ({"x": np.where(X > 0.9, np.nan, X)}, "NaN"),
        ({"checkpoint": "no/such/folder/state.npz"}, ""),
    ],
)
def test_a_rank_that_differs_is_named_on_all(own: dict[str, Any], what: str) -> None:
    ends = together(3, on={1: own})
    if "checkpoint" in own:  # rank 0's counts
        assert all(isinstance(end, Trained) for end in ends)
        return
    for rank in (0, 2):
        assert isinstance(ends[rank], ValueError), ends
        assert str(ends[rank]).startswith("rank 1: fit: got ")
        assert what in str(ends[rank])
        assert "\n" not in str(ends[rank])
    assert isinstance(ends[1], ValueError)
    assert what in str(ends[1])


def test_what_is_wrong_on_all_ranks_is_said_as_by_one() -> None:
    for end in together(3, epochs=0):
        assert isinstance(end, ValueError)
        assert str(end).startswith("fit: got epochs=0")


def test_a_missing_folder_for_the_checkpoint_is_an_error_of_all(tmp_path: Path) -> None:
    for end in together(2, checkpoint=tmp_path / "none" / "state.npz"):
        assert isinstance(end, FileNotFoundError)


def test_divergence_of_one_rank_ends_all() -> None:
    x = X.astype(np.float64).copy()
    x[20] = 1e200  # in the share of one rank
    ends = together(3, x=x, optimizer=lambda model: nn.SGD(model, lr=1e150))
    assert {end.history.outcome for end in ends} == {Outcome.DIVERGED}
    assert len({end.history.stopped for end in ends}) == 1
    assert all(end.difference(ends[0]) == 0 for end in ends)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_stop_on_one_rank_ends_all_after_the_same_batch(rank: int, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    ends = together(2, on={rank: {"stop": stop}})
    assert {end.history.outcome for end in ends} == {Outcome.INTERRUPTED}
    assert {len(end.history) for end in ends} == {0}

    class Later:
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 7

    ends = together(2, on={rank: {"stop": Later()}}, keep_best=False)
    assert [end.history.stopped for end in ends] == ["interrupted by the user"] * 2
    assert ends[0].difference(ends[1]) == 0
    assert 0 < len(ends[0].history) < 4


def test_a_reason_of_one_rank_ends_all() -> None:
    ends = together(3, on={2: {"callbacks": [lambda trainer, history: "enough" if len(history) == 2 else None]}})
    assert [(end.history.outcome, end.history.stopped) for end in ends] == [(Outcome.ASKED, "enough")] * 3


def test_patience_and_time_limit_end_all_alike() -> None:
    ends = together(2, validation=VALIDATION, patience=1, epochs=50, optimizer=lambda model: nn.SGD(model, lr=0.9))
    assert {end.history.outcome for end in ends} == {Outcome.NO_BETTER}
    assert ends[0].history.columns == ends[1].history.columns
    # Rank 0's limit counts; rank 1 has none, and each rank sleeps in epochs of its own.
    slow = [lambda trainer, history: time.sleep(0.02)]
    ends = together(2, epochs=10_000, on={0: {"time_limit": 0.2}, 1: {"callbacks": slow}})
    assert {end.history.outcome for end in ends} == {Outcome.TIME_LIMIT}
    assert ends[0].history.columns == ends[1].history.columns
    assert ends[0].difference(ends[1]) == 0


def test_a_metric_that_fails_on_one_rank_fails_on_all() -> None:
    def fail(prediction: np.ndarray, target: np.ndarray) -> float:
        raise RuntimeError("no metric today")

    good = nn.Metric("score", "", lambda prediction, target: 1.0)
    ends = on_ranks(
        2,
        lambda c: Trained(c, validation=VALIDATION, metric=nn.Metric("score", "", fail) if c.Get_rank() else good),
    )
    assert all(isinstance(end, ValueError) for end in ends)  # they differ, and that is found first
    ends = together(2, validation=VALIDATION, metric=nn.Metric("score", "", fail))
    assert [str(end) for end in ends] == ["no metric today"] * 2
    assert all(isinstance(end, RuntimeError) for end in ends)


def test_an_error_of_one_rank_alone_ends_all_with_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(trainer: nn.Trainer, history: nn.History) -> None:
        raise RuntimeError("no space\nleft")

    ends = together(3, on={1: {"callbacks": [fail]}})
    assert all(isinstance(end, Aborted) for end in ends)
    (line,) = capfd.readouterr().err.splitlines()
    assert line == r"rank 1 of 3: RuntimeError: no space\nleft; all ranks end, and the last checkpoint stays"


def test_nan_in_a_callback_of_one_rank_ends_all(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(trainer: nn.Trainer, history: nn.History) -> None:
        raise NotFiniteError("nan")

    ends = together(2, on={1: {"callbacks": [fail]}})
    assert all(isinstance(end, Aborted) for end in ends)
    assert capfd.readouterr().err.startswith("rank 1 of 2: NotFiniteError: nan; all ranks end")


def test_weights_that_overflow_when_a_checkpoint_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnscratch.training import checkpoint

    monkeypatch.setattr(checkpoint, "EVERY", 0.0)

    class Leap(nn.SGD):
        def step(self) -> None:
            super().step()
            if self.steps == 3:
                self.model.parameters()[0][0, 0] = np.inf

    ends = together(2, checkpoint=tmp_path / "state.npz", optimizer=lambda model: Leap(model, lr=0.1))
    assert {end.history.outcome for end in ends} == {Outcome.DIVERGED}
    assert len({end.history.stopped for end in ends}) == 1


def test_a_second_ctrl_c_ends_all(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(trainer: nn.Trainer, history: nn.History) -> None:
        raise KeyboardInterrupt

    ends = together(2, on={1: {"callbacks": [fail]}})
    assert all(isinstance(end, Aborted) for end in ends)
    assert capfd.readouterr().err.startswith("rank 1 of 2: KeyboardInterrupt; all ranks end")


def test_a_callback_that_changes_one_rank_only_is_noticed() -> None:
    def change(trainer: nn.Trainer, history: nn.History) -> None:
        trainer.model.layers[0].params["bias"] += 0.5

    ends = together(3, on={2: {"callbacks": [change]}})
    assert all(isinstance(end, ValueError) for end in ends)
    assert {str(end) for end in ends} == {
        "fit: got on rank 2 other weights than on rank 0, expected the same; let callbacks change the model on every "
        "rank alike"
    }
    alike = together(3, callbacks=[change])
    assert all(end.difference(Trained(callbacks=[change])) < 1e-10 for end in alike)


def test_only_rank_0_shows_progress(capfd: pytest.CaptureFixture[str]) -> None:
    together(3, progress=True)
    error = capfd.readouterr().err
    assert "epoch 4/4" in error
    assert error.count("\n") == 1  # one bar that was left


@pytest.mark.parametrize(("before", "behind"), [(1, 2), (2, 4), (4, 1), (2, 2)])
def test_a_checkpoint_goes_on_with_another_number_of_ranks(before: int, behind: int, tmp_path: Path) -> None:
    how: dict[str, Any] = {
        "dropout": 0.5, "augment": noisy_rows, "average": 0.9, "validation": VALIDATION,
        "lr": nn.schedules.cosine(0.1, 0.0),
    }  # fmt: skip
    path = tmp_path / "state.npz"
    for end in together(before, **how, checkpoint=path, on={0: {"stop": After(9)}}):
        assert end.history.outcome is Outcome.INTERRUPTED
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state.npz", "state.previous.npz"]
    one = Trained(**how)
    for end in together(behind, **how, checkpoint=path):
        assert end.history.outcome is Outcome.ALL_EPOCHS
        assert end.difference(one) < 1e-10


def test_a_damaged_or_strange_checkpoint_is_an_error_of_all(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    together(2, checkpoint=path)
    for end in together(2, checkpoint=path, batch_size=4):
        assert isinstance(end, ValueError)
        assert "batch_size 8, expected 4" in str(end)
    path.write_bytes(b"nothing")
    (tmp_path / "state.previous.npz").unlink()
    for end in together(2, checkpoint=path):
        assert isinstance(end, ValueError)
        assert "damaged" in str(end)


def test_only_the_first_rank_writes_when_a_checkpoint_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnscratch.training import checkpoint

    monkeypatch.setattr(checkpoint, "EVERY", 0.0)  # after every batch
    one = Trained()
    for end in together(3, on={0: {"checkpoint": tmp_path / "a.npz"}, 1: {"checkpoint": tmp_path / "b.npz"}}):
        assert end.difference(one) < 1e-10
    assert {file.name for file in tmp_path.iterdir()} == {"a.npz", "a.previous.npz"}


def test_a_second_fit_goes_on() -> None:
    def twice(communicator: Any) -> list[np.ndarray]:
        first = Trained(communicator, epochs=1)
        first.trainer.fit(X, Y, epochs=2)
        return first.trainer.model.copy_parameters()

    one = twice(None)
    for each in on_ranks(2, twice):
        assert all(np.abs(w - v).max() < 1e-10 for w, v in zip(each, one, strict=True))


def test_diagnoses_are_rank_0s() -> None:
    one = Trained(diagnose_every=2, dropout=0.3)
    for each in together(2, diagnose_every=2, dropout=0.3):
        assert each.history.warnings == one.history.warnings
        assert each.difference(one) < 1e-10


def test_a_layer_whose_gradients_are_read_only() -> None:
    class Scale(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.params["weight"] = np.ones(6)

        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            self.x = x
            return x * self.params["weight"]

        def backward(self, dy: np.ndarray) -> np.ndarray:
            gradient = (dy * self.x).sum(axis=0)
            gradient.flags.writeable = False
            self.grads["weight"] = gradient
            return dy * self.params["weight"]

    def train(communicator: Any) -> list[np.ndarray]:
        model = nn.Sequential(Scale(), nn.Dense(6, 3, rng=0).astype(np.float64))
        optimizer = nn.SGD(model, lr=0.1)
        nn.Trainer(model, nn.MSELoss(), optimizer, batch_size=5, communicator=communicator).fit(X, Y, epochs=2)
        return model.copy_parameters()

    one = train(None)
    for each in on_ranks(3, train):
        assert all(np.abs(w - v).max() < 1e-10 for w, v in zip(each, one, strict=True))


def test_a_checkpoint_that_does_not_fit_is_an_error_of_all(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    together(2, checkpoint=path, on={0: {"stop": After(9)}})
    with np.load(path) as file:
        text = str(file["state"])
        arrays = {name: file[name] for name in file.files if name != "state"}
    assert '"images": ' in text
    np.savez(path, state=np.array(text.replace('"batches": ', '"batches": 9')), **arrays)
    for end in together(2, checkpoint=path):
        assert isinstance(end, ValueError), end
        assert "damaged" in str(end)
