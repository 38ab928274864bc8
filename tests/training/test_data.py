"""Data: which kind `fit` was given, and that a table is told the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import nnscratch as nn


def test_tables_are_told_the_way_and_then_train(trainer_of: Any) -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 1, 20)})
    with pytest.raises(ValueError, match="expected NumPy arrays; use nn.as_rows"):
        trainer_of().fit(frame, 2 * frame, epochs=1)
    with pytest.raises(ValueError, match="without y"):
        trainer_of().fit(frame, epochs=1)
    with pytest.raises(ValueError, match="validation x, y = .*; use nn.as_rows"):
        trainer_of().fit(nn.as_rows(frame), nn.as_rows(2 * frame), validation=(frame, frame), epochs=1)
    history = trainer_of().fit(nn.as_rows(frame["a"]), nn.as_rows(2 * frame["a"]), epochs=2)
    assert history.columns["images"] == [20, 20]


def test_an_array_on_disk_of_the_right_dtype_is_an_array(
    trainer_of: Any, rows: Any, tmp_path: Any, numbers: Any
) -> None:
    x, y = rows(20)
    np.save(tmp_path / "x.npy", x)
    on_disk = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert numbers(trainer_of().fit(on_disk, y, epochs=2)) == numbers(trainer_of().fit(x, y, epochs=2))


def test_a_dataset_of_single_rows_is_no_rows(trainer_of: Any) -> None:
    class OneByOne:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[float, float]:
            return [1.0, 2.0, 3.0][index], 0.0

    with pytest.raises(TypeError, match="only integer|integers or slices"):
        trainer_of().fit(OneByOne(), epochs=1)


def test_a_pair_in_place_of_two(trainer_of: Any, rows: Any) -> None:
    with pytest.raises(ValueError, match=r"got x of type tuple without y, .*; write fit\(x, y, ...\)"):
        trainer_of().fit(rows(), epochs=1)


@pytest.mark.parametrize("kind", ["rows", "stream"])
def test_data_without_a_label_are_an_error(kind: str, trainer_of: Any, rows: Any) -> None:
    x, y = rows(20)
    source = nn.Rows(x, y * np.nan) if kind == "rows" else nn.Stream([(x, y * np.nan)])
    with pytest.raises(ValueError, match="fit: got (rows|a Stream) with y of NaN only, expected labels to learn from"):
        trainer_of().fit(source, epochs=3)
    with pytest.raises(ValueError, match="fit: got (a )?validation (rows|Stream) with y of NaN only"):
        trainer_of().fit(x, y, validation=source, epochs=3)
    y[1:] = np.nan
    assert trainer_of(batch_size=1).fit(nn.Rows(x, y), epochs=1, validation=nn.Rows(x, y)).best["loss"] > 0


def test_no_rows_at_all(trainer_of: Any) -> None:
    class Empty:
        def __len__(self) -> int:
            return 0

        def __getitem__(self, indices: Any) -> Any:
            raise AssertionError

    with pytest.raises(ValueError, match="fit: got rows without a row, expected one at least"):
        trainer_of().fit(Empty(), epochs=1)
