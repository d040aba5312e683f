"""The answers to recent writes, so that one that is sent twice is done once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from glancetui.errors import RegistryUnavailable
from glancetui.registry.service.faults import fault_of
from glancetui.registry.service.frames import Answer, Request, encode

Key = tuple[str, int]  # the caller's name and the number of its call

KEPT_SECONDS = 60.0  # callers give up within a few seconds
KEPT_ANSWERS = 20_000  # more writes than a database takes in the time that callers try again
KEPT_BYTES = 64 << 20
MARGIN = 5.0  # seconds that a copy of a call may have been on its way for longer than the call itself


class _Entry:
    __slots__ = ("answer", "at", "done")

    def __init__(self) -> None:
        self.at = time.monotonic()
        self.done = threading.Event()
        self.answer = b""


class Recent:
    """Callable from many threads."""

    def __init__(self, *, answers: int = KEPT_ANSWERS, size: int = KEPT_BYTES) -> None:
        self._most, self._most_bytes = answers, size
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()  # oldest first
        self._bytes = 0
        self._complete_since = 0.0  # of every call that came after this (monotonic), an entry is kept
        self._lock = threading.Lock()

    def once(self, caller: str, request: Request, do: Callable[[], bytes]) -> bytes:
        """The answer: of `do`, or of the first time that this call came. A second copy waits for the first."""
        key = (caller, request.number)
        with self._lock:
            entry = self._entries.get(key)
            first = entry is None
            if entry is None:
                if request.age is not None and time.monotonic() - request.age - MARGIN <= self._complete_since:
                    return _forgotten(request)
                entry = self._entries[key] = _Entry()
        if first:
            self._do(entry, do)
        else:
            entry.done.wait()
        return entry.answer

    def _do(self, entry: _Entry, do: Callable[[], bytes]) -> None:
        try:
            entry.answer = do()
        finally:
            entry.done.set()
            with self._lock:
                self._bytes += len(entry.answer)
                self._trim()

    def _trim(self) -> None:
        long_ago = time.monotonic() - KEPT_SECONDS
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            too_much = len(self._entries) > self._most or self._bytes > self._most_bytes
            if not oldest.done.is_set() or not (too_much or oldest.at < long_ago):
                return
            del self._entries[key]
            self._bytes -= len(oldest.answer)
            self._complete_since = oldest.at


def _forgotten(request: Request) -> bytes:
    sentence = "Nobody knows any more whether this change was made. Look, then try again."
    return encode(Answer(request.number, fault_of(RegistryUnavailable(sentence))))
