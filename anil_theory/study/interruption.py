"""Ctrl-C during a run: the first asks the run to stop after the cells in hand, the second ends the process at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

EXIT_INTERRUPTED = 130
SHOW_CURSOR = b"\x1b[?25h"
"""A progress bar hides the cursor of the terminal."""


@contextmanager
def interruptible() -> Iterator[Event]:
    """An event that the first Ctrl-C inside the block sets; the second ends the process with status 130.

    Outside the main thread, and where the process ignores the signal, nothing changes: only the main thread may
    handle signals.
    """
    requested = Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield requested
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if requested.is_set():
            _end_at_once()
        requested.set()

    signal.signal(signal.SIGINT, handle)
    try:
        yield requested
    finally:
        signal.signal(signal.SIGINT, before)


def _end_at_once() -> None:
    """Without clean-up, which could wait for the cells at work: records are whole at every moment."""
    if os.isatty(2):
        os.write(2, SHOW_CURSOR)
    os._exit(EXIT_INTERRUPTED)
