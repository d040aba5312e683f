"""A terminal that goes away, as when its window is closed or ssh is cut: the program leaves in order."""

from __future__ import annotations

import os
import signal
import threading

from textual.drivers._writer_thread import WriterThread


def leave_when_the_terminal_goes() -> None:
    """From now on, in this process. Not every terminal sends SIGHUP, but to none that is gone can be written.

    Textual's thread that writes ends at the first error, and whoever writes next waits for ever once its queue is full:
    the event loop too, so that no signal would be heard either. Here it goes on and throws away what it is given.
    """
    others = threading.excepthook

    def hook(found: threading.ExceptHookArgs) -> None:
        if not (isinstance(found.thread, WriterThread) and isinstance(found.exc_value, OSError)):
            others(found)
            return
        os.kill(os.getpid(), signal.SIGHUP)
        while found.thread._queue.get() is not None:
            pass

    threading.excepthook = hook
