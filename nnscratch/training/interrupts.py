"""Ctrl-C during a training: the batch under way is finished before the training ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def finish_the_batch() -> Iterator[threading.Event]:
    """Gives an event that the first Ctrl-C inside the block sets; the second one raises at once.

    Why: an exception in the middle of a step would leave some weights moved and others not.

    A program that handles Ctrl-C itself goes on doing so, and so does another thread than the main
    one, which gets none: then nothing sets the event.

    >>> with finish_the_batch() as asked:
    ...     signal.raise_signal(signal.SIGINT)
    ...     asked.is_set()
    True
    """
    asked = threading.Event()
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield asked
        return

    def first(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, first)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
