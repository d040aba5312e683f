"""An act on several images, one after the other: how far it is, and what failed."""

from __future__ import annotations

from glancetui.client.values import RemoteImage


class Run:
    """Made for each act, looked at by whoever shows it. Lives on the event loop."""

    def __init__(self, done: str, total: int) -> None:
        """`done`: what was done to an image, once it is: "deleted"."""
        self.done, self.total = done, total
        self.succeeded: list[RemoteImage] = []
        self.failed: list[tuple[RemoteImage, str]] = []
        self.stopped = False  # no more are begun

    @property
    def tried(self) -> int:
        return len(self.succeeded) + len(self.failed)

    def text(self) -> str:
        failed = f" · {len(self.failed)} failed" if self.failed else ""
        return f"{self.done} {self.tried:,}/{self.total:,}{failed}"
