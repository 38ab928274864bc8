from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

import pytest

from nnscratch.training.interrupts import finish_the_batch


def test_the_first_ctrl_c_asks_and_the_second_raises() -> None:
    with finish_the_batch() as asked:
        assert not asked.is_set()
        signal.raise_signal(signal.SIGINT)
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_block_leaves_no_handler() -> None:
    with pytest.raises(ZeroDivisionError), finish_the_batch():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_that_handles_ctrl_c_goes_on_doing_so() -> None:
    seen: list[int] = []

    def own(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before: Callable[..., object] | int | None = signal.signal(signal.SIGINT, own)
    try:
        with finish_the_batch() as asked:
            signal.raise_signal(signal.SIGINT)
            assert not asked.is_set()
        assert signal.getsignal(signal.SIGINT) is own
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_than_the_main_one_sets_no_handler() -> None:
    handlers: list[object] = []

    def work() -> None:
        with finish_the_batch():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
