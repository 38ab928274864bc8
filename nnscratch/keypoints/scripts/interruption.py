"""Ctrl-C and the signals to end a program: at once, or after the batch and the saving.

SIGINT   Ctrl-C                            status 130
SIGTERM  kill, a machine that goes down    status 143
SIGHUP   a terminal that is closed         status 129; ignored under nohup
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
STATUSES = (130, 143, 129)  # with which they end a program
_OUTPUTS = (1, 2)  # file descriptors of stdout and stderr


class Interrupted(KeyboardInterrupt):
    """The program is to end at once.

    status : the exit status, 128 + the signal's number
    then   : what the user can do next, for the end of the message
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number
        self.then = ""


class Interruption:
    """Takes the signals while its `with` block runs.

    A signal raises `Interrupted`, except between `finish_first` and `networks_saved`: there the
    first sets `stop`, so that trainings finish their batch. A second one there is remembered, and
    ends the program once the networks are on disk. A third does not wait for that.

    Attributes
        stop   : what trainings look at between two batches
        number : of the first signal; None: there was none

    >>> with Interruption() as interruption:
    ...     try:
    ...         signal.raise_signal(signal.SIGTERM)
    ...     except Interrupted as interrupted:
    ...         print(interrupted, interrupted.status)
    SIGTERM 143
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.number: int | None = None
        self._count = 0
        self._finishing = False
        self._held = False
        self._before: dict[int, Any] = {}
        self._terminals = [output for output in _OUTPUTS if _is_terminal(output)]

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # no other thread gets signals
            for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def ignore_more(self) -> None:
        """The program ends because of a signal: no other one disturbs that, to its very end."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        self._before.clear()

    @property
    def status(self) -> int:
        """The exit status after the first signal; of Ctrl-C if there was none."""
        return 128 + (self.number or signal.SIGINT)

    def finish_first(self) -> None:
        """The training begins: from now on the first signal lets it finish its batch."""
        self._finishing = True

    def networks_saved(self) -> None:
        """Networks are on disk: from now on a signal ends the program at once.

        Raises
            Interrupted : there were two signals already
        """
        self._finishing = False
        if self._count > 1 and self.number is not None:
            raise Interrupted(self.number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A short block that no signal may tear: `Interrupted` is raised at its end."""
        self._held, before = True, self._count
        try:
            yield
        finally:
            self._held = False
        if self._count > before and not self._finishing and self.number is not None:
            raise Interrupted(self.number)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        self.number = self.number or number
        self._leave_closed_terminals()
        if self._held and self._count < 4:
            self.stop.set()
            return
        if not self._finishing:
            raise Interrupted(self.number)
        self.stop.set()
        if self._count == 1:
            _say_now("interrupted: finishing the batch and saving; once more leaves scores and pictures out")
        elif self._count == 2:
            _say_now("ending as soon as the networks are saved; once more to end at once")
        else:
            _say_now("ended at once; the last checkpoint stays")
            os._exit(self.status)

    def _leave_closed_terminals(self) -> None:
        """Whatever is written to a terminal that was closed is an error, in progress bars too."""
        for output in self._terminals:
            if not _is_terminal(output):
                with suppress(OSError):
                    nowhere = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nowhere, output)
                    os.close(nowhere)


def say(line: str) -> None:
    """Tells the user something on stderr, if there is one, on a line of its own."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(_on_its_own(line), end="", file=sys.stderr, flush=True)


def _say_now(line: str) -> None:
    """As `say`, from a signal's handler: the signal may have come in the middle of a print()."""
    if getattr(sys.stderr, "is_silent", False):  # one of several ranks speaks (distributed.py)
        return
    with suppress(OSError):
        os.write(2, _on_its_own(line).encode())


def _on_its_own(line: str) -> str:
    start = "\n" if _is_terminal(2) else ""  # a progress bar may be there
    return f"{start}{Path(sys.argv[0]).name}: {line}\n"


def _is_terminal(output: int) -> bool:
    try:
        return os.isatty(output)
    except OSError:
        return False
