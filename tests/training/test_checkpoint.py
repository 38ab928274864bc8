"""The file of a checkpoint: two are kept, damage is noticed, a full disk ends no training."""

from __future__ import annotations

import errno
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files import array_files
from nnscratch.training.checkpoint import Checkpoint, largest_state

SETTINGS = {"epochs": "3", "batch_size": "64"}


def checkpoint(folder: Path, **changes: str) -> Checkpoint:
    return Checkpoint(folder / "run.npz", SETTINGS | changes)


def save(to: Checkpoint, state: dict[str, Any]) -> None:
    to.save(state)
    to.wait()


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    state: dict[str, Any] = {
        "weights": [np.float32([1, -0.0, 1e-45]), np.arange(6.0).reshape(2, 3)],
        "rng": np.random.default_rng(3).bit_generator.state,
        "old rng": np.random.Generator(np.random.MT19937(3)).bit_generator.state,
        "nothing": None, "yes": True, "text": "größer", "list": [1, [2.5, "3"]],
        "scores": [float("nan"), float("inf"), 0.1],
        "numpy": np.float64(0.1),
    }  # fmt: skip
    save(checkpoint(tmp_path), state)
    loaded = checkpoint(tmp_path).load()
    assert loaded is not None
    assert list(loaded) == list(state)
    for before, after in zip(state["weights"], loaded["weights"], strict=True):
        assert (before.tobytes(), before.dtype, before.shape) == (after.tobytes(), after.dtype, after.shape)
    assert loaded["rng"] == state["rng"]
    np.random.MT19937().state = loaded["old rng"]
    assert repr(loaded["scores"]) == "[nan, inf, 0.1]"
    assert all(loaded[name] == state[name] for name in ("nothing", "yes", "text", "list", "numpy"))


def test_none_is_there(tmp_path: Path) -> None:
    assert checkpoint(tmp_path).load() is None


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save(checkpoint(tmp_path), {"number": number})
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["run.npz", "run.previous.npz"]
    assert checkpoint(tmp_path).load() == {"number": 3}
    (tmp_path / "run.npz").unlink()  # as a kill between the two renames leaves it
    assert checkpoint(tmp_path).load() == {"number": 2}


def test_a_damaged_one_is_passed_over_with_a_warning(tmp_path: Path) -> None:
    for number in (1, 2):
        save(checkpoint(tmp_path), {"number": number})
    path = tmp_path / "run.npz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.warns(UserWarning, match=r"run\.npz: got a damaged .*going on from run\.previous\.npz"):
        assert checkpoint(tmp_path).load() == {"number": 1}
    (tmp_path / "run.previous.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"run\.npz: got a damaged"):
        checkpoint(tmp_path).load()


@pytest.mark.parametrize(
    "text",
    ["[]", "null", '{"format": 1}', '{"format": "nnscratch checkpoint 1"}', "{", "[" * 100_000,
     '{"format": "nnscratch checkpoint 1", "settings": [], "state": {}}',
     '{"format": "nnscratch checkpoint 1", "settings": {}, "state": 5}',
     '{"format": "nnscratch checkpoint 1", "settings": {}, "state": {"w": {"array": "7"}}}'],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_what_no_training_wrote(text: str, tmp_path: Path) -> None:
    array_files.write(tmp_path / "run.npz", {"state": np.array(text)})
    with pytest.raises(ValueError, match="damaged|another training") as caught:
        checkpoint(tmp_path).load()
    assert len(str(caught.value).replace(str(tmp_path), "")) < 300
    assert "\n" not in str(caught.value)


def test_one_of_another_training_is_refused(tmp_path: Path) -> None:
    save(checkpoint(tmp_path), {"number": 1})
    save(checkpoint(tmp_path), {"number": 2})
    with pytest.raises(ValueError, match=r"another training, with batch_size 64, expected 32; go on as it began"):
        checkpoint(tmp_path, batch_size="32").load()


def test_a_full_disk_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[OSError] = []
    to_callback = Checkpoint(tmp_path / "run.npz", SETTINGS, errors.append)
    save(to_callback, {"number": 1})
    with pytest.MonkeyPatch.context() as patch:

        def full(*arguments: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(array_files, "write", full)
        save(to_callback, {"number": 2})
        silent = checkpoint(tmp_path)
        with pytest.warns(UserWarning, match="could not be written"):
            save(silent, {"number": 2})
        save(silent, {"number": 3})  # a second warning would be an error here
    assert [error.errno for error in errors] == [errno.ENOSPC]
    assert checkpoint(tmp_path).load() == {"number": 1}


def test_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="got the folder"):
        Checkpoint(tmp_path, SETTINGS)
    with pytest.raises(OSError, match="in a folder that does not exist"):
        Checkpoint(tmp_path / "nowhere" / "run.npz", SETTINGS)


def test_nothing_in_it_is_a_pickle(tmp_path: Path, trainer_of: Any, rows: Any) -> None:
    trainer_of().fit(*rows(), epochs=1, checkpoint=tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        content = json.loads(str(arrays["state"]))
        assert all(arrays[name].dtype.kind in "fiuU" for name in arrays.files)
    assert content["settings"]["batch_size"] == "8"
    assert nn.__name__ in content["settings"]["nnscratch's code"] or len(content["settings"]["nnscratch's code"]) == 16


def test_a_slow_disk_does_not_hold_the_training_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on, write = threading.Event(), array_files.write

    def slow(*arguments: Any) -> None:
        may_go_on.wait(20)
        write(*arguments)

    monkeypatch.setattr(array_files, "write", slow)
    one = checkpoint(tmp_path)
    one.save({"number": 1})
    assert checkpoint(tmp_path).load() is None
    may_go_on.set()
    one.save({"number": 2})  # waits for the first
    assert checkpoint(tmp_path).load() in ({"number": 1}, {"number": 2})
    one.wait()
    assert checkpoint(tmp_path).load() == {"number": 2}


def test_the_limit_leaves_room_for_five_copies_of_the_weights() -> None:
    model = nn.Sequential(nn.Dense(4000, 3000, weight_init="constant(0)", rng=0))
    weights = sum(w.nbytes for w in model.parameters())
    assert 5 * weights < largest_state(model) < 5 * weights + (1 << 28)
