from __future__ import annotations

import json
import re
import tracemalloc
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
    assert all(w.ctypes.data % 64 == 0 for network in (saved, loaded) for w in network.parameters())
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


def write_model(path: Path, layers: object, arrays: dict[str, np.ndarray] | None = None) -> None:
    text = json.dumps({"format": "nnscratch model 1", "layers": layers})
    np.savez(path, architecture=np.array(text), **(arrays or {}))


DENSE = {"class": "Dense", "arguments": {"n_in": 3, "n_out": 2}}
WEIGHTS = {"0.weight": np.ones((3, 2), np.float32), "0.bias": np.ones(2, np.float32)}


def dense(**arguments: object) -> list[dict[str, object]]:
    return [{"class": "Dense", "arguments": {"n_in": 3, "n_out": 2} | arguments}]


def layer(name: str, **arguments: object) -> list[dict[str, object]]:
    return [{"class": name, "arguments": arguments}]


BAD_MODELS: dict[str, tuple[object, dict[str, np.ndarray], str]] = {
    "Layer": (layer("Layer"), {}, "unknown layer class 'Layer'"),
    "NotFiniteError": (layer("NotFiniteError"), {}, "unknown layer class"),
    "object": (layer("object"), {}, "unknown layer class"),
    "no class": ([{"arguments": {}}], {}, r"its layers\[0\].class is missing"),
    "a class that is a number": ([{"class": 5, "arguments": {}}], {}, r"its layers\[0\].class is '5'"),
    "no arguments": ([{"class": "ReLU"}], {}, "arguments is missing"),
    "arguments in a list": ([{"class": "ReLU", "arguments": []}], {}, "expected an object"),
    "no layers": ([], {}, "expected at least one"),
    "layers in an object": ({}, {}, "its layers is an object, expected a list"),
    "a million layers": ([DENSE] * 2000, {}, "its layers is a list of 2,000, expected a list of 0..1000"),
    "an unknown argument": (dense(colour=3), WEIGHTS, "layer 0: .*colour"),
    "rng": (dense(rng=3), WEIGHTS, "never saved"),
    "dtype": (dense(dtype="float64"), WEIGHTS, "never saved"),
    "bias no": (dense(bias="no"), WEIGHTS, "got bias='no', expected True or False"),
    "bias -5": (dense(bias=-5), WEIGHTS, "got bias=-5"),
    "bias null": (dense(bias=None), WEIGHTS, "got bias=None"),
    "n_in true": (dense(n_in=True), WEIGHTS, "got n_in=True"),
    "n_in 3.0": (dense(n_in=3.0), WEIGHTS, "got n_in=3.0"),
    "n_in of 10^30": (dense(n_in=10**30), WEIGHTS, "layer 0: |0.weight"),
    "weight_init": (dense(weight_init="os.abort()"), WEIGHTS, "initializer: got 'os.abort"),
    "bias_init": (dense(bias_init="he_normal()"), WEIGHTS, "expected a weight's"),
    "padding -5": (layer("Conv2D", c_in=1, c_out=1, kernel_size=3, padding=-5), {}, "padding=-5"),
    "padding no": (layer("Conv2D", c_in=1, c_out=1, kernel_size=3, padding="no"), {}, "padding='no'"),
    "a kernel of three sizes": (layer("Conv2D", c_in=1, c_out=1, kernel_size=[3, 3, 3]), {}, "kernel_size"),
    "spread NaN": (layer("ContrastNormalization", spread="nan"), {}, "spread='nan'"),
    "p of 1": (layer("Dropout", p=1), {}, "got p=1"),
    "another shape": (dense(), WEIGHTS | {"0.weight": np.ones((2, 3), np.float32)}, r"expected float32 \(3, 2\)"),
    "a bias that is missing": (dense(), {"0.weight": WEIGHTS["0.weight"]}, "there is no array '0.bias'"),
    "a bias too many": (dense(bias=False), WEIGHTS, "'0.bias' is unknown"),
    "float16": (dense(), {k: v.astype(np.float16) for k, v in WEIGHTS.items()}, "are float16, expected float32 or"),
    "whole numbers": (dense(), {k: v.astype(np.int32) for k, v in WEIGHTS.items()}, "are int32"),
    "big-endian": (dense(), {k: v.astype(">f4") for k, v in WEIGHTS.items()}, "the byte order of this machine"),
    "two dtypes": (dense(), WEIGHTS | {"0.bias": np.ones(2)}, r"is float64 \(2,\), expected float32 \(2,\)"),
    "text as weights": (dense(), WEIGHTS | {"0.bias": np.array(["a", "b"])}, "expected float32"),
    "NaN": (dense(), WEIGHTS | {"0.bias": np.float32([0, np.nan])}, "1 of 2 values of 0.bias are NaN or infinite"),
    "infinity": (dense(), WEIGHTS | {"0.weight": np.full((3, 2), np.float32(-np.inf))}, "6 of 6 values of 0.weight"),
}


@pytest.mark.parametrize(("layers", "arrays", "message"), BAD_MODELS.values(), ids=BAD_MODELS)
def test_what_no_save_wrote_is_refused_in_one_line(
    tmp_path: Path, layers: object, arrays: dict[str, np.ndarray], message: str
) -> None:
    write_model(tmp_path / "model.npz", layers, arrays)
    with pytest.raises(ValueError, match=rf"no whole nnscratch model .*({message})") as caught:
        nn.load(tmp_path / "model.npz")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "layers",
    [
        dense(n_in=30_000, n_out=30_000),
        dense(n_in=3, n_out=10**12),
        layer("Conv2D", c_in=2000, c_out=2000, kernel_size=20),
        [DENSE, *dense(n_in=30_000, n_out=30_000)],
    ],
)
def test_no_memory_is_taken_for_what_the_file_does_not_hold(tmp_path: Path, layers: object) -> None:
    write_model(tmp_path / "model.npz", layers, WEIGHTS)
    tracemalloc.start()
    with pytest.raises(ValueError, match="no whole nnscratch model"):
        nn.load(tmp_path / "model.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


class Identity(nn.Dense):
    """A layer of one's own that writes into its first weights."""

    def __init__(self, n_in: int) -> None:
        super().__init__(n_in, n_in, bias=False)
        self.params["weight"][:] = np.eye(n_in)

    def config(self) -> dict[str, object]:
        return {"n_in": self.n_in}


class Refuses(nn.ReLU):
    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why
        if why == "loudly":
            raise RuntimeError("no")


def test_custom_layers_get_weights_as_many_as_the_file_has(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    nn.save(nn.Sequential(Identity(3)), path)
    loaded = nn.load(path, custom_layers={"Identity": Identity})
    np.testing.assert_array_equal(loaded.layers[0].params["weight"], np.eye(3))
    weight = {"0.weight": np.eye(3, dtype=np.float32)}
    write_model(path, layer("Identity", n_in=30_000), weight)
    with pytest.raises(ValueError, match="expected 9 numbers at most"):
        nn.load(path, custom_layers={"Identity": Identity})
    write_model(path, layer("Refuses", why="loudly"))
    with pytest.raises(ValueError, match="layer 0: no"):
        nn.load(path, custom_layers={"Refuses": Refuses})


def test_weights_that_are_not_finite_are_taken_if_asked_for(tmp_path: Path) -> None:
    saved = model()
    saved.layers[0].params["bias"][1] = np.nan
    nn.save(saved, tmp_path / "model.npz")
    with pytest.raises(ValueError, match="are NaN or infinite; allow_not_finite=True takes them"):
        nn.load(tmp_path / "model.npz")
    loaded = nn.load(tmp_path / "model.npz", allow_not_finite=True)
    np.testing.assert_array_equal(loaded.layers[0].params["bias"], saved.layers[0].params["bias"])


def test_a_limit_of_bytes(tmp_path: Path) -> None:
    nn.save(model(), tmp_path / "model.npz")
    with pytest.raises(ValueError, match="more than the limit of 100"):
        nn.load(tmp_path / "model.npz", most_bytes=100)


def test_new_layers_and_frozen_ones_come_back(tmp_path: Path) -> None:
    saved = nn.Sequential(
        nn.Conv2D(1, 2, 3, rng=0), nn.LeakyReLU(0.2), nn.AveragePool2D(3, 2), nn.Sigmoid(), nn.Flatten(),
        nn.Dense(8, 3, rng=1), nn.Tanh(),
    )  # fmt: skip
    saved.layers[0].frozen = True
    nn.save(saved, tmp_path / "model.npz")
    loaded = nn.load(tmp_path / "model.npz")
    assert repr(loaded) == repr(saved)
    assert [layer.frozen for layer in loaded.layers] == [True] + 6 * [False]
    x = np.random.default_rng(1).random((5, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(loaded.forward(x), saved.forward(x))
    with np.load(tmp_path / "model.npz") as file:
        descriptions = json.loads(str(file["architecture"]))["layers"]
    assert [sorted(each) for each in descriptions] == [["arguments", "class", "frozen"]] + 6 * [["arguments", "class"]]


@pytest.mark.parametrize("value", ["yes", 1, [True]])
def test_a_frozen_that_is_neither_true_nor_false(tmp_path: Path, value: object) -> None:
    path = tmp_path / "model.npz"
    nn.save(nn.Sequential(nn.Dense(1, 1, rng=0)), path)
    with np.load(path) as file:
        arrays = dict(file)
    architecture = json.loads(str(arrays["architecture"]))
    architecture["layers"][0]["frozen"] = value
    np.savez(path, **arrays | {"architecture": np.array(json.dumps(architecture))})
    with pytest.raises(ValueError, match="frozen"):
        nn.load(path)


def tied() -> nn.Sequential:
    model = nn.Sequential(nn.Dense(2, 2), nn.Tanh(), nn.Dense(2, 2), nn.Dense(2, 2), rng=0)
    model[2].params["weight"] = model[3].params["weight"] = model[0].params["weight"]
    return model


def test_the_file_says_what_two_layers_share_and_holds_it_for_each(tmp_path: Path) -> None:
    nn.save(tied(), tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        assert json.loads(str(file["architecture"]))["tied"] == {"2.weight": "0.weight", "3.weight": "0.weight"}
        np.testing.assert_array_equal(file["2.weight"], file["0.weight"])
    nn.save(model(), tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        assert json.loads(str(file["architecture"])).keys() == {"format", "layers"}  # as earlier versions wrote it


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tied", {"2.weight": "0.scale"}, "tied arrays '2.weight' and '0.scale' are not both parameters"),
        ("tied", {"9.weight": "0.weight"}, "are not both parameters"),
        ("tied", {"2.weight": "0.bias"}, "tied arrays '2.weight' and '0.bias' differ"),
        ("tied", {"2.weight": 0}, "tied.2.weight is '0', expected a text"),
        ("tied", ["2.weight"], "tied is a list of 1, expected an object"),
        ("tied", None, "tied is null, expected a value"),
        ("fuse", "no", "fuse is 'no', expected true or false"),
    ],
)
def test_what_a_file_says_of_the_whole_network_is_checked(
    tmp_path: Path, field: str, value: object, message: str
) -> None:
    path = tmp_path / "model.npz"
    nn.save(tied(), path)
    with np.load(path) as file:
        arrays = dict(file)
    architecture = json.loads(str(arrays["architecture"])) | {field: value}
    np.savez(path, **arrays | {"architecture": np.array(json.dumps(architecture))})
    with pytest.raises(ValueError, match=re.escape(message)):
        nn.load(path)


def test_arrays_that_were_one_and_differ_in_the_file_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    nn.save(tied(), path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["3.weight"] = arrays["3.weight"] + 1
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"its tied arrays '3.weight' and '0.weight' differ"):
        nn.load(path)
