"""Rows: converted batch by batch, they train to the bits of the same rows in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from tests.training.small_training import After

COUNT = 30


class Files:
    """A file per row, read when a batch needs it."""

    def __init__(self, folder: Path, x: np.ndarray, y: np.ndarray) -> None:
        self.paths, self.y = [], y
        for k, row in enumerate(x):
            self.paths.append(folder / f"{k}.npy")
            np.save(self.paths[-1], row)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return convert(np.stack([np.load(self.paths[k]) for k in indices]), self.y[indices])


def convert(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.float32(x) / 255, np.float32(y)


def data() -> tuple[np.ndarray, np.ndarray]:
    """Bytes, and float64 labels of which some are missing."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (COUNT, 6), dtype=np.uint8)
    y = x[:, :2] / 512.0
    y[::7] = np.nan
    return x, y


def trainer(**changes: Any) -> nn.Trainer:
    model = nn.Sequential(nn.Dense(6, 8, rng=0), nn.Tanh(), nn.Dropout(0.3, rng=4), nn.Dense(8, 2, rng=1))
    metric = nn.Metric("error", "", lambda y, target: float(np.nanmean(np.abs(y - target))))
    arguments: dict[str, Any] = {"batch_size": 8, "metric": metric, "lr": nn.schedules.linear(0.02, 0.01)}
    return nn.Trainer(model, nn.MSELoss(), nn.Adam(model), **arguments | changes)


def outcome(trainer: nn.Trainer, history: nn.History) -> tuple[Any, ...]:
    columns = {name: column for name, column in history.columns.items() if "second" not in name}
    return [w.tobytes() for w in trainer.model.parameters()], columns, trainer.rng.bit_generator.state


def noisy(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return x + rng.standard_normal(x.shape, dtype=np.float32) / 10, y


@pytest.mark.parametrize("kind", ["bytes", "memmap", "files"])
@pytest.mark.parametrize("augment", [None, noisy])
@pytest.mark.parametrize("threads", [1, 2])
def test_any_kind_has_the_bits_of_arrays(kind: str, augment: Any, threads: int, tmp_path: Path) -> None:
    x, y = data()
    in_memory = convert(x, y)
    np.save(tmp_path / "x.npy", x)
    source: Any = {
        "bytes": lambda: nn.Rows(x, y, convert),
        "memmap": lambda: nn.Rows(np.load(tmp_path / "x.npy", mmap_mode="r"), y, convert),
        "files": lambda: Files(tmp_path, x, y),
    }[kind]()
    nn.set_threads(threads)
    try:
        expected, actual = trainer(augment=augment), trainer(augment=augment)
        first = expected.fit(*in_memory, validation=in_memory, epochs=3)
        second = actual.fit(source, validation=source, epochs=3)
    finally:
        nn.set_threads(None)
    assert outcome(actual, second) == outcome(expected, first)


def test_weights_of_rows_count_as_those_of_arrays() -> None:
    x, y = data()
    weights = np.random.default_rng(1).random(COUNT)
    first, second = trainer(metric=None), trainer(metric=None)
    arrays = first.fit(*convert(x, y), sample_weight=weights, epochs=2)
    assert outcome(second, second.fit(nn.Rows(x, y, convert, sample_weight=weights), epochs=2)) == outcome(
        first, arrays
    )


@pytest.mark.parametrize("questions", [0, 2, 4, 7])
@pytest.mark.parametrize("kind", ["bytes", "files"])
def test_it_goes_on_from_a_checkpoint_bit_for_bit(questions: int, kind: str, tmp_path: Path) -> None:
    x, y = data()
    source: Any = nn.Rows(x, y, convert) if kind == "bytes" else Files(tmp_path, x, y)
    undisturbed, path = trainer(), tmp_path / "run.npz"
    expected = outcome(undisturbed, undisturbed.fit(source, validation=source, epochs=2))
    stopped = trainer().fit(source, validation=source, epochs=2, checkpoint=path, stop=After(questions))
    assert stopped.outcome is nn.Outcome.INTERRUPTED
    again = trainer()
    assert outcome(again, again.fit(source, validation=source, epochs=2, checkpoint=path)) == expected


def test_an_array_of_paths_is_read_by_convert(tmp_path: Path) -> None:
    x, y = data()
    paths = Files(tmp_path, x, y).paths

    def read(paths: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return convert(np.stack([np.load(path) for path in paths]), y)

    expected, actual = trainer(), trainer()
    first = expected.fit(*convert(x, y), validation=convert(x, y), epochs=2)
    rows = nn.Rows(np.array(paths), y, read)
    second = actual.fit(rows, validation=rows, epochs=2, checkpoint=tmp_path / "run.npz")
    assert outcome(actual, second) == outcome(expected, first)
    other = nn.Rows(np.array([*paths[1:], paths[0]]), y, read)
    with pytest.raises(ValueError, match="got the checkpoint of another training, with rows"):
        trainer().fit(other, validation=rows, epochs=2, checkpoint=tmp_path / "run.npz")


@pytest.mark.parametrize("change", ["pixel", "convert", "count"])
def test_a_checkpoint_of_other_rows_is_refused(change: str, tmp_path: Path) -> None:
    x, y = data()
    trainer(metric=None).fit(nn.Rows(x, y, convert), epochs=1, checkpoint=tmp_path / "run.npz")
    if change == "pixel":
        x = x.copy()
        x[7, 3] ^= 1
    other = nn.Rows(x, y, lambda x, y: (np.float32(x) / 256, np.float32(y))) if change == "convert" else None
    rows = other or (nn.Rows(x[:-1], y[:-1], convert) if change == "count" else nn.Rows(x, y, convert))
    with pytest.raises(ValueError, match="got the checkpoint of another training, with rows"):
        trainer(metric=None).fit(rows, epochs=1, checkpoint=tmp_path / "run.npz")


def test_it_can_be_diagnosed() -> None:
    x, y = data()
    history = trainer(metric=None, diagnose_every=1).fit(
        nn.Rows(x, y, lambda x, y: (np.float32(x), np.float32(y))), epochs=1
    )
    assert any("input_unscaled" in line for line in history.warnings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x, y: nn.Rows(x.tolist(), y), "Rows: got x of type list, expected an array"),
        (lambda x, y: nn.Rows(x, None), "Rows: got y of type NoneType"),
        (lambda x, y: nn.Rows(x, y[:-1]), "Rows: got 30 rows of x and 29 of y"),
        (lambda x, y: nn.Rows(x[:0], y[:0]), "Rows: got 0 rows of x and 0 of y"),
        (lambda x, y: nn.Rows(np.array(1), y), "Rows: got an array without an axis"),
        (lambda x, y: nn.Rows(x, y, 255), "Rows: got convert=255, expected a function"),
        (
            lambda x, y: nn.Rows(x, y, lambda x: x),
            r"Rows: got convert=<lambda>\(x\), expected a function \(x, y\) -> x",
        ),
        (lambda x, y: nn.Rows(x, y, sample_weight=np.ones(3)), r"Rows: got sample_weight of shape \(3,\)"),
        (lambda x, y: nn.Rows(x, y, sample_weight=np.zeros(30)), "Rows: got sample_weight of 0 only"),
        (lambda x, y: nn.Rows(x, y, lambda x, y: np.float32(x)), "Rows: got ndarray from convert, expected the pair"),
        (lambda x, y: nn.Rows(x, y), "fit: got rows with x of uint8, expected the model's float32; convert each batch"),
        (lambda x, y: nn.Rows(np.float32(x), y), "fit: got rows with y of float64"),
        (lambda x, y: nn.Rows(x[:, :5], y, convert), "fit: got x of shape .*, which does not fit the model"),
        (lambda x, y: nn.Rows(x, y[:, :1], convert), "fit: got y of shape .*, expected .N, 2. as the model's outputs"),
    ],
)
def test_what_is_wrong_is_said_before_the_training(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trainer(metric=None).fit(make(*data()), epochs=1)
    with pytest.raises(ValueError, match=message.replace("fit: got ", "fit: got (a )?validation ")):
        trainer(metric=None).fit(*convert(*data()), validation=make(*data()), epochs=1)


def test_nan_in_a_later_batch_is_an_error_and_no_divergence() -> None:
    x, y = convert(*data())
    x[20] = np.nan
    with pytest.raises(ValueError, match="fit: got rows with NaN or infinity in x"):
        trainer(metric=None).fit(nn.Rows(x, y), epochs=1)


def test_one_object_or_two_arrays() -> None:
    x, y = data()
    rows = nn.Rows(x, y, convert)
    with pytest.raises(ValueError, match="fit: got y beside rows, expected rows alone"):
        trainer(metric=None).fit(rows, np.float32(y), epochs=1)
    with pytest.raises(ValueError, match="fit: got sample_weight beside rows"):
        trainer(metric=None).fit(rows, epochs=1, sample_weight=np.ones(COUNT))
    with pytest.raises(ValueError, match=r"fit: got x of type ndarray without y, .* or fit\(nn.Rows\(x, y\)\)"):
        trainer(metric=None).fit(np.float32(x), epochs=1)
    with pytest.raises(ValueError, match="fit: got x of uint8, .* or nn.Rows"):
        trainer(metric=None).fit(x, np.float32(y), epochs=1)


def test_an_error_of_the_rows_is_raised_as_it_is(tmp_path: Path) -> None:
    files = Files(tmp_path, *data())
    files.paths[25].unlink()
    with pytest.raises(FileNotFoundError):
        trainer(metric=None).fit(files, epochs=1)


def test_what_it_shows() -> None:
    assert repr(nn.Rows(*data())) == "<Rows: 30 rows, x of uint8 (30, 6), y of float64 (30, 2)>"
