"""Signals: at once or after the batch. A second one waits for the networks, a third does not."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nnscratch.keypoints.scripts import interruption
from nnscratch.keypoints.scripts.interruption import STATUSES, Interrupted, Interruption

ROOT = Path(__file__).parents[3]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize(("number", "status"), list(zip(SIGNALS, STATUSES, strict=True)))
def test_at_once_before_the_training(number: signal.Signals, status: int) -> None:
    before = handlers()
    with pytest.raises(Interrupted) as raised, Interruption() as taken:
        signal.raise_signal(number)
    assert (raised.value.status, taken.status) == (status, status)
    assert handlers() == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_training_finishes_its_batch(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    with Interruption() as taken:
        taken.finish_first()
        assert not taken.stop.is_set()
        signal.raise_signal(number)
        assert taken.stop.is_set()
        assert "finishing the batch and saving; once more" in capfd.readouterr().err
        taken.networks_saved()  # one signal alone: scores and pictures follow
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        assert taken.number == number  # the first one decides the status


def test_a_second_signal_waits_for_the_networks(capfd: pytest.CaptureFixture[str]) -> None:
    with Interruption() as taken:
        taken.finish_first()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert "as soon as the networks are saved" in capfd.readouterr().err
        with pytest.raises(Interrupted) as raised:
            taken.networks_saved()
        assert raised.value.status == 143


def test_a_rename_is_not_torn() -> None:
    with Interruption() as taken:
        done = []

        def rename() -> None:
            with taken.held():
                signal.raise_signal(signal.SIGINT)
                done.append("all of it")

        with pytest.raises(Interrupted):
            rename()
        assert done == ["all of it"]


@pytest.mark.parametrize("number", SIGNALS)
def test_an_ignored_signal_stays_ignored(number: signal.Signals) -> None:
    """As nohup does it with SIGHUP."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Interruption():
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)


def test_no_signals_after_the_end() -> None:
    before = handlers()
    try:
        with Interruption() as taken:
            taken.ignore_more()
        assert handlers() == [signal.SIG_IGN] * 3
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)  # type: ignore[arg-type]


def test_another_thread_takes_none() -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with Interruption():
                pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


def program(*lines: str) -> list[str]:
    start = "import os, signal, sys, time", "from nnscratch.keypoints.scripts.interruption import Interruption"
    return [sys.executable, "-W", "error", "-c", "\n".join([*start, *lines])]


def test_a_third_signal_ends_it_at_once() -> None:
    lines = (
        "taken = Interruption().__enter__()",
        "taken.finish_first()",
        *["signal.raise_signal(15)"] * 3,
        "print('on')",
    )
    done = subprocess.run(program(*lines), cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (143, "")
    assert "ended at once" in done.stderr


def test_a_terminal_that_is_closed_is_written_to_no_more() -> None:
    """A write to it is an error, which would end the training that SIGHUP lets finish."""
    (ours, theirs), (is_ready, ready) = pty.openpty(), os.pipe()
    lines = (
        "taken = Interruption().__enter__()",
        "taken.finish_first()",
        f"os.write({ready}, b'ready')",  # by a pipe: half of a line to the terminal may still be under way
        "while not taken.stop.is_set(): time.sleep(0.01)",
        "print('a line'); print('another', file=sys.stderr, flush=True); sys.stdout.flush()",
        "os._exit(taken.status)",
    )
    process = subprocess.Popen(
        program(*lines), cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, process_group=0, pass_fds=(ready,)
    )
    os.close(theirs)
    os.close(ready)
    assert os.read(is_ready, 100) == b"ready"
    os.close(is_ready)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 129


def test_no_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    interruption.say("nobody reads this")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    interruption.say("nor this")
