"""The options of training scripts: what is read into which field, and what is refused."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nnscratch.command_output import STDOUT
from nnscratch.keypoints.networks import kfkd, report_mlp
from nnscratch.keypoints.recipe import HELD_OUT, Recipe
from nnscratch.keypoints.scripts.command_line import add_number
from nnscratch.keypoints.scripts.options import MeasuringOptions, TrainingOptions, TrainingParser

NETWORKS = {"a": report_mlp, "b": kfkd}


def read(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> TrainingOptions:
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    parser = TrainingParser("Trains.", out="runs/x", recipes=["plain", "best"], networks=NETWORKS)
    return parser.read(TrainingOptions)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch) == TrainingOptions(out=Path("runs/x"))
    assert not Path("runs/x").exists()


def test_every_option_has_its_field(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "out": tmp_path / "run", "data": "a.zip", "rows": "complete", "recipe": "best", "network": "b", "epochs": 2,
        "batch_size": 8, "held_out": 0.3, "time_limit": 0.5, "seed": 7, "threads": 3, "test": "test.csv",
        "lookup": "lookup.csv",
        "every": 4,
    }  # fmt: skip
    arguments = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    for flag, other in (("resume", "overwrite"), ("overwrite", "resume")):
        options = read(monkeypatch, *arguments, f"--{flag}", "--distributed")
        assert options == TrainingOptions(**given, distributed=True, **{flag: True})
        assert vars(options) == given | {"distributed": True, flag: True, other: False, "quiet": False}


def test_a_script_that_leaves_no_run_has_none_to_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["measure.py", "--resume"])
    parser = TrainingParser("Measures.", out="runs", recipes=["best"], networks=[], keeps_run=False)
    with pytest.raises(SystemExit):
        parser.read(MeasuringOptions)
    monkeypatch.setattr(sys, "argv", ["measure.py", "--json", "-"])
    options = parser.read(MeasuringOptions)
    assert (options.resume, options.overwrite, options.quiet) == (False, False, False)
    assert options.json is STDOUT


def test_a_script_may_have_more_options(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class More(TrainingOptions):
        level_2_epochs: int | None = None

    parser = TrainingParser("Trains.", out="runs/x", recipes=["plain"], networks=NETWORKS)
    add_number(parser, "--level-2-epochs", help="epochs")
    for arguments, expected in (([], None), (["--level-2-epochs", "3"], 3)):
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        assert parser.read(More).level_2_epochs == expected


def test_a_recipe_says_how_many_faces_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the command line does. A script without recipes holds out the usual share."""
    recipes = {"plain": Recipe(report_mlp, epochs=1), "best": Recipe(report_mlp, epochs=1, held_out=0.05)}
    for given, names, expected in (
        ([], recipes, HELD_OUT),
        (["--recipe", "best"], recipes, 0.05),
        (["--recipe", "best", "--held-out", "0.2"], recipes, 0.2),
        (["--recipe", "best"], list(recipes), HELD_OUT),
    ):
        monkeypatch.setattr(sys, "argv", ["train.py", *given])
        parser = TrainingParser("Trains.", out="runs/x", recipes=names, networks=NETWORKS)
        assert parser.read(TrainingOptions).held_out == expected


def test_a_recipe_is_adjusted_by_what_is_given() -> None:
    recipe = Recipe(report_mlp, epochs=30, lr=0.5, batch_size=64, weight_decay=0.1)
    options = TrainingOptions(Path("run"), recipe="best", seed=3)
    assert options.adjusted(recipe, NETWORKS) == recipe
    assert replace(options, epochs=2).adjusted(recipe, NETWORKS) == replace(recipe, epochs=2)
    given = replace(options, network="b", epochs=2, batch_size=8)
    assert given.adjusted(recipe, NETWORKS) == replace(recipe, network=kfkd, epochs=2, batch_size=8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "argument --epochs: got '0', expected a whole number from 1 up"),
        (["--epochs", "1.5"], "argument --epochs"),
        (["--batch-size", "-1"], "argument --batch-size"),
        (["--threads", "two"], "argument --threads"),
        (["--seed", "-1"], "argument --seed: got '-1', expected a whole number from 0 up"),
        (["--held-out", "0"], "argument --held-out: got '0', expected a share, a number between 0 and 1"),
        (["--held-out", "1"], "argument --held-out"),
        (["--held-out", "nan"], "argument --held-out"),
        (["--held-out", "some"], "argument --held-out"),
        (["--time-limit", "0"], "argument --time-limit: got '0', expected minutes"),
        (["--time-limit", "nan"], "argument --time-limit"),
        (["--time-limit", "inf"], "argument --time-limit"),
        (["--network", "c"], "argument --network: invalid choice: 'c'"),
        (["--rows", "some"], "argument --rows"),
        (["--recipe", "good"], "argument --recipe: invalid choice: 'good'"),
        (["--lookup", "IdLookupTable.csv"], "argument --lookup: got it without --test, expected both"),
        (["--unknown"], "unrecognized arguments: --unknown"),
        (["--resume", "--overwrite"], "argument --overwrite: not allowed with argument --resume"),
        (["--out", __file__], "expected a folder or a new name"),
        (["--out", f"{__file__}/run"], "expected a folder or a new name"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        read(monkeypatch, *arguments)
    output = capsys.readouterr()
    assert stop.value.code == 2
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1
