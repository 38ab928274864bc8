from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import checkpoints
from nnscratch.keypoints.scripts.kept_epochs import EPOCHS, KeptEpochs, kept_epochs, remove_kept_epochs


def train(folder: Path, epochs: int, every: int) -> nn.Sequential:
    model = nn.Sequential(nn.Dense(2, 1, rng=0))
    kept = KeptEpochs(folder / EPOCHS, model, every)
    x = np.random.default_rng(0).random((8, 2), np.float32)
    nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), batch_size=4).fit(
        x, x[:, :1], epochs=epochs, callbacks=[kept], keep_best=False
    )
    return model


def test_epoch_0_and_every_second_one(tmp_path: Path) -> None:
    start = nn.Sequential(nn.Dense(2, 1, rng=0))
    model = train(tmp_path, epochs=4, every=2)
    found = kept_epochs(tmp_path)
    assert [epoch for epoch, _ in found] == [0, 2, 4]
    networks = [checkpoints.load(path) for _, path in found]
    np.testing.assert_array_equal(networks[0].layers[0].params["weight"], start.layers[0].params["weight"])
    np.testing.assert_array_equal(networks[2].layers[0].params["weight"], model.layers[0].params["weight"])
    assert (networks[1].layers[0].params["weight"] != model.layers[0].params["weight"]).all()


def test_only_its_own_files_are_found_and_removed(tmp_path: Path) -> None:
    train(tmp_path, epochs=1, every=1)
    own = tmp_path / EPOCHS
    (own / "notes.txt").write_text("mine")
    (own / "epoch_x.npz").write_text("mine, too")
    assert [epoch for epoch, _ in kept_epochs(tmp_path)] == [0, 1]
    remove_kept_epochs(tmp_path)
    assert sorted(path.name for path in own.iterdir()) == ["epoch_x.npz", "notes.txt"]
    for path in own.iterdir():
        path.unlink()
    remove_kept_epochs(tmp_path)
    assert not own.exists()
    remove_kept_epochs(tmp_path)  # nothing there: nothing to do


def test_a_full_disk_is_told_and_the_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    model = nn.Sequential(nn.Dense(2, 1, rng=0))
    told: list[OSError] = []
    monkeypatch.setattr(checkpoints, "save", full)
    kept = KeptEpochs(tmp_path / EPOCHS, model, 1, told.append)
    assert len(told) == 1
    x = np.ones((2, 2), np.float32)
    history = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1)).fit(x, x[:, :1], epochs=2, callbacks=[kept])
    assert (len(history), len(told)) == (2, 3)
    with pytest.raises(OSError, match="No space"):
        KeptEpochs(tmp_path / EPOCHS, model, 1)


def test_a_script_keeps_them_and_a_new_run_without_them_removes_them(
    run_here: Callable[..., object], tmp_path: Path
) -> None:
    from nnscratch.keypoints.drawn.faces import draw_faces
    from nnscratch.keypoints.kaggle.training_file import save_faces

    data, out = tmp_path / "faces.csv", tmp_path / "run"
    save_faces(draw_faces(40, seed=1), data)
    run_here("train_mlp.py", "--data", data, "--epochs", 2, "--every", 1, "--out", out)
    assert [epoch for epoch, _ in kept_epochs(out)] == [0, 1, 2]
    run_here("train_mlp.py", "--data", data, "--epochs", 1, "--overwrite", "--out", out)
    assert kept_epochs(out) == []
    assert not (out / EPOCHS).exists()
