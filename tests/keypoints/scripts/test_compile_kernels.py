"""python -m nnscratch compile: every kernel that the networks call; what goes wrong is one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnscratch import __main__
from nnscratch.kernels import cache
from nnscratch.keypoints.scripts import compile_kernels
from nnscratch.keypoints.scripts.compile_kernels import Compiled

ROOT = Path(__file__).parents[3]
QUICKEST = "updates, pictures"


@pytest.fixture
def one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_kernels, "PARTS", {QUICKEST: compile_kernels.PARTS[QUICKEST]})


@pytest.mark.usefixtures("one_part")
def test_a_table_and_the_same_facts_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    __main__.main(["compile", "--json", str(tmp_path / "facts.json")])
    printed = capsys.readouterr()
    assert not printed.err
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    (part,) = facts["parts"]
    assert part["part"] == QUICKEST
    assert part["found"] + part["compiled"] >= 6
    assert part["kept"] == part["compiled"]
    assert f"{part['compiled']} compiled, {part['found']} found" in printed.out
    assert f"kept in {facts['folder']}" in printed.out


def test_a_part_that_was_run_needs_nothing_more() -> None:
    compile_kernels.compile_part(QUICKEST)
    again = compile_kernels.compile_part(QUICKEST)
    assert (again.found, again.compiled, again.kept) == (0, 0, 0)


def _done(**counts: int) -> Iterator[Compiled]:
    yield Compiled(QUICKEST, **{"found": 0, "compiled": 0, "kept": 0, **counts}, seconds=1.0)


@pytest.mark.parametrize("option", [["--json", "-"], ["--quiet"]])
def test_the_table_is_left_out_for_programs(
    option: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compile_kernels, "_in_processes", lambda processes: _done(found=7))
    __main__.main(["compile", *option])
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out == "" if option == ["--quiet"] else json.loads(printed.out)["parts"][0]["found"] == 7


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int) -> str:
    """The one line on stderr of a run that ends with this status."""
    with pytest.raises(SystemExit) as stop:
        __main__.main(["compile", *arguments])
    assert stop.value.code == status
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_code_that_could_not_be_kept_is_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compile_kernels, "_in_processes", lambda processes: _done(compiled=2, kept=1))
    assert "got a kernel that could not be written" in failure([], capsys, 1)


def test_a_process_that_fails_is_status_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(compile_kernels, "PARTS", {"no such part": lambda: None})
    assert "got a process that ended early (KeyError: 'no such part')" in failure([], capsys, 1)


def test_no_folder_that_can_be_written_to_is_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cache, "folder", lambda: None)
    assert "set NUMBA_CACHE_DIR" in failure([], capsys, 2)


@pytest.mark.parametrize("processes", ["0", "-1", "two", "1.5", ""])
def test_a_wrong_number_of_processes_is_status_2(processes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a whole number from 1 up" in failure([f"--processes={processes}"], capsys, 2)


def test_a_file_that_cannot_be_written_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "got a folder" in failure(["--json", str(tmp_path)], capsys, 2)


def test_an_interrupt_ends_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def start(part: str) -> subprocess.Popen[str]:
        seconds = "0" if part == "short" else "60"
        program = f"import time; time.sleep({seconds}); print('{{}}')"
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    def interrupted(**facts: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compile_kernels, "PARTS", dict.fromkeys(["long", "short", "longer"]))
    monkeypatch.setattr(compile_kernels, "_start", start)
    monkeypatch.setattr(compile_kernels, "Compiled", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(compile_kernels._in_processes(2))
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


@pytest.mark.nightly
def test_no_published_network_needs_another_kernel() -> None:
    program = """
import runpy, numpy as np, nnscratch as nn
from nnscratch.kernels import cache
from nnscratch.keypoints.networks import NETWORKS
from nnscratch.keypoints.scripts.compile_kernels import PARTS, compile_part
for part in PARTS:
    compile_part(part)
def used():
    return cache.counts.found + cache.counts.compiled
before = used()
cnn = runpy.run_path("examples/train_cnn.py")
made = {name: make(rng=0) for name, make in NETWORKS.items()}
made |= {name: cnn[name](np.random.default_rng(0)) for name in ("small", "deep")}
for name, model in made.items():
    for images in (1, 16, 64):
        x = np.random.default_rng(0).random((images, 96, 96, 1), dtype=np.float32)
        loss = nn.MSELoss()
        for optimizer in nn.SGD(model, lr=1e-6, momentum=0.9), nn.Adam(model, lr=1e-6):
            for _ in range(11):  # the tenth is the first in one call
                y = model.forward(x, training=True)
                loss.forward(y, np.zeros_like(y))
                model.backward(loss.backward())
                optimizer.step()
        for _ in range(11):
            model.forward(x)
        print(name, images, used() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 18
    assert all(line.endswith(" 0") for line in done.stdout.splitlines()), done.stdout
