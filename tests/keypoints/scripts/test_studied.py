from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.command_output import add_json
from nnscratch.commands import Parser
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.scripts.studied import Studied, add_subject, studied


def read(*arguments: str) -> Studied:
    parser = Parser("", "command")
    add_subject(parser)
    return studied(parser, parser.parse_args(list(arguments)), drawn=6)


def test_a_network_by_its_name_has_learnt_nothing_yet() -> None:
    found = read("--network", "mlp", "--seed", "3")
    expected = networks.report_mlp(rng=3)
    assert found.name == "mlp"
    for mine, its in zip(found.network.parameters(), expected.parameters(), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert isinstance(found.optimizer, nn.SGD)
    assert found.optimizer.model is found.network
    assert len(found.faces) == 6
    assert sorted(found.faces.image_ids) == sorted(draw_faces(6, seed=3).image_ids)


def test_without_anything_it_is_the_reports_cnn() -> None:
    assert repr(read().network) == repr(networks.report_cnn(rng=0))


def test_a_run_with_its_own_optimizer_and_data(tmp_path: Path) -> None:
    SingleNetwork(networks.report_mlp(rng=1)).save(tmp_path)
    (tmp_path / "metrics.json").write_text('{"config": {"optimizer": "sgd", "lr": 0.5, "momentum": 0.25}}')
    save_faces(draw_faces(9, seed=1), tmp_path / "faces.csv")
    found = read(str(tmp_path), "--data", str(tmp_path / "faces.csv"))
    assert isinstance(found.optimizer, nn.SGD)
    assert (found.optimizer.lr, found.optimizer.momentum) == (0.5, 0.25)
    assert len(found.faces) == 9
    assert len(read(str(tmp_path)).faces) == 6  # drawn ones


def test_a_runs_history_says_that_its_rows_were_shuffled(tmp_path: Path) -> None:
    SingleNetwork(networks.report_mlp(rng=1)).save(tmp_path)
    assert read(str(tmp_path)).history is None
    (tmp_path / "history.csv").write_text("epoch,loss\n1,0.5\n")
    history = read(str(tmp_path)).history
    assert history is not None
    assert history.shuffled is True


@pytest.mark.parametrize(("rates", "expected"), [((0.002, 0.0), 0.002), ((0.0,), 0.5), ((), 0.5)])
def test_the_rate_is_the_highest_that_is_known(tmp_path: Path, rates: tuple[float, ...], expected: float) -> None:
    """A history has that of each epoch's last step: after one epoch, a cosine is at 0."""
    SingleNetwork(networks.report_mlp(rng=1)).save(tmp_path)
    (tmp_path / "metrics.json").write_text('{"config": {"optimizer": "adam", "lr": 0.5}}')
    lines = [f"{epoch},0.5,{rate}\n" for epoch, rate in enumerate(rates, 1)]
    (tmp_path / "history.csv").write_text("epoch,loss,lr\n" + "".join(lines))
    optimizer = read(str(tmp_path)).optimizer
    assert optimizer is not None
    assert optimizer.lr == expected


def test_a_run_and_a_network_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        read(str(tmp_path), "--network", "kfkd")
    assert stop.value.code == 2
    assert "expected one of the two" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.npz", "metrics.json", "faces.csv"])
def test_an_output_does_not_replace_what_is_read(name: str, tmp_path: Path) -> None:
    SingleNetwork(networks.report_mlp(rng=1)).save(tmp_path)
    (tmp_path / "metrics.json").write_text('{"config": {}}')
    save_faces(draw_faces(2, seed=1), tmp_path / "faces.csv")
    before = (tmp_path / name).read_bytes()
    parser = Parser("", "command")
    add_subject(parser)
    add_json(parser)
    given = [str(tmp_path), "--data", str(tmp_path / "faces.csv"), "--json"]
    with pytest.raises(ValueError, match=f"{name}: got a file that is read, expected another one; give another --json"):
        studied(parser, parser.parse_args([*given, str(tmp_path / name)]), drawn=2)
    assert (tmp_path / name).read_bytes() == before
    (tmp_path / "facts.json").write_text("{}")  # of an earlier time
    studied(parser, parser.parse_args([*given, str(tmp_path / "facts.json")]), drawn=2)
