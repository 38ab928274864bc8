"""benchmarks/engines.py: every engine computes the same step; none can spoil the table."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.profiling.roof import Roof

FOLDER = Path(__file__).parent.parent / "benchmarks"
IN_THIS_PROCESS = ("pytorch", "pytorch-last", "onnxruntime", "openvino", "scikit-learn")  # soon imported


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    program = importlib.import_module("engines")
    monkeypatch.setattr(program, "start", lambda: None)
    monkeypatch.setattr(program, "roof", lambda: Roof(100.0, 10.0, 2))
    monkeypatch.setattr(sys.modules["machine"], "gemm_gflops", lambda threads: 1.0)
    return program


@pytest.fixture
def runs() -> ModuleType:
    return importlib.import_module("engine_runs")


def source(engine: Any, network: str, folder: Path) -> Any:
    """What an engine's builder takes: our layers, or the path of their ONNX file."""
    networks = importlib.import_module("engine_networks")
    model = networks.NETWORKS[network]()
    if not engine.from_onnx:
        return model
    networks.write_onnx(model, folder / "model.onnx")
    return str(folder / "model.onnx")


@pytest.mark.parametrize("network", ["report CNN", "deep CNN", "report MLP"])
@pytest.mark.parametrize("name", IN_THIS_PROCESS)
def test_an_engine_makes_the_same_step(name: str, network: str, engines: ModuleType, tmp_path: Path) -> None:
    engine = engines.ENGINES[name]
    if network not in (engine.networks or [network]):
        pytest.skip("the engine has no convolutions")
    for package in engine.packages:
        pytest.importorskip(package)
    before, after = engines.expected(network, 3)
    assert np.abs(after - before).max() > 0.1 * np.abs(after).max()  # so a step is no small thing
    steps = engine.build(source(engine, network, tmp_path), *engines.random_batch(3))
    answers = np.asarray(steps.infer())
    assert answers.shape == (3, 30)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, before, atol=1e-5 * np.abs(before).max())
    assert (steps.train is None) == engine.from_onnx
    if steps.train:
        steps.train()
        np.testing.assert_allclose(np.asarray(steps.infer()), after, atol=1e-4 * np.abs(after).max())


def test_both_memory_layouts_of_pytorch_are_tried(engines: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    twins = importlib.import_module("torch_twin")
    seen: list[bool] = []

    def noted(x: np.ndarray, make: Any = twins.pictures) -> Any:
        images = make(x)
        monkeypatch.setattr(images, "contiguous", lambda memory_format: seen.append(memory_format) or images)
        return images

    monkeypatch.setattr(twins, "pictures", noted)
    for name in ("pytorch", "pytorch-last"):
        engines.ENGINES[name].build(engines.NETWORKS["report CNN"](), *engines.random_batch(1))
    assert seen == [torch.contiguous_format, torch.channels_last]


def test_the_networks_have_no_dropout(engines: ModuleType) -> None:
    for make in engines.NETWORKS.values():
        assert not any(isinstance(layer, nn.Dropout) for layer in make().layers)


def test_a_layer_that_jax_and_tensorflow_do_not_have_here_is_named(engines: ModuleType) -> None:
    graphs = importlib.import_module("engine_graphs")
    with pytest.raises(ValueError, match=r"got Tanh\(\), expected a layer .*; add it to engine_graphs.py"):
        raise graphs.unknown(nn.Tanh())
    layers = [nn.Dense(2, 2, rng=0), nn.ReLU(), nn.MaxPool2D(2), nn.ReLU(), nn.ReLU(), nn.MaxPool2D(2)]
    kinds = [type(layer).__name__ for layer in graphs.pooled_first(layers)]
    assert kinds == ["Dense", "MaxPool2D", "ReLU", "ReLU", "MaxPool2D", "ReLU"]


def test_a_whole_run(
    engines: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["nnscratch", *(["onnxruntime"] if find_spec("onnxruntime") and find_spec("onnx") else [])]
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    table, picture = tmp_path / "engines.json", tmp_path / "engines.png"
    options = ["--quick", "--networks", "report MLP", "--batches", "2", "1", "2", "--engines", *asked, "nnscratch"]
    options.append("--markdown")
    monkeypatch.setattr(sys, "argv", ["engines.py", *options, "--json", str(table), "--plot", str(picture)])
    engines.main()
    printed = capsys.readouterr()
    assert not printed.err
    lines = printed.out.splitlines()
    assert max(map(len, lines[1:])) <= 80
    assert lines[1] == "roof: 100 GFLOP/s, 10 GB/s on 2 threads"
    assert lines[2].startswith("NumPy's product of 2048 x 2048: 1 GFLOP/s, 1% of the roof, by ")
    cells = [line.split("|")[1:4] for line in lines if line.startswith("| report MLP")]
    assert [(cell[0].strip(), cell[1].strip()) for cell in cells] == [("report MLP", "1"), ("report MLP", "2")]
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    facts = json.loads(table.read_text())
    assert [(row["work"], row["batch"]) for row in facts["rows"]] == [
        ("train", 1), ("train", 2), ("infer", 1), ("infer", 2)
    ]  # fmt: skip
    assert all(min(row["milliseconds"].values()) > 0 for row in facts["rows"])
    assert [set(row["milliseconds"]) for row in facts["rows"]] == 2 * [{"nnscratch"}] + 2 * [set(asked)]
    for each in facts["processes"]:
        assert 0 < each["megabytes"] < each["peak_megabytes"] < 4000
        assert each["first_seconds"] > 0
        assert each["BLAS"]
    assert not facts["failures"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_is_not_installed_is_a_line(
    engines: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda package: None if package == "jax" else object())
    monkeypatch.setattr(engines, "measure", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["engines.py", "--engines", "nnscratch", "jax"])
    engines.main()
    assert "JAX: not installed: jax" in capsys.readouterr().out


def test_what_was_measured_before_an_interruption_is_shown(
    engines: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(arguments: Any, folder: Path, found: Any) -> None:
        found.times["report MLP", 1, "train", "nnscratch"] = [0.25]
        raise KeyboardInterrupt

    monkeypatch.setattr(engines, "measure", interrupted)
    monkeypatch.setattr(sys, "argv", ["engines.py", "--json", str(tmp_path / "a.json")])
    with pytest.raises(KeyboardInterrupt):
        engines.main()
    assert "train, batch 1     0.250" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engines", "caffe"], "invalid choice: 'caffe'"),
        (["--networks", "alexnet"], "invalid choice: 'alexnet'"),
        (["--batches", "0"], "expected a whole number from 1 up"),
        (["--rounds", "some"], "expected a whole number from 1 up"),
        (["--plot", "a.svg"], "expected a name that ends in .png"),
        (["--plot", "no/a.png"], "got a folder that does not exist"),
    ],
)
def test_bad_options_are_status_2(
    engines: ModuleType, options: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "argv", ["engines.py", *options])
    with pytest.raises(SystemExit) as ended:
        engines.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_process_that_fails_or_hangs_is_one_line(runs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    request = {"engine": "onnxruntime", "network": "report MLP", "batches": [1], "seconds": 0.0, "onnx": "nowhere.onnx"}
    lines, error = runs.in_new_process("onnxruntime", request, 60)
    assert not lines
    assert error
    assert "\n" not in error
    began = time.perf_counter()
    assert runs.in_new_process("nnscratch", request, 0.05) == ([], "took longer than 0.05 s")
    assert time.perf_counter() - began < 10


def test_a_process_has_no_variables_that_choose_kernels(runs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    named = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "ONEDNN_MAX_CPU_ISA", "XLA_FLAGS", "ATEN_CPU_CAPABILITY")
    for name in named:
        monkeypatch.setenv(name, "Haswell")
    given: list[dict[str, str]] = []

    def popen(command: list[str], env: dict[str, str], **_: Any) -> Any:
        given.append(env)
        raise OSError("not started")

    monkeypatch.setattr(runs.subprocess, "Popen", popen)
    for engine in ("nnscratch", "jax", "tensorflow"):
        with pytest.raises(OSError, match="not started"):
            runs.in_new_process(engine, {}, 1.0)
    assert not any(name in env for env in given for name in named)
    assert all("PATH" in env for env in given)
    assert ["MALLOC_MMAP_MAX_" in env for env in given] == [False, True, True]


def process_lines(answers: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"first_seconds": 0.5, "answers": answers.tolist()},
        {"batch": 1, "train": 2.0, "infer": 1.0},
        {"peak_megabytes": 90.0, "added_megabytes": 40.0, "version": "1", "BLAS": "some"},
    ]


def test_nothing_goes_on_behind_an_interruption(runs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    def interrupted(process: Any, timeout: float | None = None) -> None:
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.in_new_process("nnscratch", {}, 60.0)
    assert started[0].wait(10) != 0
    started[0].stdout.close()


def test_wrong_answers_are_not_timed(runs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    right, found = np.ones((1, 30)), runs.Found()
    for engine, answers in (("jax", right), ("pytorch", 1.001 * right), ("openvino", np.nan * right)):
        monkeypatch.setattr(runs, "in_new_process", lambda *_, answers=answers: (process_lines(answers), ""))
        runs.run(found, ("report MLP", engine), {"batches": [1]}, right, 1.0)
    assert {engine for _, _, _, engine in found.times} == {"jax"}
    assert set(found.processes) == {("report MLP", "jax")}
    assert found.failures["report MLP", "pytorch"].startswith("its answers differ by 1.0e-03 of the largest")
    assert found.failures["report MLP", "openvino"].startswith("its answers differ by nan")


def test_what_came_before_the_end_counts(runs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    found, lines = runs.Found(), process_lines(np.ones((1, 30)))[:2]
    monkeypatch.setattr(runs, "in_new_process", lambda *_: (lines, "took longer than 1 s"))
    runs.run(found, ("report MLP", "jax"), {"batches": [1]}, np.ones((1, 30)), 1.0)
    assert len(found.times) == 2
    assert found.failures == {("report MLP", "jax"): "took longer than 1 s"}
    assert not found.process_rows()


def test_an_engine_that_is_far_behind_is_not_tried_again(
    engines: ModuleType, runs: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    times = {"nnscratch": (9.0, 90.0), "pytorch": (1.0, 10.0), "jax": (1.9, 21.0), "onnxruntime": (2.5, 5.0)}
    asked: list[tuple[str, list[int]]] = []

    def process(engine: str, request: dict[str, Any], limit: float) -> tuple[list[dict[str, Any]], str]:
        asked.append((engine, request["batches"]))
        lines = process_lines(engines.expected("report MLP", 1)[0 if engine == "onnxruntime" else 1])
        train = None if engine == "onnxruntime" else 100.0 if engine == "jax" else 1.0
        of = dict(zip((1, 100), times[engine], strict=True))
        lines[1:2] = [{"batch": size, "train": train, "infer": of[size]} for size in request["batches"]]
        return lines if request["batches"][0] == 1 else lines[1:], ""

    monkeypatch.setattr(runs, "in_new_process", process)
    monkeypatch.setattr(engines, "write_onnx", lambda model, path: None)
    options = {"engines": list(times), "networks": ["report MLP"], "batches": [1, 100], "rounds": 2}
    found = runs.Found()
    engines.measure(argparse.Namespace(**options, seconds=0.1, limit=1), tmp_path, found)
    assert not found.failures
    assert asked[:4] == [(engine, [1, 100]) for engine in times]
    assert asked[4:] == [("nnscratch", [1, 100]), ("pytorch", [1, 100]), ("jax", [1]), ("onnxruntime", [100])]
    assert [len(found.processes["report MLP", engine]) for engine in times] == [2, 2, 1, 1]
    assert len(found.times["report MLP", 1, "infer", "jax"]) == 2
    assert len(found.times["report MLP", 100, "infer", "jax"]) == 1


def test_medians_of_rounds_and_the_best_other_engine(runs: ModuleType) -> None:
    found = runs.Found()
    for engine, times in (("nnscratch", [2.0, 9.0, 1.0]), ("jax", [5.0, 6.0, 7.0]), ("pytorch", [8.0, 3.0])):
        found.times["report MLP", 1, "train", engine] = times
    found.times["report MLP", 1, "infer", "nnscratch"] = [1.0]
    train, infer = found.rows()
    assert train["milliseconds"] == {"nnscratch": 2.0, "jax": 6.0, "pytorch": 5.5}
    assert (train["best_other"], train["ratio"]) == ("pytorch", 2.75)
    assert (infer["best_other"], infer["ratio"]) == (None, None)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_tables_keep_to_80_columns(scale: float, engines: ModuleType, runs: ModuleType, tmp_path: Path) -> None:
    table, found = importlib.import_module("engine_table"), runs.Found()
    for network in engines.NETWORKS:
        for k, engine in enumerate(engines.ENGINES):
            for work in ("train", "infer"):
                if engine != "jax" or network != "report CNN":  # where it has failed
                    found.times[network, 512, work, engine] = [scale * (1 + k)]
    processes = [{"network": "kfkd net2", "engine": "jax", "megabytes": scale, "first_seconds": scale}]
    lines = list(table.tables(found.rows(), processes, list(engines.ENGINES)))
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["report", "CNN", *(engine.head for engine in engines.ENGINES.values())]
    best = [line for line in lines if line.endswith(" 2.00")]
    assert [line[:17].strip() for line in best] == list(engines.NETWORKS)
    assert len({len(line) for line in best}) == 1
    assert len({line.rindex("2.00") for line in best}) == 1
    if scale == 1:
        table.draw(found.rows(), list(engines.ENGINES), "times", tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-xla", "jax", "torch-compile"])
def test_a_slow_engine_makes_the_same_step(name: str, engines: ModuleType, runs: ModuleType) -> None:
    """In processes of their own: their imports warn, and take seconds."""
    for package in engines.ENGINES[name].packages:
        if not find_spec(package):
            pytest.skip(f"no {package}")
    found, network = runs.Found(), "deep CNN"
    request = {"engine": name, "network": network, "batches": [2], "seconds": 0.0, "onnx": ""}
    runs.run(found, (network, name), request, engines.expected(network, 2)[1], 300)
    assert not found.failures
    assert len(found.times) == 2


def test_the_stages_of_a_step_beside_the_roof(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from nnscratch.profiling import roof, steps

    program = importlib.import_module("stages")
    monkeypatch.setattr(program, "start", lambda: None)
    monkeypatch.setattr(roof, "_measured", lambda dtype, threads: Roof(100.0, 10.0, threads, dtype))
    monkeypatch.setattr(steps, "_LEAST", 4)
    monkeypatch.setattr(steps, "_SECONDS", 0.0)
    options = ["--networks", "report MLP", "report MLP", "--batch", "2", "--json", str(tmp_path / "a.json")]
    monkeypatch.setattr(sys, "argv", ["stages.py", *options])
    program.main()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[1:])) <= 80
    assert lines.count("a training step of report MLP") == 1
    profile = json.loads((tmp_path / "a.json").read_text())["profiles"]["report MLP"]
    dense = 9216 * 256 + 256 * 100 + 100 * 30
    assert profile["operations"] == 2 * 2 * (3 * dense - 9216 * 256)  # the first layer computes no dx
    assert profile["gflops"] == pytest.approx(profile["operations"] / profile["clock"] / 1e6)
    assert profile["share_of_multiply_adds"] == pytest.approx(profile["gflops"] / 100)


def test_a_time_is_the_median_of_calls_behind_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    process = importlib.import_module("engine_process")
    now = 0.0

    def calls(*lengths: float) -> tuple[float, int]:
        """Milliseconds, and how many calls there were; the last length goes on."""
        seen = 0

        def work() -> None:
            nonlocal now, seen
            now += lengths[min(seen, len(lengths) - 1)]
            seen += 1

        return process.milliseconds(work, seconds=0.3), seen

    monkeypatch.setattr(process.time, "perf_counter", lambda: now)
    assert calls(20.0, 9.0) == (pytest.approx(9000), 2)  # one to warm up, and one that counts
    assert calls(20.0, 1.0) == (pytest.approx(1000), 3)
    assert calls(0.15, 0.1, 0.1, 0.3) == (pytest.approx(100), 4)
    assert calls(2**-20) == (pytest.approx(1e3 * 2**-20), 20 + process._MOST)
