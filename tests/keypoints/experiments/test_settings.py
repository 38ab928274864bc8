"""The settings are the report's, and so is the split."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Split
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.files import DataError

BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


def some_faces(count: int, incomplete: int) -> Faces:
    """`count` faces without pictures; every one of the first `incomplete` lacks a label, and x is
    its row's number.
    """
    points = np.repeat(np.arange(count, dtype=np.float32), 30).reshape(count, 15, 2)
    points[:incomplete, 3] = np.nan
    return Faces(np.zeros((count, 96, 96), np.uint8), points, np.arange(count))


def test_the_split_is_the_reports() -> None:
    split = Split.of(some_faces(2150, incomplete=10), "file")
    assert (len(split.train), len(split.validation), len(split.all_train)) == (1740, 400, 1750)
    assert split.train.points[0, 0, 0] == 10
    assert split.validation.image_ids.tolist() == list(range(1750, 2150))
    assert not set(split.all_train.image_ids) & set(split.validation.image_ids)


def test_a_small_file_gives_a_fifth_for_validation_and_too_small_a_one_an_error() -> None:
    assert len(Split.of(some_faces(50, incomplete=0), "file").validation) == 10
    with pytest.raises(DataError, match="file: got 9 of 12 rows"):
        Split.of(some_faces(12, incomplete=3), "file")


def test_the_table_has_the_reports_settings() -> None:
    assert len(BY_NAME) == len(EXPERIMENTS)
    ours = {"f1_cured", "map_squares", "map_softmax", "sun"}
    for e in EXPERIMENTS:
        assert 0 <= e.quick_epochs <= e.epochs
        if e.network is not None and e.name not in ours:
            assert (e.lr, e.momentum, e.weight_decay, e.shuffled, e.batch_size) == (0.001, 0.9, 0.001, False, 100)
    assert BY_NAME["mlp"].epochs == 10_000
    assert not any(isinstance(layer, nn.Dropout) for layer in BY_NAME["mlp"].make(0).layers)
    assert sum(isinstance(layer, nn.Dropout) for layer in BY_NAME["f1"].make(0).layers) == 2
    assert "bias" not in BY_NAME["f1_no_last_bias"].make(0).layers[-1].params
    quick = BY_NAME["cascade"].limited(quick=True, most_epochs=30)
    assert (quick.epochs, quick.levels[0].epochs) == (30, BY_NAME["cascade"].levels[0].quick_epochs)


def test_batches_are_whole() -> None:
    rows = [batch.tolist() for batch in BY_NAME["f1"].changed(batch_size=2).batches(5)]
    assert rows == [[0, 1], [2, 3]]


def test_files_of_results_keep_their_settings() -> None:
    """The names under which files know the settings: others would run everything again."""
    names = BY_NAME["f1"].settings().keys()
    assert {"network", "levels", "kind", "epochs", "lr", "looks", "optimizer"} <= names
