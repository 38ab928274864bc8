"""python -m nnscratch gradcheck: tables, mistakes, files, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import __main__
from nnscratch.gradient_check.broken_rules import spots
from nnscratch.gradient_check.broken_rules.rules import RULES
from nnscratch.keypoints import networks
from nnscratch.keypoints.scripts import gradcheck


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    gradcheck.main(list(arguments))
    out = capsys.readouterr()
    assert not out.err
    assert max(map(len, out.out.splitlines())) <= 80
    return out.out.splitlines()


def test_every_layer_and_loss(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys)
    for name in ("Dense(", "Conv2D(", "MaxPool2D(", "ReLU(", "Dropout(", "Flatten(", "MSELoss("):
        assert any(line.startswith(name) for line in lines), name
    assert "all right." in lines[-2]


def test_one_layer_and_its_facts_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = printed(capsys, "--layer", "maxPOOL2d", "--json", str(tmp_path / "facts.json"))
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["right"] is True
    assert facts["bound"] == 1e-7
    assert lines[-2].startswith(f"{len(facts['checked'])} configurations, ")
    assert all("MaxPool2D" in each["what"] for each in facts["checked"])
    gradients = [gradient for each in facts["checked"] for gradient in each["gradients"]]
    assert sum(line.endswith(" right") for line in lines) == len(gradients)
    for each in gradients:
        assert each["largest_relative_error"] <= 1e-7
        assert len(each["at"]) == len(each["shape"])
        assert each["entries"] == each["of_entries"] == np.prod(each["shape"])


@pytest.mark.parametrize("option", [["--json", "-"], ["--quiet"]])
def test_the_table_is_left_out_for_programs(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    gradcheck.main(["--layer", "relu", *option])
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out == "" if option == ["--quiet"] else json.loads(printed.out)["right"]


def test_a_wrong_layer_ends_with_status_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Flatten, "backward", lambda self, dy: 2 * dy.reshape(self.take("like_x")[0]))
    with pytest.raises(SystemExit) as stop:
        gradcheck.main(["--layer", "flatten"])
    assert stop.value.code == 1
    out = capsys.readouterr().out
    assert " wrong\n" in out
    assert " WRONG." in out


@pytest.mark.parametrize("name", ["report", "mlp"])
def test_a_network(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "--network", name, "--entries", "2")
    network = networks.NETWORKS[name](rng=0)
    arrays = len(network.parameters()) + 1
    assert sum(line.endswith(" right") for line in lines) == arrays
    assert any("2 of 18,432" in line for line in lines)  # two faces of 96 x 96
    assert f"The network {name}, {arrays} gradients: all right." in lines


def test_a_wrong_network_is_found(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong_network(rng: int) -> nn.Sequential:
        network = networks.report_cnn(rng=rng)
        network.layers[-1] = RULES[0].wrong(144, 30, rng=rng)
        return network

    monkeypatch.setitem(networks.NETWORKS, "report", wrong_network)
    with pytest.raises(SystemExit):
        gradcheck.main(["--network", "report", "--entries", "2"])
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.endswith(" wrong")]
    assert len(wrong) == 1
    assert wrong[0].split()[0] == "weight"


def test_every_network_has_a_number_of_entries() -> None:
    assert gradcheck._ENTRIES.keys() == networks.NETWORKS.keys()


def test_a_mistake_its_facts_and_its_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = ["--json", str(tmp_path / "facts.json"), "--plot", str(tmp_path / "curves.png")]
    text = "\n".join(printed(capsys, "--break", "transposed weight", *files))
    assert text.startswith("transposed-weight: ")
    assert "The check finds it." in text
    (rule,) = json.loads((tmp_path / "facts.json").read_text())["rules"]
    assert (rule["rule"], rule["found"]) == ("transposed-weight", True)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_list_of_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split()[0] for line in printed(capsys, "--break", "list")] == [rule.name for rule in RULES]


def test_a_mistake_that_the_check_misses_ends_with_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (rule,) = (rule for rule in RULES if rule.name == "sign")
    monkeypatch.setattr(rule.wrong, "backward_parameters", nn.Dense.backward_parameters)
    monkeypatch.setattr(spots, "EPOCHS", 1)
    with pytest.raises(SystemExit) as stop:
        gradcheck.main(["--break", "sign", "--markdown"])
    assert stop.value.code == 1
    assert "| sign |" in capsys.readouterr().out


def test_help_fits_and_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        gradcheck.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "python -m nnscratch gradcheck --break sign" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layer", "conv3d"], "got the layer 'conv3d', expected one of Dense, Conv2D,"),
        (["--break", "nothing"], "got the rule 'nothing', expected all, list or one of sign, "),
        (["--network", "vgg"], "argument --network: invalid choice: 'vgg'"),
        (["--layer", "relu", "--break", "sign"], "not allowed with argument"),
        (["--network", "report", "--entries", "0"], "argument --entries: got '0', expected a whole number from 1 up"),
        (["--entries", "3"], "got --entries without --network, expected both"),
        (["--markdown"], "got --plot or --markdown without --break, expected both"),
        (["--layer", "relu", "--plot", "a.png"], "got --plot or --markdown without --break, expected both"),
        (["--break", "sign", "--plot", "a.pdf"], "--plot: got 'a.pdf', expected a name that ends in .png"),
        (["--break", "sign", "--plot", "nowhere/a.png"], "nowhere/a.png: got a folder that does not exist"),
        (
            ["--layer", "relu", "--json", "nowhere/a.json"],
            "argument --json: nowhere/a.json: got a folder that does not exist",
        ),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        __main__.main(["gradcheck", *arguments])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert len(printed.err.splitlines()) == 1
    assert message in printed.err
    assert list(tmp_path.iterdir()) == []


def test_it_is_quiet_in_a_pipe() -> None:
    command = [sys.executable, "-W", "error", "-m", "nnscratch", "gradcheck", "--layer", "flatten"]
    done = subprocess.run(command, cwd=Path(nn.__file__).parents[1], capture_output=True, text=True, check=True)
    assert not done.stderr
    assert done.stdout.isascii()
    assert "\r" not in done.stdout
