"""The benchmarks run and compare like with like. No test depends on what they measure."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.profiling.conv2d import ConvPool, run_forward
from nnscratch.training.averaging import WeightAverage
from nnscratch.training.batches import Augment, AugmentedBatches, Batches

FOLDER = Path(__file__).parent.parent / "benchmarks"
MODULES = (
    "machine.py", "ladder.py", "rank_model.py", "torch_twin.py",
    *(f"engine_{part}.py" for part in ("builders", "graphs", "networks", "process", "runs", "table")),
)  # what the programs import, or start  # fmt: skip
PROGRAMS = sorted(path.name for path in FOLDER.glob("*.py") if path.name not in MODULES)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_a_start_without_overrides_of_blas(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process; that a start is one, tests/profiling/test_machine.py shows."""
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr("nnscratch.profiling.machine.start", lambda: print("started"))
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / program), run_name="__main__")
    said = capsys.readouterr()
    assert (ended.value.code, said.err) == (0, "")
    assert said.out.startswith("started\n")
    assert "--json" in said.out


def load(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_json_that_cannot_be_written_is_found_before_the_work(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    main = importlib.import_module(program.removesuffix(".py")).main
    monkeypatch.setitem(main.__globals__, "start", lambda: None)
    for out, message in ((tmp_path, "got a folder"), (tmp_path / "no" / "a.json", "got a folder that does not")):
        monkeypatch.setattr(sys, "argv", [program, "--json", str(out)])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 2
        printed = capsys.readouterr()
        assert f"argument --json: {out}: {message}" in printed.err
        assert printed.out == ""


def test_the_description_has_versions() -> None:
    facts = load("machine").description("matplotlib")
    assert {"processor", "BLAS", "numpy", "nnscratch", "matplotlib"} <= facts.keys()


@pytest.fixture
def ladder(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    module = importlib.import_module("ladder")
    layers = {"small": ConvPool(96, 8, 8, 1, 2, 3), "wide": ConvPool(96, 10, 10, 16, 40, 3, padding=1)}
    monkeypatch.setattr(module, "LAYERS", layers)
    monkeypatch.setattr(module, "PRODUCTS", [("dense", 5, 4)])
    return module


def test_the_rungs_of_a_layer_compute_the_same(ladder: ModuleType) -> None:
    for layer in ladder.LAYERS.values():
        x = np.random.default_rng(0).random((3, *layer.x_shape[1:]), dtype=np.float32)
        made = list(ladder.rungs(layer).values())
        assert len(made) >= 3
        results = [run_forward(stages, x) for stages in made]
        for result in results[1:]:
            np.testing.assert_allclose(result, results[0], rtol=1e-4, atol=1e-5)


def test_the_tables_of_the_ladder(ladder: ModuleType) -> None:
    forward, backward = (list(ladder.conv_table(direction, repeats=1)) for direction in ("forward", "backward"))
    dense = list(ladder.dense_table(repeats=1))
    for table in (forward, backward, dense):
        assert len({line.count("|") for line in table}) == 1  # as many cells in each row
    assert [len(table) for table in (forward, backward, dense)] == [4, 4, 8]
    small, wide = forward[2:]
    assert small.count("**") == wide.count("**") == 2  # the rung that the library takes
    assert "**" in wide.split("|")[-2]  # Winograd's


@pytest.fixture
def twin() -> ModuleType:
    pytest.importorskip("torch")
    return load("torch_twin")


@pytest.fixture(scope="module")
def faces() -> Faces:
    return draw_faces(20, seed=0)


def trainer(augment: Augment | None = None, dropout: float | None = None) -> nn.Trainer:
    """The Trainer of train_cnn.py --recipe best, with batches of 8."""
    recipe = runpy.run_path(str(FOLDER.parent / "examples" / "train_cnn.py"))["RECIPES"]["best"]
    network = recipe.network(rng=np.random.default_rng(0))
    for layer in network.layers:
        if isinstance(layer, nn.Dropout) and dropout is not None:
            layer.p = dropout
    made = recipe.trainer(network, seed=0, progress=False)
    made.batch_size, made.augment = 8, augment
    return made


@pytest.mark.parametrize("layout", ["channels_last", "contiguous_format"])
def test_pytorch_has_the_same_network(twin: ModuleType, faces: Faces, layout: str) -> None:
    ours = trainer()
    theirs = twin.Training(ours, layout, background=False)
    np.testing.assert_allclose(theirs.predict(twin.pictures(faces.x)), ours.model.predict(faces.x), atol=1e-4)


def test_pytorch_has_the_same_loss_and_gradients(twin: ModuleType, faces: Faces) -> None:
    ours = trainer(dropout=0.0)
    theirs = twin.Training(ours, "channels_last", background=False)
    x, target, known = theirs._batch(twin.pictures(faces.x), faces.y, np.arange(len(faces)))
    loss = twin.masked_mse(theirs.network(x), target, known)
    loss.backward()
    assert np.isnan(faces.y).any()  # so missing labels are tried, too
    own_loss = nn.MSELoss()
    assert own_loss.forward(ours.model.forward(faces.x, training=True), faces.y) == pytest.approx(loss.item(), rel=1e-5)
    ours.model.backward(own_loss.backward())
    biases = [layer.grads["bias"] for layer in ours.model.layers if "bias" in layer.grads]
    others = [w.grad.numpy() for name, w in theirs.network.named_parameters() if name.endswith("bias")]
    assert len(biases) > 2
    for bias, other in zip(biases, others, strict=True):
        # Where two pixels under a maximum are nearly equal, rounding decides which of them gets the
        # gradient.
        np.testing.assert_allclose(other, bias, atol=1e-3 * np.abs(bias).max())


def test_pytorch_without_a_label_has_no_loss(twin: ModuleType) -> None:
    import torch

    assert twin.masked_mse(torch.ones(2, 30), torch.zeros(2, 30), torch.zeros(2, 30)).item() == 0


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("bent", [{}, {"stretch": 0.1, "bend": 1.5, "contrast": 0.3, "brightness": 0.1}])
def test_pytorch_sees_the_same_pictures_and_labels(
    twin: ModuleType, faces: Faces, bent: dict[str, float], background: bool
) -> None:
    offsets = LabelOffsets({2**15 - 1: 1.5}, other=-0.5)
    augmentation = Augmentation(flip=0.5, rotation=12, scale=0.1, shift=9, offsets=offsets, **bent)
    theirs = twin.Training(trainer(augmentation), "channels_last", background)
    batches = AugmentedBatches(Batches(faces.x, faces.y, 8), augmentation).shuffled(np.random.default_rng(0))
    sizes = []
    for (x, y), (other, target, known) in zip(batches, theirs._batches(twin.pictures(faces.x), faces.y), strict=True):
        np.testing.assert_allclose(other.numpy()[:, 0], x[..., 0], atol=1e-4)
        np.testing.assert_array_equal(known.numpy() == 1, np.isfinite(y))
        np.testing.assert_allclose(target.numpy(), np.nan_to_num(y), atol=1e-6)
        sizes.append(len(x))
    assert sizes == [8, 8, 4]


@pytest.mark.parametrize("augmentation", [Augmentation(noise=0.1), Augmentation(blank=8)])
def test_pytorch_does_not_leave_out_what_it_cannot_do(
    twin: ModuleType, faces: Faces, augmentation: Augmentation
) -> None:
    with pytest.raises(ValueError, match="without noise and blank"):
        twin.augmented(augmentation, twin.pictures(faces.x), faces.y, np.random.default_rng(0))


def test_pytorch_averages_the_same_weights(twin: ModuleType) -> None:
    import torch

    model = nn.Sequential(nn.Flatten(), nn.Dense(96 * 96, 2, rng=0))
    ours, network = WeightAverage(model, 0.5), twin.twin(model)
    theirs = twin.Average(network, 0.5)
    for step in range(12):  # (1 + n) / (10 + n) grows above 0.5 at n = 8
        model.layers[1].params["weight"] += step
        with torch.no_grad():
            network[1].weight += step
        ours.update()
        theirs.update()
    np.testing.assert_allclose(theirs.network[1].weight.numpy().T, ours.parameters[0], rtol=1e-5)
    assert ours.parameters[0].max() < model.layers[1].params["weight"].min()  # so something was averaged


def test_pytorch_takes_the_steps_of_the_schedule(twin: ModuleType, faces: Faces) -> None:
    ours = trainer()
    theirs = twin.Training(ours, "channels_last", background=False)
    theirs.epoch(twin.pictures(faces.x), faces.y, total_steps=2 * 3)
    assert ours.lr is not None
    assert {group["lr"] for group in theirs.optimizer.param_groups} == {ours.lr(2 / 5)}
    assert [group["weight_decay"] for group in theirs.optimizer.param_groups] == [ours.optimizer.weight_decay, 0]
    assert theirs.average.updates == 3


def test_without_dropout_both_learn_the_same(twin: ModuleType, faces: Faces) -> None:
    augmentation = Augmentation(flip=0.5, rotation=12, scale=0.1, shift=1)
    ours, x = trainer(augmentation, dropout=0.0), twin.pictures(faces.x)
    before = ours.model.predict(faces.x)
    theirs = twin.Training(trainer(augmentation, dropout=0.0), "channels_last", background=False)
    for _ in range(3):
        theirs.epoch(x, faces.y, total_steps=3 * math.ceil(len(faces) / ours.batch_size))
    validation = (faces.x, faces.y)
    ours.fit(faces.x, faces.y, epochs=3, validation=validation, keep_best=False)  # leaves the averaged weights
    after = ours.model.predict(faces.x)
    np.testing.assert_allclose(theirs.predict(x), after, atol=0.01 * np.abs(after - before).max())


def test_a_search_with_two_jobs_and_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib = pytest.importorskip("joblib")
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(FOLDER)
    program = load("grid_search")
    monkeypatch.setattr(program, "in_a_new_process", program.measure)  # in this one
    monkeypatch.setattr(program, "FOLDS", 2)
    with joblib.parallel_config(backend="threading"):  # without the start of processes
        figures = program.compare(repeats=1, epochs=1, rows=60)
    for when in ("first", "again"):
        one, two = figures[when]["seconds"]
        assert len(one) == len(two) == 1
        assert figures[when]["ratio"] == one[0] / two[0]
    assert capsys.readouterr().out.count(" x\n") == 2
    different = iter([{"scores": [0.0]}, {"scores": [1.0]}, {"scores": [2.0]}])
    monkeypatch.setattr(program, "in_a_new_process", lambda *_: next(different))
    with pytest.raises(RuntimeError, match="with two jobs, expected"):
        program.compare(repeats=1, epochs=1, rows=60)


@pytest.mark.nightly
def test_the_time_to_an_error(tmp_path: Path) -> None:
    json_file = tmp_path / "figures.json"
    options = ["--faces", "30", "--epochs", "2", "--target", "50", "--threads", "1", "--curve"]
    options += ["--json", str(json_file)]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    command = [sys.executable, "-W", "error", str(FOLDER / "time_to_error.py"), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    figures = json.loads(json_file.read_text())
    libraries = ["nnscratch"] + ["PyTorch"] * bool(importlib.util.find_spec("torch"))
    assert [row["library"] for row in figures["rows"]] == libraries
    for row in figures["rows"]:
        assert (row["epoch"], row["stopped"], len(row["curve"])) == (1, "target reached", 1)
        assert 0 < row["seconds"] < row["with_all"]
        assert row["faces"] == [26, 4]
    assert ("seconds" in figures["ratios"]) == (len(libraries) == 2)


def test_an_inference_beside_onnx_runtime(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.syspath_prepend(FOLDER)
    program = load("interchange")
    (row,) = program.compare("report CNN", repeats=1, batches=(2,))
    assert (row["network"], row["batch"]) == ("report CNN", 2)
    assert row["difference"] < 1e-5
    own, other = row["milliseconds"].values()
    assert row["ratio"] == other / own
    assert capsys.readouterr().out.startswith("report CNN        batch   2   nnscratch ")
    monkeypatch.setattr(program, "onnx_runtime", lambda path: lambda x: np.zeros((len(x), 30), np.float32))
    with pytest.raises(RuntimeError, match="report CNN: got answers that differ by 1.0e"):
        program.compare("report CNN", repeats=1, batches=(1,))


def test_a_cascade_beside_onnx_runtime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.syspath_prepend(FOLDER)
    program = load("interchange")
    level_1 = nn.Sequential(nn.MaxPool2D(16), nn.Flatten(), nn.Dense(36, 30, rng=1))
    region, level_2 = Region("nose", ("nose_tip",), 8, 20.0), nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=2))
    level = Level((region,), (level_2,), (Blend.none(),))
    Cascade(level_1, np.random.default_rng(0).uniform(20, 76, (15, 2)), (level,)).save(tmp_path)
    compared: list[tuple[str, int]] = []
    monkeypatch.setattr(program, "start", lambda: None)
    monkeypatch.setattr(
        program, "compare", lambda *case, compare=program.compare: compared.append(case) or compare(*case, (2,))
    )
    monkeypatch.setattr(sys, "argv", ["interchange.py", "--only", "cascade", "--quick", "--cascade", str(tmp_path)])
    program.main()
    assert compared == [("cascade", 2)]
    assert "cascade           batch   2   nnscratch " in capsys.readouterr().out


def test_a_cascade_that_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.syspath_prepend(FOLDER)
    program = load("interchange")
    monkeypatch.setattr(program, "start", lambda: None)
    monkeypatch.setattr(sys, "argv", ["interchange.py", "--cascade", str(tmp_path)])
    for came in ("a folder without model.npz", "a single network"):
        with pytest.raises(SystemExit) as ended:
            program.main()
        assert ended.value.code == 2
        assert came in capsys.readouterr().err
        nn.save(nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=1)), tmp_path / "model.npz")


def test_the_cascade_that_stands_for_a_trained_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    cascade = load("interchange").best_cascade()
    (level,) = cascade.levels
    recipe = runpy.run_path(str(FOLDER.parent / "examples" / "train_cascade.py"))["RECIPES"]["best"].level_2
    assert [vars(region) for region in level.regions] == [vars(region) for region in recipe.regions]
    assert len(level.networks) == len(level.regions)
    assert len(level.blends) == recipe.passes
    assert all(
        network.layers[-1].n_out == 2 * len(region.points)
        for network, region in zip(level.networks, level.regions, strict=True)
    )


def test_no_onnx_runtime(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    program = load("interchange")
    monkeypatch.setattr(program, "find_spec", lambda package: None)
    monkeypatch.setattr(sys, "argv", ["interchange.py"])
    monkeypatch.setattr(program, "start", lambda: None)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    assert "got no package onnx and onnxruntime, expected both; pip install" in capsys.readouterr().err


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return load("ranks")


def made_figures(ranks: ModuleType) -> dict[str, object]:
    """A step takes 1 ms per row and thread; a gradient is 1 MB; a message takes 2 ms."""
    compute = {
        f"{name}, {128 // n} rows, {threads} threads": 0.128 / n / threads
        for name in ranks.NETWORKS
        for n in ranks.COUNTS
        for threads in (1, 2)
    }
    alone = {
        "compute": compute,
        "pack": dict.fromkeys(ranks.NETWORKS, 0.001),
        "bytes": dict.fromkeys(ranks.NETWORKS, 10**6),
    }
    several = {"allreduce": {str(size): 2e-9 * size for size in ranks.SIZES}}
    return {"alone": alone, "2": several, "4": several}


def test_steps_of_several_ranks_are_predicted_by_their_parts(ranks: ModuleType) -> None:
    facts, name = made_figures(ranks), "kfkd net2"
    model = sys.modules["rank_model"]
    assert ranks.predicted(facts, name, 1, cores=2) == pytest.approx(0.064)
    assert ranks.predicted(facts, name, 2, cores=2) == pytest.approx(0.064 + 0.001 + 0.002)
    assert ranks.predicted(facts, name, 4, cores=2) == pytest.approx(2 * 0.032 + 2 * 0.001 + 0.002)
    # Eight machines: 3 doublings, each a message there and one back; 7/8 of the bytes twice.
    expected = 0.008 + 0.001 + 2 * 3 * 50e-6 + 2 * 7 / 8 * 1e6 / 1e9
    assert model.on_machines(facts, name, 8, 2, 50e-6, 1e9) == pytest.approx(expected)
    for rows in ranks.speed_ups(facts, [name], 2).values():
        assert rows[name][0] == 1
        assert rows[name][1] > 1
    assert model.pays_up_to([1.0, 1.9, 3.0, 3.2, 5.0, 6.0, 7.0]) == 4
    assert model.pays_up_to([1.0, 0.9, 3.0, 3.2, 5.0, 6.0, 7.0]) == 1


def test_without_mpi_the_benchmark_of_ranks_says_so(
    ranks: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ranks.shutil, "which", lambda name, path: None)
    with pytest.raises(SystemExit, match="2"):
        ranks.in_new_process(2, "measure", 0.1)
    assert capsys.readouterr().err.count("\n") == 1
