"""History: the table of a training, its best line, its file."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def history_of(*losses: float) -> nn.History:
    history = nn.History(["epoch", "loss"], score="loss")
    for epoch, loss in enumerate(losses, start=1):
        history.append({"epoch": epoch, "loss": loss})
    return history


def test_columns_and_length() -> None:
    history = history_of(0.5, 0.25)
    assert history.columns == {"epoch": [1, 2], "loss": [0.5, 0.25]}
    assert len(history) == 2


def test_best_is_the_first_of_the_lowest_finite_scores() -> None:
    assert history_of(math.nan, 0.5, 0.25, 0.25, -math.inf).best_epoch == 3
    assert history_of(0.5, 0.25).best == {"epoch": 2, "loss": 0.25}


def test_the_best_may_be_the_first_of_the_highest_finite_scores(tmp_path: Path) -> None:
    history = nn.History(["epoch", "loss", "R2"], score="R2", higher_is_better=True)
    for epoch, score in enumerate([math.nan, -0.5, 0.25, 0.25, math.inf, -math.inf, 0.0], start=1):
        history.append({"epoch": epoch, "loss": 1 / epoch, "R2": score})
    assert (history.best_epoch, history.best["R2"]) == (3, 0.25)
    history.save_csv(tmp_path / "history.csv")
    assert nn.History.load_csv(tmp_path / "history.csv").best_epoch == 7  # by the loss
    read = nn.History.load_csv(tmp_path / "history.csv", score="R2", higher_is_better=True)
    assert (read.best_epoch, read.score, read.higher_is_better) == (3, "R2", True)
    with pytest.raises(ValueError, match="got score='R3'"):
        nn.History.load_csv(tmp_path / "history.csv", score="R3")


def test_without_an_epoch() -> None:
    history = history_of()
    assert (len(history), history.best_epoch, history.best) == (0, None, {})
    assert history.columns == {"epoch": [], "loss": []}


def test_whether_rows_were_shuffled_is_not_in_its_file(tmp_path: Path) -> None:
    assert history_of(0.5).shuffled is None
    history = nn.History(["epoch", "loss"], score="loss", shuffled=True)
    history.save_csv(tmp_path / "history.csv")
    assert history.shuffled is True
    assert nn.History.load_csv(tmp_path / "history.csv").shuffled is None


def test_best_is_a_copy() -> None:
    history = history_of(0.5)
    history.best["loss"] = 7.0
    assert history.columns["loss"] == [0.5]


def test_csv_reads_back_equal(tmp_path: Path) -> None:
    history = history_of(0.1 + 0.2, 1 / 3, 1e-300, math.nan)
    path = tmp_path / "history.csv"
    history.save_csv(path)
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["epoch", "loss"]
    assert [line["epoch"] for line in lines] == ["1", "2", "3", "4"]
    assert [float(line["loss"]) for line in lines[:3]] == history.columns["loss"][:3]
    assert math.isnan(float(lines[3]["loss"]))
    assert list(tmp_path.iterdir()) == [path]
    read = nn.History.load_csv(path)
    assert read.names == history.names
    assert repr(read.columns) == repr({name: [float(value) for value in history.columns[name]] for name in read.names})
    assert (read.outcome, read.score) == (nn.Outcome.UNKNOWN, "loss")


def test_csv_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("precious")
    history = history_of(0.5)
    history.names = ["epoch", "no such column"]
    with pytest.raises(KeyError):
        history.save_csv(path)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_refuses() -> None:
    with pytest.raises(ValueError, match="expected 'epoch' first"):
        nn.History(["loss"], score="loss")
    with pytest.raises(ValueError, match="got score='rmse'"):
        nn.History(["epoch", "loss"], score="rmse")
    with pytest.raises(ValueError, match="give every column"):
        history_of().append({"epoch": 1})


def test_repr_says_how_it_went() -> None:
    history = history_of(0.5, 0.25, 0.75)
    assert repr(history) == "<History of 3 epochs, best 2; still running>"
    history.end(nn.Outcome.INTERRUPTED, "interrupted by the user")
    assert "interrupted by the user" in repr(history)


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,loss\n1,few\n")
    with pytest.raises(ValueError, match="damaged history"):
        nn.History.load_csv(tmp_path / "history.csv")


BAD_HISTORIES = {
    "empty": "",
    "no epoch": "loss,epoch\n1,1\n",
    "no loss": "epoch,lr\n1,1\n",
    "a column twice": "epoch,loss,loss\n1,1,1\n",
    "101 columns": ",".join(["epoch", "loss", *map(str, range(99))]) + "\n",
    "a value too few": "epoch,loss\n1\n",
    "a value too many": "epoch,loss\n1,2,3\n",
    "text": "epoch,loss\n1,few\n",
    "an underscore": "epoch,loss\n1,1_0\n",
    "digits": "epoch,loss\n1," + "1" * 1_000_000 + "\n",
    "a field of 200 kB": 'epoch,loss\n1,"' + "\n" * 200_000 + '"\n',
    "a quote": 'epoch,loss\n1,"0.5\n',
    "epoch 0": "epoch,loss\n0,1\n",
    "epoch 1.5": "epoch,loss\n1.5,1\n",
    "epoch nan": "epoch,loss\nnan,1\n",
    "epoch inf": "epoch,loss\ninf,1\n",
    "epoch 10**30": "epoch,loss\n1e30,1\n",
    "an epoch twice": "epoch,loss\n1,1\n1,1\n",
    "epochs that go back": "epoch,loss\n2,1\n1,1\n",
    "a rate of nan": "epoch,loss,lr\n1,1,nan\n",
    "a negative rate": "epoch,loss,lr\n1,1,-0.5\n",
    "infinite seconds": "epoch,loss,seconds\n1,1,inf\n",
    "a million rows": "epoch,loss\n" + ",1\n".join(map(str, range(1, 1_000_000))) + ",1\n",
    "17 MB": "epoch,loss\n" + " " * (17 << 20),
    "latin-1": "epoch,loss,\udce9\n",
}


@pytest.mark.parametrize("text", BAD_HISTORIES.values(), ids=BAD_HISTORIES)
def test_what_no_training_wrote_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "history.csv").write_text(text, errors="surrogateescape")
    with pytest.raises(ValueError, match=r"history.csv: got a damaged .*; (train again|check the path)") as caught:
        nn.History.load_csv(tmp_path / "history.csv")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_what_a_training_may_have_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text('epoch,loss,"a, b",lr\n1,nan,inf,0.0\n\n7,-inf,-1.5,1e-09\n')
    history = nn.History.load_csv(tmp_path / "history.csv")
    assert repr(history.columns) == (
        "{'epoch': [1.0, 7.0], 'loss': [nan, -inf], 'a, b': [inf, -1.5], 'lr': [0.0, 1e-09]}"
    )
    assert len(nn.History.load_csv(tmp_path / "history.csv", most_rows=3)) == 2
    with pytest.raises(ValueError, match="it has over 1 rows"):
        nn.History.load_csv(tmp_path / "history.csv", most_rows=1)


def test_defaults_are_those_of_the_docstring(defaults_stated: Any) -> None:
    assert defaults_stated(nn.Metric) == {"higher_is_better"}


def test_the_frame_is_the_table() -> None:
    history = nn.History(["epoch", "loss", "R2", "images"], score="loss")
    history.append({"epoch": 1, "loss": np.float32(0.5), "R2": math.nan, "images": 64})
    history.append({"epoch": np.int64(2), "loss": math.inf, "R2": 0.25, "images": 64})
    frame = history.frame()
    assert list(frame.columns) == history.names
    assert [str(dtype) for dtype in frame.dtypes] == ["int64", "float64", "float64", "int64"]
    assert frame["loss"].tolist() == [0.5, math.inf]
    assert frame.set_index("epoch").loc[2, "R2"] == 0.25
    assert math.isnan(frame["R2"][0])
    frame.loc[0, "loss"] = 7
    assert history.columns["loss"][0] == 0.5


def test_the_frame_of_no_epoch_has_the_columns() -> None:
    frame = history_of().frame()
    assert list(frame.columns) == ["epoch", "loss"]
    assert len(frame) == 0
    assert frame["loss"].dtype == np.float64


def test_the_frame_of_a_training_and_of_its_file(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Dense(1, 1), rng=0)
    x = np.ones((4, 1), np.float32)
    trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), average=0.9, progress=False)
    history = trainer.fit(x, x, epochs=2, validation=(x, x))
    history.save_csv(tmp_path / "history.csv")
    assert nn.History.load_csv(tmp_path / "history.csv").frame().equals(history.frame())
