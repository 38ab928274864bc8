"""python -m nnscratch diagnose: of a new run, of one of an earlier version, of a damaged one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.scripts import diagnose

# What metrics.json of a run with --epochs 2 said until scripts wrote what they really used.
OLD = {
    "data": None, "rows": "all", "recipe": "plain", "network": None, "epochs": 2, "batch_size": None,
    "time_limit": None, "seed": 0, "threads": 2, "test": None, "lookup": None, "out": "runs/cnn", "training_faces": 34,
    "validation_faces": 6, "optimizer": "adam", "weight_decay": 0.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _few_drawn_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "_DRAWN_FACES", 40)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    network = networks.report_cnn(rng=0)
    network.layers[-4].params["bias"][:] = -100
    nn.save(network, folder / "model.npz")
    write_config(folder, {"data": None, "rows": "all", "seed": 3})
    (folder / "history.csv").write_text("epoch,loss,lr\n1,0.5,0.001\n2,0.4,0.001\n")
    save_faces(draw_faces(10, seed=1), folder / "faces.csv")
    return folder


@pytest.fixture
def run_folder(template: Path, tmp_path: Path) -> Path:
    """A run's folder, with a network whose hidden units are all dead, and faces.csv."""
    return Path(shutil.copytree(template, tmp_path, dirs_exist_ok=True))


def write_config(folder: Path, config: object) -> None:
    (folder / "metrics.json").write_text(json.dumps({"config": config}))


def test_the_diagnosis_is_printed(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diagnose.main([str(run_folder), "--data", str(run_folder / "faces.csv")])
    printed = capsys.readouterr()
    assert "saturated_by_bias (layer" in printed.out
    assert "constant_output" in printed.out
    assert max(map(len, printed.out.splitlines())) <= 80
    assert not printed.err


# The README diagnoses a run of train_cnn.py, in every run of the tests.
AT_NIGHT = [pytest.param(script, marks=pytest.mark.nightly) for script in ("train_mlp.py", "train_cnn.py")]


@pytest.mark.parametrize("script", [*AT_NIGHT, "train_cascade.py"])
def test_a_run_of_a_script_can_be_diagnosed(
    run_here: Callable[..., object], script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its metrics.json says what was really used, also where the command line did not."""
    monkeypatch.setattr(diagnose, "_DRAWN_FACES", 60)
    save_faces(draw_faces(60, seed=3), tmp_path / "faces.csv")
    level_2 = ["--level-2-epochs", 1] if script == "train_cascade.py" else []
    run_here(script, "--epochs", 1, *level_2, "--data", tmp_path / "faces.csv", "--out", tmp_path / "run")
    for name in [None, "level_2_nose_tip", "level_2_mouth_left_corner"] if level_2 else [None, "model"]:
        for data in (None, str(tmp_path / "faces.csv")):
            diagnosis = diagnose.diagnose_run(tmp_path / "run", data, name)
            assert diagnosis.findings or "healthy" in str(diagnosis) or "too early" in str(diagnosis)
            assert diagnosis.signals.layers[0].update_ratio > 0  # its optimizer and rate are known
    config = json.loads((tmp_path / "run" / "metrics.json").read_text())["config"]
    used = {"network": "plain" if script == "train_mlp.py" else "small", "epochs": 1, "batch_size": 64, "seed": 0}
    assert used.items() <= config.items()
    assert config["lr"] == (0.0005 if script == "train_mlp.py" else 0.002)
    left_open = {name for name, value in config.items() if value is None}
    assert left_open <= {
        "every",
        "time_limit",
        "test",
        "lookup",
        "average",
        "augment",
        "level_2_average",
        "level_2_augment",
    }


@pytest.mark.parametrize("name", [None, *OLD])
def test_a_run_of_an_earlier_version_can_be_diagnosed(run_folder: Path, name: str | None) -> None:
    """Null stands for what was not given; nor need every name be there."""
    missing = {} if name is None else {key: value for key, value in OLD.items() if key != name}
    null = OLD if name is None else OLD | {name: None}
    for config in (missing, null):
        write_config(run_folder, config)
        assert diagnose.diagnose_run(run_folder, str(run_folder / "faces.csv")).findings


@pytest.mark.parametrize("config", [None, [], "none", {}])
def test_a_run_that_does_not_say_how_it_was_trained_can_be_diagnosed(run_folder: Path, config: object) -> None:
    write_config(run_folder, config)
    assert diagnose.diagnose_run(run_folder, str(run_folder / "faces.csv")).findings
    (run_folder / "metrics.json").unlink()
    (run_folder / "history.csv").unlink()
    assert diagnose.diagnose_run(run_folder, str(run_folder / "faces.csv")).findings


def test_the_batch_size_of_old_runs_is_64(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    monkeypatch.setattr(nn, "diagnose", lambda *arguments, optimizer, **options: steps.append(optimizer.steps))
    for batch_size in (None, 64, 16):
        write_config(run_folder, OLD | {"batch_size": batch_size, "training_faces": 65})
        diagnose.diagnose_run(run_folder, str(run_folder / "faces.csv"))
    assert steps == [2 * 2, 2 * 2, 2 * 5]


@pytest.mark.parametrize(("optimizer", "momentum"), [("sgd", 0.9), ("Adam", None)])
def test_steps_are_judged_if_the_optimizer_is_known(
    run_folder: Path, capsys: pytest.CaptureFixture[str], optimizer: str, momentum: float | None
) -> None:
    """A history alone does not tell how they were made."""
    nn.save(networks.report_cnn(rng=0, dropout=0, hidden_bias=0), run_folder / "model.npz")
    (run_folder / "history.csv").write_text("epoch,loss,lr\n1,0.5,1e-9\n2,0.4999,1e-9\n")
    config = {"optimizer": optimizer, "lr": 1e-9, "weight_decay": 0.0, "batch_size": 8}
    config |= {} if momentum is None else {"momentum": momentum}
    for given, expected in ((config, True), ({}, False)):
        write_config(run_folder, given)
        diagnose.main([str(run_folder), "--data", str(run_folder / "faces.csv")])
        assert ("step_too_small" in capsys.readouterr().out) == expected


@pytest.mark.parametrize(
    "damage", [{"weight_decay": "much"}, {"batch_size": "many"}, {"seed": []}, {"training_faces": {}}]
)
def test_a_damaged_config_is_named(run_folder: Path, damage: dict[str, object]) -> None:
    write_config(run_folder, OLD | damage)
    with pytest.raises(ValueError, match=r"metrics.json: got a damaged config \(.*\), expected numbers; train again"):
        diagnose.diagnose_run(run_folder, str(run_folder / "faces.csv"))


@pytest.mark.parametrize("damaged", ["model.npz", "metrics.json", "history.csv", "faces.csv"])
def test_a_damaged_file_is_named(run_folder: Path, damaged: str) -> None:
    (run_folder / damaged).write_text("damaged\n1\n")
    with pytest.raises(ValueError, match=damaged):
        diagnose.diagnose_run(run_folder, str(run_folder / "faces.csv"))


def test_a_missing_folder_is_named(run_folder: Path) -> None:
    with pytest.raises(ValueError, match="none: got no such folder, expected"):
        diagnose.diagnose_run(run_folder / "none")


def test_no_file_is_opened_because_another_names_it(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = run_folder / "faces.csv"
    write_config(run_folder, OLD | {"data": str(named)})
    named.write_text("this would be an error")
    diagnose.main([str(run_folder)])
    printed = capsys.readouterr().out
    assert printed.startswith("Judged on drawn faces. Pass --data to judge it on what it was trained on:\n'")
    assert "saturated_by_bias" in printed
    write_config(run_folder, OLD | {"data": "x\n" * 10**5})
    diagnose.main([str(run_folder)])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 110


@pytest.mark.parametrize(
    "damage",
    [
        {"batch_size": 10**30}, {"batch_size": 0}, {"batch_size": 2.0}, {"batch_size": True}, {"seed": -1},
        {"seed": 10**40}, {"rows": "x"}, {"rows": 5}, {"lr": -1}, {"lr": "nan"}, {"weight_decay": -0.1},
        {"momentum": 1.5}, {"momentum": 1, "optimizer": "sgd"}, {"nesterov": "no"}, {"optimizer": 5}, {"data": 5},
        {"data": ["a"]}, {"training_faces": -1},
    ],
)  # fmt: skip
def test_each_field_has_its_type_and_range(run_folder: Path, damage: dict[str, object]) -> None:
    (run_folder / "history.csv").unlink()
    write_config(run_folder, OLD | damage)
    with pytest.raises(ValueError, match=r"metrics.json: got a damaged config \(.*\), expected numbers") as caught:
        diagnose.diagnose_run(run_folder)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", ["", "5", "[]", "null", '"config"', "{}", '{"config": NaN}', "[" * 10**5, "\udcff"])
def test_metrics_may_be_anything(run_folder: Path, content: str) -> None:
    (run_folder / "metrics.json").write_text(content, errors="surrogateescape")
    with pytest.raises(ValueError, match=r"metrics.json: got a damaged file \(.*\), expected a config") as caught:
        diagnose.diagnose_run(run_folder)
    assert len(str(caught.value)) < 300


def test_a_network_that_diverged_is_diagnosed(run_folder: Path) -> None:
    network = networks.report_cnn(rng=0)
    network.layers[0].params["bias"][:] = float("nan")
    nn.save(network, run_folder / "model.npz")
    assert "not_finite" in diagnose.diagnose_run(run_folder, str(run_folder / "faces.csv")).codes


def test_remedies_are_tried_if_asked_for(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_config(run_folder, {"optimizer": "adam", "lr": 0.002, "seed": 3})
    for option, tried in (([], False), (["--try-remedies"], True)):
        diagnose.main([str(run_folder), "--data", str(run_folder / "faces.csv"), *option])
        assert ("tried: unexplained after" in capsys.readouterr().out) == tried


def test_a_picture_is_drawn_where_it_can_be(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, picture = ["--data", str(run_folder / "faces.csv")], run_folder / "diagnosis.png"
    diagnose.main([str(run_folder), *data, "--picture", str(picture)])
    assert picture.read_bytes().startswith(b"\x89PNG")
    for wrong, words in (("diagnosis.jpg", "expected a name that ends in .png"), ("none/d.png", "does not exist")):
        with pytest.raises(SystemExit) as stop:
            diagnose.main([str(run_folder), *data, "--picture", str(run_folder / wrong)])
        assert stop.value.code == 2
        assert words in capsys.readouterr().err


def test_a_network_by_its_name_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diagnose.main(["--network", "report", "--json", str(tmp_path / "d.json")])
    printed = capsys.readouterr().out
    facts = json.loads((tmp_path / "d.json").read_text())
    assert facts["healthy"] is False
    assert {"saturated_by_bias"} <= {finding["code"] for finding in facts["findings"]}
    for number, finding in enumerate(facts["findings"], 1):
        place = "" if finding["layer"] is None else f" (layer {finding['layer']})"
        assert f"{number}. {finding['code']}{place}" in printed
    assert facts["layers"][0]["index"] == 0
    assert facts["layers"][-1]["never_active"] is None  # no ReLU behind the last layer: not measured
