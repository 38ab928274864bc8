"""A run from its beginning to its end: what it refuses, goes on with, replaces, and how it ends."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts.interruption import Interrupted
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.run_checkpoints import steering
from nnscratch.keypoints.scripts.run_files import names_in
from nnscratch.keypoints.scripts.training_run import TrainingRun, command_to_resume


@pytest.fixture
def options(tmp_path: Path) -> TrainingOptions:
    return TrainingOptions(tmp_path / "a" / "run", epochs=3)


def begin(options: TrainingOptions) -> None:
    """A run that ends in its first epoch, with or without a checkpoint, as a kill leaves it."""
    with TrainingRun.opened(options) as run:
        run.begin(options)
        (run.checkpoints.folder / "network.npz").write_text("a state")


def finish(options: TrainingOptions) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "model.npz").write_text("a model")
    (options.out / "metrics.json").write_text(json.dumps({"finished": True, "options": steering(options)}))


def look(options: TrainingOptions) -> None:
    with TrainingRun.opened(options):
        pass


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_goes_away_again_if_nothing_came_of_it(options: TrainingOptions, tmp_path: Path) -> None:
    with TrainingRun.opened(options):
        assert names_in(options.out) == [".lock"]
    assert names_in(tmp_path) == []
    options.out.mkdir(parents=True)
    look(options)
    assert options.out.is_dir()  # the user's own


@pytest.mark.parametrize("make", [begin, finish])
def test_an_earlier_run_is_not_overwritten_in_silence(make: object, options: TrainingOptions) -> None:
    make(options)  # type: ignore[operator]
    before = tree(options.out)
    with pytest.raises(DataError, match=r"--resume goes on with .*, --overwrite replaces it; or give another --out"):
        look(options)
    assert tree(options.out) == before


def test_results_of_an_earlier_version_are_a_run_too(options: TrainingOptions) -> None:
    options.out.mkdir(parents=True)
    (options.out / "model.npz").touch()
    with pytest.raises(DataError, match=r"got an earlier run \(model.npz ...\), expected a new folder"):
        look(options)
    with pytest.raises(DataError, match=r"got an earlier run \(model.npz ...\) without checkpoints"):
        look(replace(options, resume=True))
    look(replace(options, overwrite=True))


def test_resume_goes_on_with_the_same_options(options: TrainingOptions) -> None:
    begin(options)
    with pytest.raises(DataError, match="got an unfinished run --epochs 3, now --epochs 4; give the same options"):
        look(replace(options, resume=True, epochs=4))
    resumed = replace(options, resume=True, threads=1, test="test.csv")
    with TrainingRun.opened(resumed) as run:
        run.begin(resumed)
        assert run.checkpoints.have_state


@pytest.mark.parametrize("earlier", ["nothing", "an empty folder", "no state"])
def test_resume_of_nothing_begins_and_says_so(
    earlier: str, options: TrainingOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    if earlier == "an empty folder":
        options.out.mkdir(parents=True)
    if earlier == "no state":
        begin(options)
        (options.out / "checkpoints" / "network.npz").unlink()
    look(replace(options, resume=True))
    assert "training from the beginning" in capsys.readouterr().out


def test_resume_of_a_finished_run(options: TrainingOptions, capsys: pytest.CaptureFixture[str]) -> None:
    finish(options)
    before = tree(options.out)
    with pytest.raises(SystemExit) as end:
        look(replace(options, resume=True))
    assert end.value.code == 0
    assert "the run is finished, nothing to resume" in capsys.readouterr().out
    with pytest.raises(DataError, match="got a finished run --epochs 3, now --epochs 4"):
        look(replace(options, resume=True, epochs=4))
    assert tree(options.out) == before


def test_overwrite_discards_checkpoints_and_keeps_results_until_there_are_others(options: TrainingOptions) -> None:
    finish(options)
    begin(replace(options, overwrite=True))
    again = replace(options, overwrite=True, epochs=4)
    look(again)  # data that cannot be read, say
    assert (options.out / "checkpoints" / "network.npz").exists()
    with TrainingRun.opened(again) as run:
        run.begin(again)
        assert not run.checkpoints.have_state
    assert (options.out / "model.npz").read_text() == "a model"
    assert json.loads((options.out / "checkpoints" / "run.json").read_text())["options"]["epochs"] == 4


def test_leftovers_of_a_killed_run_are_removed(options: TrainingOptions) -> None:
    begin(options)
    for place in (options.out, options.out / "checkpoints"):
        (place / ".unfinished-model-x1.npz").write_text("half")
    arriving = options.out / ".arriving"
    arriving.mkdir()
    (arriving / "model.npz").write_text("whole")
    look(replace(options, resume=True))
    assert (options.out / "model.npz").read_text() == "whole"
    assert names_in(options.out) == ["checkpoints", "model.npz"]
    assert names_in(options.out / "checkpoints") == ["network.npz", "run.json"]


def test_two_runs_in_one_folder(options: TrainingOptions) -> None:
    with TrainingRun.opened(options), pytest.raises(DataError, match="trains now, expected one that is free"):
        look(replace(options, overwrite=True))


@pytest.mark.parametrize("name", ["data", "test", "lookup"])
def test_a_run_does_not_replace_what_it_reads(name: str, options: TrainingOptions) -> None:
    options.out.mkdir(parents=True)
    path = options.out / "test.csv"
    path.write_text("Kaggle's")
    with pytest.raises(DataError, match="got a file that the run would replace"):
        look(replace(options, overwrite=True, **{name: str(path)}))
    assert path.read_text() == "Kaggle's"


def test_how_it_ends(options: TrainingOptions, capsys: pytest.CaptureFixture[str]) -> None:
    again = replace(options, overwrite=True)

    def interrupted(number: signal.Signals, *, finished: bool) -> None:
        with TrainingRun.opened(again) as run:
            run.begin(again)
            signal.raise_signal(number)
            run.finished = finished

    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        with pytest.raises(SystemExit) as end:
            interrupted(number, finished=False)
        assert end.value.code == status
        assert "go on with: python " in capsys.readouterr().err
        interrupted(number, finished=True)  # it came too late: the run is whole
    with pytest.raises(Interrupted) as raised, TrainingRun.opened(replace(options, overwrite=True)):
        signal.raise_signal(signal.SIGTERM)
    assert (raised.value.status, raised.value.then) == (143, "")


def test_results_go_elsewhere_if_they_must(options: TrainingOptions, capsys: pytest.CaptureFixture[str]) -> None:
    def write(folder: Path) -> str:
        if folder in full:
            (folder / "half").touch()
            raise OSError(28, "No space left on device", str(folder))
        (folder / "model.npz").touch()
        return "written"

    out = options.out
    full = {out}
    (out.parent / "run-rescued").mkdir(parents=True)  # of an earlier time: stays as it is
    run = TrainingRun(out)
    assert run.write(write) == "written"
    assert names_in(out.parent / "run-rescued") == []
    assert names_in(out.parent / "run-rescued-2") == ["model.npz"]
    assert (run.out, run.is_rescued) == (out.parent / "run-rescued-2", True)
    assert f"{out}: could not be written (No space left on device); the results are in" in capsys.readouterr().err
    full.add(out.parent / "run-rescued-3")
    run = TrainingRun(out)
    run.write(write)
    assert run.out.name == "run"
    assert not (out.parent / "run-rescued-3").exists()
    (run.out / "model.npz").unlink()
    run.out.rmdir()
    run.out.parent.rmdir()


def test_a_rescued_run_ends_with_status_2(options: TrainingOptions) -> None:
    with pytest.raises(SystemExit) as end, TrainingRun.opened(options) as run:
        run.out, run.finished = options.out.parent, True
    assert end.value.code == 2


def test_a_checkpoint_that_cannot_be_written_is_told_once(
    options: TrainingOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    run = TrainingRun(options.out)
    for _ in range(2):
        run.checkpoint_failed(OSError(28, "No space left on device", "run/checkpoints/network.npz"))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    for part in ("run/checkpoints/network.npz", "No space left on device", f"{options.out}-rescued"):
        assert part in told


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--epochs", "3"], ["--epochs", "3", "--resume"]),
        (["--overwrite", "--out", "a b"], ["--out", "a b", "--resume"]),
        (["--over", "--out", "x"], ["--out", "x", "--resume"]),
        (["--resume"], ["--resume"]),
        (["--res", "--recipe", "best"], ["--res", "--recipe", "best"]),
    ],
)
def test_the_command_to_go_on_with(monkeypatch: pytest.MonkeyPatch, given: list[str], expected: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["examples/train_cnn.py", *given])
    assert shlex.split(command_to_resume()) == ["python", "examples/train_cnn.py", *expected]
