from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn


def model() -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2D(1, 3, (3, 2), stride=(2, 1), padding=1, weight_init="glorot_uniform", rng=rng), nn.ReLU(),
        nn.MaxPool2D(2, stride=1), nn.Flatten(), nn.Dense(72, 6, bias_init="constant(1)", rng=rng), nn.ReLU(),
        nn.Dropout(0.5, rng=rng), nn.Dense(6, 3, bias=False, rng=rng),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["model.npz", "model"])
def test_bit_identical_after_loading(tmp_path: Path, dtype: type, name: str) -> None:
    saved = model().astype(dtype)
    nn.save(saved, tmp_path / name)
    loaded = nn.load(tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert repr(loaded) == repr(saved)
    x = np.random.default_rng(1).random((5, 8, 8, 1)).astype(dtype)
    np.testing.assert_array_equal(loaded.forward(x), saved.forward(x))


def test_the_file_is_plain_json_and_arrays(tmp_path: Path) -> None:
    nn.save(model(), tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        architecture = json.loads(str(file["architecture"]))
        assert set(file.files) == {"architecture", "0.weight", "0.bias", "4.weight", "4.bias", "7.weight"}
    assert architecture["layers"][6] == {"class": "Dropout", "arguments": {"p": 0.5}}


def test_a_loaded_model_can_be_trained(tmp_path: Path) -> None:
    nn.save(model(), tmp_path / "model.npz")
    loaded = nn.load(tmp_path / "model.npz")
    y = loaded.forward(np.ones((2, 8, 8, 1), np.float32), training=True)
    loaded.backward(np.ones_like(y))
    before = loaded.layers[0].params["weight"].copy()
    nn.SGD(loaded, lr=0.1).step()
    assert not np.array_equal(loaded.layers[0].params["weight"], before)


def test_sizes_and_initializers_as_earlier_versions_wrote_them(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    nn.save(nn.Sequential(nn.Conv2D(1, 2, (3, 3), padding=1), nn.MaxPool2D(2, stride=2)), path)
    with np.load(path) as file:
        arrays = dict(file)
    initial = {"weight_init": "normal(0.01)", "bias_init": "constant(0.0)", "bias": True}
    convolution = {"c_in": 1, "c_out": 2, "kernel_size": [3, 3], "stride": [1, 1], "padding": 1, **initial}
    for pool_size, stride in ((2, None), (2, 2), ([2, 2], [2, 2])):
        pooling = {"pool_size": pool_size, "stride": stride}
        layers = [{"class": "Conv2D", "arguments": convolution}, {"class": "MaxPool2D", "arguments": pooling}]
        arrays["architecture"] = np.array(json.dumps({"format": "nnscratch model 1", "layers": layers}))
        np.savez(path, **arrays)
        assert [repr(layer) for layer in nn.load(path).layers] == [
            "Conv2D(1, 2, 3, padding=1, weight_init='normal(0.01)')", "MaxPool2D(2)",
        ]  # fmt: skip


def test_a_model_that_numpy_2_0_saved(tmp_path: Path, as_numpy_2_0: Callable[[Path], None]) -> None:
    saved, x = model(), np.ones((1, 8, 8, 1), np.float32)
    nn.save(saved, tmp_path / "model.npz")
    as_numpy_2_0(tmp_path / "model.npz")
    np.testing.assert_array_equal(nn.load(tmp_path / "model.npz").predict(x), saved.predict(x))


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    nn.save(model(), path)
    before = path.read_bytes()

    class Scale(nn.Layer):
        def __init__(self, factor: float) -> None:
            super().__init__()

    with pytest.raises(ValueError, match="got a Scale that does not say how to make it again"):
        nn.save(nn.Sequential(Scale(2.0)), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


class Twice(nn.Layer):
    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return 2 * x


def test_layers_of_ones_own(tmp_path: Path) -> None:
    nn.save(nn.Sequential(Twice()), tmp_path / "model.npz")
    with pytest.raises(ValueError, match="unknown layer class 'Twice'; pass custom_layers"):
        nn.load(tmp_path / "model.npz")
    loaded = nn.load(tmp_path / "model.npz", custom_layers={"Twice": Twice})
    np.testing.assert_array_equal(loaded.forward(np.ones((1, 1))), [[2.0]])


CHANGES: dict[str, Callable[[dict[str, np.ndarray]], object]] = {
    "no architecture": lambda arrays: arrays.pop("architecture"),
    "missing array": lambda arrays: arrays.pop("4.bias"),
    "extra array": lambda arrays: arrays.update(extra=np.ones(3)),
    "wrong shape": lambda arrays: arrays.update({"4.bias": np.ones(5, np.float32)}),
    "wrong dtype": lambda arrays: arrays.update({"4.bias": np.ones(6, int)}),
    "other format": lambda arrays: arrays.update(architecture=np.array('{"format": "x"}')),
    "not JSON": lambda arrays: arrays.update(architecture=np.array("{")),
    "JSON list": lambda arrays: arrays.update(architecture=np.array("[1]")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_says_so_in_one_line(tmp_path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    path = tmp_path / "model.npz"
    nn.save(model(), path)
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="is no whole nnscratch model") as caught:
        nn.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["empty", "text", "array", "cut short", "overwritten"])
def test_a_damaged_file_says_so_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.npz"
    nn.save(model(), path)
    good = path.read_bytes()
    np.save(tmp_path / "array.npy", np.ones(3))
    path.write_bytes(
        {
            "empty": b"",
            "text": b"hello",
            "array": (tmp_path / "array.npy").read_bytes(),
            "cut short": good[: len(good) // 2],
            "overwritten": good[:500] + b"x" * (len(good) - 500),
        }[damage]
    )
    with pytest.raises(ValueError, match="is no whole nnscratch model") as caught:
        nn.load(path)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "nothing.npz")
