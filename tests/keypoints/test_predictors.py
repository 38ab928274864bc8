from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.checks import NotFiniteError
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import to_network_input, to_points
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.mirror_pass import both_ways
from nnscratch.keypoints.predictors import SingleNetwork, export_onnx, load_predictor

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 96, 96)).astype(np.uint8)


def network(seed: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=seed))


@pytest.mark.parametrize("ways", [False, True])
def test_a_single_network_comes_back(tmp_path: Path, ways: bool) -> None:
    saved = SingleNetwork(network(1), both_ways=ways)
    assert sorted(saved.save(tmp_path)) == sorted(path.name for path in tmp_path.iterdir())
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, SingleNetwork)
    assert loaded.both_ways is ways
    np.testing.assert_array_equal(loaded.predict_points(IMAGES), saved.predict_points(IMAGES))


def test_a_network_alone_is_enough(tmp_path: Path) -> None:
    """As an earlier version, or `nn.save`, leaves it."""
    nn.save(network(1), tmp_path / "model.npz")
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, SingleNetwork)
    assert loaded.both_ways is False
    np.testing.assert_array_equal(loaded.predict_points(IMAGES), SingleNetwork(network(1)).predict_points(IMAGES))


def test_both_ways_are_averaged_if_they_are_to_be() -> None:
    x = to_network_input(IMAGES)
    one_way, two_ways = (SingleNetwork(network(1), ways).predict_points(IMAGES) for ways in (False, True))
    np.testing.assert_array_equal(one_way, to_points(network(1).predict(x)))
    np.testing.assert_array_equal(two_ways, to_points(both_ways(network(1), x)[0]))
    assert np.abs(one_way - two_ways).max() > 1


@pytest.mark.parametrize("ways", [False, True])
def test_an_onnx_graph_answers_as_the_network(tmp_path: Path, ways: bool) -> None:
    pytest.importorskip("onnxruntime")
    from tests.keypoints.onnx_graphs.computed import run_file

    SingleNetwork(network(1), both_ways=ways).save(tmp_path)
    path = load_predictor(tmp_path).export_onnx(tmp_path)
    assert path == tmp_path / "network.onnx"
    for count in (0, 1, 4):
        (points,) = run_file(path, images=IMAGES[:count])
        expected = load_predictor(tmp_path).predict_points(IMAGES[:count])
        np.testing.assert_allclose(points, expected, rtol=0, atol=1e-5 * 96, strict=True)


def test_a_run_as_an_onnx_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    small_cascade(tmp_path)
    out = tmp_path / "graphs"
    out.mkdir()
    assert export_onnx(tmp_path, out / "own.onnx") == out / "own.onnx"
    assert export_onnx(load_predictor(tmp_path), out) == out / "cascade.onnx"
    assert (out / "own.onnx").read_bytes() == (out / "cascade.onnx").read_bytes()
    with pytest.raises(DataError, match="a folder without model.npz"):
        export_onnx(out, out / "none.onnx")
    assert len(list(out.iterdir())) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_damaged_settings(tmp_path: Path, content: str) -> None:
    SingleNetwork(network(1)).save(tmp_path)
    (tmp_path / "network.json").write_text(content)
    with pytest.raises(DataError, match=r"network.json: got a damaged file .*; train again"):
        load_predictor(tmp_path)


def test_points_are_in_pixels() -> None:
    model = network(1)
    model.layers[1].params["weight"][:] = 0
    model.layers[1].params["bias"][:] = 0.5
    np.testing.assert_allclose(SingleNetwork(model).predict_points(IMAGES), np.full((4, 15, 2), 72.0))


def test_a_cascade_comes_back(tmp_path: Path) -> None:
    crop_network = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=2))
    level = Level((Region("nose", ("nose_tip",), 8, 20.0),), (crop_network,), (Blend.none(),))
    saved = Cascade(network(1), np.random.default_rng(0).uniform(20, 76, (15, 2)), (level,))
    saved.save(tmp_path)
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, Cascade)
    np.testing.assert_array_equal(loaded.predict_points(IMAGES), saved.predict_points(IMAGES))
    for predictor in (loaded, SingleNetwork(network(1))):  # which of them has conventions need not be known
        asked = np.ones((len(IMAGES), 15), bool)
        np.testing.assert_array_equal(predictor.predict_points(IMAGES, asked), predictor.predict_points(IMAGES))
    (tmp_path / "level_2_nose.npz").unlink()
    with pytest.raises(DataError, match=r"a folder without level_2_nose.npz, expected the folder of a finished run"):
        load_predictor(tmp_path)


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder, expected the folder of a finished run; give the --out"):
        load_predictor(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"a folder without model.npz"):
        load_predictor(tmp_path)
    (tmp_path / "model.npz").write_bytes(b"hello")
    with pytest.raises(DataError, match="is no whole nnscratch model"):
        load_predictor(tmp_path)
    (tmp_path / Cascade.FILE).write_text("{")
    with pytest.raises(DataError, match="damaged cascade"):
        load_predictor(tmp_path)


def test_a_model_for_other_pictures(tmp_path: Path) -> None:
    nn.save(nn.Sequential(nn.Flatten(), nn.Dense(100, 30, rng=0)), tmp_path / "model.npz")
    with pytest.raises(DataError, match="expected a network from 96 x 96 pictures to 15 points"):
        load_predictor(tmp_path)
    nn.save(nn.Sequential(nn.Flatten(), nn.Dense(9216, 4, rng=0)), tmp_path / "model.npz")
    with pytest.raises(DataError, match="expected a network from 96 x 96 pictures to 15 points"):
        load_predictor(tmp_path)


def small_cascade(folder: Path) -> None:
    first = nn.Sequential(nn.MaxPool2D(16), nn.Flatten(), nn.Dense(36, 30, rng=1))
    second = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=2))
    level = Level((Region("nose", ("nose_tip",), 8, 20.0),), (second,), (Blend.none(),))
    Cascade(first, np.random.default_rng(0).uniform(20, 76, (15, 2)), (level,)).save(folder)


def with_arrays(folder: Path, **changes: np.ndarray) -> None:
    with np.load(folder / "cascade.npz") as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(folder / "cascade.npz", **arrays | {name.replace("_0_", ".0.")[1:]: a for name, a in changes.items()})


def with_region(folder: Path, **changes: object) -> None:
    description = json.loads((folder / "cascade.json").read_text())
    description["levels"][0]["regions"][0] |= changes
    (folder / "cascade.json").write_text(json.dumps(description))


def with_network(folder: Path, *layers: nn.Layer) -> None:
    nn.save(nn.Sequential(*layers), folder / "level_2_nose.npz")


def with_nan(folder: Path) -> None:
    network = nn.load(folder / "level_2_nose.npz")
    network.layers[1].params["bias"][0] = np.nan
    nn.save(network, folder / "level_2_nose.npz")


nan = np.full((15, 2), np.nan)
BAD_CASCADES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a reference of NaN": (lambda folder: with_arrays(folder, _reference=nan), "its reference has points beyond"),
    "a reference far away": (lambda folder: with_arrays(folder, _reference=np.full((15, 2), 1e9)), "points beyond"),
    "a reference of 14 points": (lambda folder: with_arrays(folder, _reference=nan[1:]), r"is float64 \(14, 2\)"),
    "a reference of text": (lambda folder: with_arrays(folder, _reference=np.array("x")), "'reference' is <U1"),
    "a float32 reference": (lambda folder: with_arrays(folder, _reference=nan.astype(np.float32)), "is float32"),
    "a weight of NaN": (lambda folder: with_arrays(folder, _2_0_weight=np.full((61, 30), np.nan)), "a weight of nan"),
    "an infinite bias": (lambda folder: with_arrays(folder, _2_0_bias=np.full(30, np.inf)), "a weight of inf"),
    "another weight": (lambda folder: with_arrays(folder, _2_0_weight=np.zeros((30, 61))), "'2.0.weight' is float64"),
    "is_off of numbers": (lambda folder: with_arrays(folder, _2_0_is_off=np.zeros(15)), "expected bool"),
    "strength NaN": (lambda folder: with_arrays(folder, _2_0_strength=np.array(np.nan)), "strength=nan"),
    "an array too many": (lambda folder: with_arrays(folder, _3_0_bias=np.zeros(30)), "'3.0.bias' is unknown"),
    "a side of 10**9": (lambda folder: with_region(folder, side=10**9), "side is '1000000000'"),
    "a side of 385": (lambda folder: with_region(folder, side=385), "got side=385"),
    "a side of 8.0": (lambda folder: with_region(folder, side=8.0), "side is '8.0'"),
    "a side of true": (lambda folder: with_region(folder, side=True), "side is 'True'"),
    "a width of 0": (lambda folder: with_region(folder, width=0), "width=0"),
    "a negative width": (lambda folder: with_region(folder, width=-20), "width is '-20'"),
    "a width of text": (lambda folder: with_region(folder, width="20"), "width is '20'"),
    "an infinite width": (lambda folder: with_region(folder, width=float("inf")), "holds Infinity"),
    "a width of NaN": (lambda folder: with_region(folder, width=float("nan")), "holds NaN"),
    "a name that is a path": (lambda folder: with_region(folder, name="../../a"), "it names a file"),
    "a hidden name": (lambda folder: with_region(folder, name=".a"), "it names a file"),
    "a name of a number": (lambda folder: with_region(folder, name=5), "name is '5'"),
    "a point twice": (lambda folder: with_region(folder, points=["nose_tip"] * 2), "each once"),
    "points that are a text": (lambda folder: with_region(folder, points="nose_tip"), "points is 'nose_tip'"),
    "another side": (lambda folder: with_region(folder, side=9), "level_2_nose.npz: .*input"),
    "two points": (lambda folder: with_region(folder, points=["nose_tip", "mouth_left_corner"]), r"outputs \(2,\)"),
    "a network of NaN": (with_nan, "level_2_nose.npz: 1 of 2 values of 1.bias are NaN"),
    "a network for others": (
        lambda folder: with_network(folder, nn.Flatten(), nn.Dense(64, 4, rng=0)), r"level_2_nose.npz: outputs \(4,\)",
    ),
    "a float64 network": (
        lambda folder: with_network(folder, nn.Flatten(), nn.Dense(64, 2, rng=0, dtype=np.float64)), "in float64",
    ),
    "no network": (lambda folder: (folder / "level_2_nose.npz").unlink(), "a folder without level_2_nose.npz"),
    "no numbers": (lambda folder: (folder / "cascade.npz").unlink(), "a folder without cascade.npz"),
    "a network that is cut off": (
        lambda folder: (folder / "level_2_nose.npz").write_bytes(b"PK"), "level_2_nose.npz: its end is damaged",
    ),
    "a network that is a folder": (
        lambda folder: ((folder / "model.npz").unlink(), (folder / "model.npz").mkdir())[0], "cannot be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "message"), BAD_CASCADES.values(), ids=BAD_CASCADES)
def test_a_cascade_that_cannot_work_is_refused_before_it_does(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    small_cascade(tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        load_predictor(tmp_path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("both", ['"no"', "-5", "1", "0", "[]", '{"a": 1}', '"' + "x" * 70_000 + '"'])
def test_both_ways_is_true_or_false(tmp_path: Path, both: str) -> None:
    SingleNetwork(network(1)).save(tmp_path)
    (tmp_path / "network.json").write_text(f'{{"both_ways": {both}}}')
    with pytest.raises(DataError, match=r"network.json: got a damaged file .*(both_ways is|more than 65,536 bytes)"):
        load_predictor(tmp_path)


@pytest.mark.parametrize(
    ("large", "message"), [(1e30, "answers beyond 1,000,000 px, or NaN"), (3e38, "NaN or infinite")]
)
def test_answers_that_are_not_near_the_picture_are_told(tmp_path: Path, large: float, message: str) -> None:
    small_cascade(tmp_path)
    predictor = load_predictor(tmp_path)
    assert isinstance(predictor, Cascade)
    predictor.level_1.layers[2].params["weight"][:] = large
    with pytest.raises(NotFiniteError, match=message):
        predictor.predict_points(IMAGES)
    single = SingleNetwork(predictor.level_1)
    single.network.layers[2].params["weight"][:] = 3e38
    with pytest.raises(NotFiniteError, match="NaN or infinite"):
        single.predict_points(IMAGES)


def test_a_network_of_nan_is_loaded_if_asked_for(tmp_path: Path) -> None:
    diverged = network(1)
    diverged.layers[1].params["bias"][0] = np.nan
    SingleNetwork(diverged).save(tmp_path)
    with pytest.raises(DataError, match="1 of 30 values of 1.bias are NaN"):
        load_predictor(tmp_path)
    assert isinstance(load_predictor(tmp_path, allow_not_finite=True), SingleNetwork)
